//! Overlap of classes: intersection over union.

use keras_tensor::op::ScatterAdd;
use keras_tensor::{DType, Error, Op, Result, Tensor, Variable, apply_one, ops};

use super::state::{State, add_to};
use super::{Direction, Measure};
use crate::losses::regression::EPSILON;
use crate::shapes::{misfit, weigh};

/// What the five metrics have in common.
struct Overlap<'a> {
    name: &'a str,
    dtype: DType,
    classes: usize,
    /// `None` for all.
    targets: Option<&'a [usize]>,
    ignore_class: Option<i64>,
    sparse_y_true: bool,
    sparse_y_pred: bool,
    axis: isize,
    matrix: &'a State,
}

impl Overlap<'_> {
    fn variable(&self) -> &Variable {
        let shape = [self.classes; 2];
        self.matrix
            .variable(self.name, "total_confusion_matrix", &shape, self.dtype)
    }

    fn check(&self) -> Result<()> {
        if self.classes == 0 {
            return Err(Error::argument("num_classes", 0, "at least 1"));
        }
        let outside = self
            .targets
            .and_then(|t| t.iter().find(|&&c| c >= self.classes));
        match outside {
            Some(class) => Err(Error::argument(
                "target_class_ids",
                class,
                format!("classes from 0 to {}", self.classes - 1),
            )),
            None => Ok(()),
        }
    }

    /// Class numbers `[samples]`.
    fn line(&self, t: &Tensor, sparse: bool) -> Result<Tensor> {
        let t = if sparse {
            t.clone()
        } else {
            ops::argmax(t, self.axis)?
        };
        ops::reshape(ops::cast(ops::cast(t, self.dtype)?, DType::I64)?, &[-1])
    }

    fn update(&self, y_true: &Tensor, y_pred: &Tensor, weight: Option<&Tensor>) -> Result<()> {
        self.check()?;
        let y = self.line(y_true, self.sparse_y_true)?;
        let p = self.line(y_pred, self.sparse_y_pred)?;
        if y.size() != p.size() {
            return Err(misfit(
                self.name,
                y_true,
                y_pred,
                "one prediction for each label",
            ));
        }
        let inside = |t: &Tensor| {
            let below = ops::less(t, self.classes as i64)?;
            ops::logical_and(ops::greater_equal(t, 0)?, below)
        };
        let mut counts = ops::logical_and(inside(&y)?, inside(&p)?)?;
        if let Some(class) = self.ignore_class {
            counts = ops::logical_and(&counts, ops::not_equal(&y, class)?)?;
        }
        let mut values = ops::cast(&counts, self.dtype)?;
        if let Some(w) = weight {
            // As in Keras, weights take the metric's dtype, int64 by default.
            let w = ops::cast(w, self.dtype)?;
            let w = if w.rank() > 1 {
                ops::reshape(w, &[-1])?
            } else {
                w
            };
            values = weigh(self.name, &values, &w, "sample_weight")?;
        }
        let place = ops::add(ops::multiply(&y, self.classes as i64)?, &p)?;
        let place = ops::where_(&counts, &place, ops::zeros_like(&place)?)?;
        let size = self.classes * self.classes;
        let sums = apply_one(
            Op::ScatterAdd(ScatterAdd { axis: 0, size }),
            &[&values, &place],
        )?;
        let sums = ops::reshape_to(&sums, [self.classes; 2].into())?;
        add_to(self.variable(), &sums)
    }

    fn result(&self) -> Result<Tensor> {
        self.check()?;
        let matrix = self.variable().value()?;
        let labels = ops::sum(&matrix, 1)?;
        let predicted = ops::sum(&matrix, 0)?;
        let flat = ops::reshape(&matrix, &[-1])?;
        let step = self.classes as i64 + 1;
        let diagonal = ops::multiply(ops::arange(0, self.classes as i64, DType::I64)?, step)?;
        let hits = ops::take(flat, diagonal, 0)?;
        let union = ops::subtract(ops::add(labels, predicted)?, &hits)?;
        let chosen = |t: Tensor| {
            let t = ops::cast(t, DType::F32)?;
            match self.targets {
                Some(targets) => {
                    let places: Vec<i64> = targets.iter().map(|&c| c as i64).collect();
                    ops::take(t, Tensor::new(&places, [places.len()])?, 0)
                }
                None => Ok(t),
            }
        };
        let (hits, union) = (chosen(hits)?, chosen(union)?);
        // Classes that are neither label nor prediction do not count.
        let present = ops::cast(ops::greater(&union, 1e-9)?, DType::F32)?;
        let shares = ops::multiply(ops::divide(hits, ops::add(&union, EPSILON)?)?, &present)?;
        let count = ops::add(ops::sum(&present, None)?, EPSILON)?;
        ops::divide(ops::sum(shares, None)?, count)
    }
}

