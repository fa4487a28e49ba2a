//! Counting a batch.

use keras_tensor::op::{CumSum, Fold, ScatterAdd};
use keras_tensor::{DType, Error, Op, Result, Tensor, apply_one, ops};

use crate::shapes::{misfit, same_rank, weigh};

/// What a prediction outside of the `k` largest counts as.
pub(super) const LOWEST: f64 = -1e10;

/// Which predictions count, and at which thresholds.
#[derive(Default)]
pub(super) struct How<'a> {
    /// The metric's name, for errors.
    pub(super) owner: &'a str,
    pub(super) dtype: Option<DType>,
    /// Ascending; a prediction is positive above its threshold.
    pub(super) thresholds: &'a [f64],
    pub(super) top_k: Option<usize>,
    pub(super) class_id: Option<usize>,
    /// Count each label on its own: results are `[thresholds, labels]`.
    pub(super) by_label: bool,
    /// Weights of labels, where they share one count.
    pub(super) label_weights: Option<&'a [f64]>,
}

/// Sums of weights, `[thresholds]` or `[thresholds, labels]`.
pub(super) struct Count {
    pub(super) true_positives: Tensor,
    pub(super) false_positives: Tensor,
    positives: Tensor,
    negatives: Tensor,
}

impl Count {
    pub(super) fn true_negatives(&self) -> Result<Tensor> {
        ops::subtract(&self.negatives, &self.false_positives)
    }

    pub(super) fn false_negatives(&self) -> Result<Tensor> {
        ops::subtract(&self.positives, &self.true_positives)
    }
}

/// Counts a batch.
pub(super) fn count(
    y_true: &Tensor,
    y_pred: &Tensor,
    sample_weight: Option<&Tensor>,
    how: &How,
) -> Result<Count> {
    let dtype = how.dtype.unwrap_or(DType::F32);
    let (p, y) = same_rank(&ops::cast(y_pred, dtype)?, &ops::cast(y_true, dtype)?, true)?;
    if y.shape() != p.shape() {
        return Err(misfit(
            how.owner,
            y_true,
            y_pred,
            "labels of the shape of the predictions",
        ));
    }
    let p = match how.top_k {
        Some(k) => among_top_k(&p, k)?,
        None => p,
    };
    let (y, p) = (of_class(&y, how)?, of_class(&p, how)?);
    let weight = weights(&y, sample_weight, how, dtype)?;
    // [samples, labels]; labels that share one count are samples.
    let labels = if how.by_label {
        p.shape()[p.rank() - 1]
    } else {
        1
    };
    let lined = |t: &Tensor| ops::reshape_to(t, [t.size() / labels.max(1), labels].into());
    let y = lined(&ops::cast(ops::cast(&y, DType::Bool)?, dtype)?)?;
    let (hits, misses) = match weight {
        Some(weight) => {
            let weight = lined(&weight)?;
            let misses = ops::multiply(ops::subtract(1.0, &y)?, &weight)?;
            (ops::multiply(&y, &weight)?, misses)
        }
        None => (y.clone(), ops::subtract(1.0, &y)?),
    };
    let p = lined(&p)?;
    let (true_positives, false_positives) = if is_even(how.thresholds) {
        let buckets = Buckets::new(&p, how.thresholds)?;
        (buckets.sums(&hits)?, buckets.sums(&misses)?)
    } else {
        let thresholds = Tensor::from_f64(how.thresholds, [how.thresholds.len(), 1, 1], dtype)?;
        let above = ops::cast(ops::greater(ops::expand_dims(&p, 0)?, &thresholds)?, dtype)?;
        let sums = |t: &Tensor| ops::reduce(ops::multiply(&above, t)?, Fold::Sum, [1], false);
        (sums(&hits)?, sums(&misses)?)
    };
    let shaped = |t: Tensor| {
        if how.by_label {
            Ok(t)
        } else {
            ops::squeeze(&t, -1)
        }
    };
    Ok(Count {
        true_positives: shaped(true_positives)?,
        false_positives: shaped(false_positives)?,
        positives: ops::sum(&hits, 0)?,
        negatives: ops::sum(&misses, 0)?,
    })
}

/// The weight of each prediction, if there are any.
fn weights(
    y: &Tensor,
    sample_weight: Option<&Tensor>,
    how: &How,
    dtype: DType,
) -> Result<Option<Tensor>> {
    let mut weight = match how.label_weights {
        Some(labels) => {
            let labels = Tensor::from_f64(labels, [1, labels.len()], dtype)?;
            Some(weigh(
                how.owner,
                &ops::ones_like(y)?,
                &labels,
                "label_weights",
            )?)
        }
        None => None,
    };
    if let Some(w) = sample_weight {
        let w = ops::expand_dims(ops::cast(w, dtype)?, -1)?;
        let (_, w) = same_rank(y, &w, false)?;
        let first = match weight {
            Some(first) => first,
            None => ops::ones_like(y)?,
        };
        weight = Some(weigh(how.owner, &first, &w, "sample_weight")?);
    }
    match weight {
        Some(w) if w.shape() != y.shape() => Err(Error::shape(
            format!("{} and its weights", how.owner),
            &[y.shape(), w.shape()],
            "one weight for each sample or value",
        )),
        weight => Ok(weight),
    }
}

fn of_class(t: &Tensor, how: &How) -> Result<Tensor> {
    match how.class_id {
        None => Ok(t.clone()),
        Some(class) if t.rank() > 1 && class < t.shape()[t.rank() - 1] => {
            ops::slice_axis(t, -1, class, 1)
        }
        Some(class) => Err(Error::shape(
            format!("{} of class {class}", how.owner),
            &[t.shape()],
            "predictions [samples, classes] with that class",
        )),
    }
}

/// Predictions that are among the `k` largest of their row; the others become the lowest.
fn among_top_k(p: &Tensor, k: usize) -> Result<Tensor> {
    let (_, places) = ops::top_k(p, k)?;
    let classes = p.shape()[p.rank() - 1];
    let chosen = ops::sum(ops::one_hot(&places, classes, p.dtype())?, -2)?;
    ops::where_(ops::greater(&chosen, 0.5)?, p, ops::full_like(p, LOWEST)?)
}

/// Whether thresholds go evenly from 0 to 1, the outer ones perhaps a little beyond.
fn is_even(thresholds: &[f64]) -> bool {
    let last = thresholds.len().saturating_sub(1);
    // Close as NumPy's `allclose` has it.
    let close = |(i, t): (usize, &f64)| {
        let even = f64::from(i as f32 / last as f32);
        (t - even).abs() <= 1e-7 + 1e-5 * even
    };
    last >= 2 && thresholds.iter().enumerate().all(close)
}

/// Predictions sorted between even thresholds, which spares comparing each with all.
struct Buckets {
    /// `[samples * labels]`: bucket and label of each prediction as one number.
    places: Tensor,
    /// 0 where a prediction is above no threshold.
    above: Tensor,
    thresholds: usize,
}

impl Buckets {
    fn new(p: &Tensor, thresholds: &[f64]) -> Result<Self> {
        let last = thresholds.len() - 1;
        let labels = p.shape()[1];
        let scaled = ops::multiply(ops::clip(p, 0.0, 1.0)?, last as f64)?;
        let bucket = ops::subtract(ops::ceil(scaled)?, 1.0)?;
        let above = if thresholds[0] < 0.0 {
            ops::ones_like(p)?
        } else {
            ops::cast(ops::greater_equal(&bucket, 0.0)?, p.dtype())?
        };
        let bucket = ops::cast(ops::relu(bucket)?, DType::I32)?;
        let label = ops::arange(0, labels as i64, DType::I32)?;
        let places = ops::add(ops::multiply(bucket, labels as i32)?, label)?;
        Ok(Buckets {
            places: ops::reshape_to(&places, [p.size()].into())?,
            above,
            thresholds: thresholds.len(),
        })
    }

    /// `[thresholds, labels]`: for each threshold, the sum of what belongs to predictions above it.
    fn sums(&self, values: &Tensor) -> Result<Tensor> {
        let labels = values.shape()[1];
        let values = ops::reshape_to(ops::multiply(values, &self.above)?, [values.size()].into())?;
        let size = self.thresholds * labels;
        let sums = apply_one(
            Op::ScatterAdd(ScatterAdd { axis: 0, size }),
            &[&values, &self.places],
        )?;
        let sums = ops::reshape_to(&sums, [self.thresholds, labels].into())?;
        let from_last = CumSum {
            axis: 0,
            reverse: true,
        };
        apply_one(Op::CumSum(from_last), &[&sums])
    }
}