macro_rules! iou {
    ($Metric:ident |$this:ident| { $($field:ident: $value:expr,)* } $(, |$p:ident| $prepared:expr)?) => {
        impl $Metric {
            fn overlap(&self) -> Overlap<'_> {
                let $this = self;
                Overlap {
                    name: &self.name,
                    dtype: self.dtype,
                    matrix: &self.matrix,
                    $($field: $value,)*
                }
            }
        }

        impl Measure for $Metric {
            fn name(&self) -> &str {
                &self.name
            }

            fn direction(&self) -> Option<Direction> {
                Some(Direction::Up)
            }

            fn update_state(
                &self,
                y_true: &Tensor,
                y_pred: &Tensor,
                sample_weight: Option<&Tensor>,
            ) -> Result<()> {
                $(let ($this, $p) = (self, y_pred); let y_pred = &$prepared;)?
                self.overlap().update(y_true, y_pred, sample_weight)
            }

            fn result(&self) -> Result<Tensor> {
                self.overlap().result()
            }

            fn variables(&self) -> Vec<Variable> {
                vec![self.overlap().variable().clone()]
            }
        }
    };
}

metric! {
    /// The mean over some classes of `hits / (hits + missed + invented)`, of class numbers.
    ///
    /// Labels and predictions outside of `0..num_classes` do not count.
    IoU(
        /// How many classes there are.
        num_classes: usize,
        /// Which classes count.
        target_class_ids: Vec<usize>
    ) = auto "io_u" of DType::I64, {
        /// A label that does not count; none by default.
        ignore_class: Option<i64> = None,
        /// Whether labels are class numbers rather than one-hot; so by default.
        sparse_y_true: bool = true,
        /// Whether predictions are class numbers rather than a score for each class; so by default.
        sparse_y_pred: bool = true,
        /// The axis of classes where they are not numbers; the last by default.
        axis: isize = -1,
    } keeps { matrix: State }
}

iou! { IoU |this| {
    classes: this.num_classes,
    targets: Some(&this.target_class_ids),
    ignore_class: this.ignore_class,
    sparse_y_true: this.sparse_y_true,
    sparse_y_pred: this.sparse_y_pred,
    axis: this.axis,
} }

metric! {
    /// [`IoU`] of two classes, told apart by a threshold: predictions from it on are class 1.
    BinaryIoU() = auto "binary_io_u" of DType::I64, {
        /// Which classes count; both by default.
        target_class_ids: Vec<usize> = vec![0, 1],
        /// From which on a prediction is class 1; 0.5 by default.
        threshold: f64 = 0.5,
    } keeps { matrix: State }
}

iou! { BinaryIoU |this| {
    classes: 2,
    targets: Some(&this.target_class_ids),
    ignore_class: None,
    sparse_y_true: true,
    sparse_y_pred: true,
    axis: -1,
}, |p| ops::greater_equal(ops::cast(p, DType::F32)?, this.threshold)? }

metric! {
    /// [`IoU`] over all classes.
    MeanIoU(
        /// How many classes there are.
        num_classes: usize
    ) = auto "mean_io_u" of DType::I64, {
        /// A label that does not count; none by default.
        ignore_class: Option<i64> = None,
        /// Whether labels are class numbers rather than one-hot; so by default.
        sparse_y_true: bool = true,
        /// Whether predictions are class numbers rather than a score for each class; so by default.
        sparse_y_pred: bool = true,
        /// The axis of classes where they are not numbers; the last by default.
        axis: isize = -1,
    } keeps { matrix: State }
}

iou! { MeanIoU |this| {
    classes: this.num_classes,
    targets: None,
    ignore_class: this.ignore_class,
    sparse_y_true: this.sparse_y_true,
    sparse_y_pred: this.sparse_y_pred,
    axis: this.axis,
} }

metric! {
    /// [`IoU`] of one-hot labels.
    OneHotIoU(
        /// How many classes there are.
        num_classes: usize,
        /// Which classes count.
        target_class_ids: Vec<usize>
    ) = auto "one_hot_io_u" of DType::I64, {
        /// A label that does not count; none by default.
        ignore_class: Option<i64> = None,
        /// Whether predictions are class numbers rather than a score for each class; not so by default.
        sparse_y_pred: bool = false,
        /// The axis of classes; the last by default.
        axis: isize = -1,
    } keeps { matrix: State }
}

iou! { OneHotIoU |this| {
    classes: this.num_classes,
    targets: Some(&this.target_class_ids),
    ignore_class: this.ignore_class,
    sparse_y_true: false,
    sparse_y_pred: this.sparse_y_pred,
    axis: this.axis,
} }

metric! {
    /// [`IoU`] of one-hot labels, over all classes.
    OneHotMeanIoU(
        /// How many classes there are.
        num_classes: usize
    ) = auto "one_hot_mean_io_u" of DType::I64, {
        /// A label that does not count; none by default.
        ignore_class: Option<i64> = None,
        /// Whether predictions are class numbers rather than a score for each class; not so by default.
        sparse_y_pred: bool = false,
        /// The axis of classes; the last by default.
        axis: isize = -1,
    } keeps { matrix: State }
}

iou! { OneHotMeanIoU |this| {
    classes: this.num_classes,
    targets: None,
    ignore_class: this.ignore_class,
    sparse_y_true: false,
    sparse_y_pred: this.sparse_y_pred,
    axis: this.axis,
} }
