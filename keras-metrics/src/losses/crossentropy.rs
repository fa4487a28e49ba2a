//! Losses of probabilities.

use keras_tensor::op::Fold;
use keras_tensor::{DType, Error, Result, Tensor, ops};
use serde::{Deserialize, Serialize};

use super::{Base, LossFunction};
use crate::shapes::{as_float, prepared};

const EPSILON: f64 = 1e-7;

fn clipped(p: &Tensor) -> Result<Tensor> {
    ops::clip(p, EPSILON, 1.0 - EPSILON)
}

/// Labels moved a share toward all classes alike.
fn smoothed(y: &Tensor, share: f64, classes: usize) -> Result<Tensor> {
    if share == 0.0 {
        return Ok(y.clone());
    }
    ops::add(ops::multiply(y, 1.0 - share)?, share / classes as f64)
}

fn same_classes(what: &str, y: &Tensor, p: &Tensor) -> Result<()> {
    if y.shape() != p.shape() {
        return Err(Error::shape(
            what,
            &[y.shape(), p.shape()],
            "labels of the shape of the predictions, one number for each class; for labels that are class numbers use the sparse loss",
        ));
    }
    Ok(())
}

/// Elementwise `-y log(p) - (1 - y) log(1 - p)`; from logits `max(x, 0) - x y + log(1 + e^-|x|)`.
fn binary(y: &Tensor, p: &Tensor, from_logits: bool) -> Result<Tensor> {
    if from_logits {
        return ops::subtract(ops::softplus(p)?, ops::multiply(p, y)?);
    }
    let p = clipped(p)?;
    let hit = ops::multiply(y, ops::log(&p)?)?;
    let miss = ops::multiply(ops::subtract(1.0, y)?, ops::log(ops::subtract(1.0, &p)?)?)?;
    ops::negative(ops::add(&hit, &miss)?)
}

/// Cross-entropy of labels of 0 and 1, the mean over an axis.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn binary_crossentropy(
    y_true: &Tensor,
    y_pred: &Tensor,
    from_logits: bool,
    label_smoothing: f64,
    axis: isize,
) -> Result<Tensor> {
    let (y, p) = prepared("binary_crossentropy", y_true, y_pred)?;
    let y = smoothed(&y, label_smoothing, 2)?;
    ops::mean(binary(&y, &p, from_logits)?, axis)
}

/// Arguments of [`binary_focal_crossentropy`] and [`categorical_focal_crossentropy`].
#[derive(Debug, Clone, Copy)]
pub struct Focus {
    /// The weight of class 1, or of all classes.
    pub alpha: f64,
    /// How much easy samples are left out.
    pub gamma: f64,
}

/// Binary cross-entropy in which easy samples count less (Lin et al., 2018); `balanced` weighs classes by `alpha`.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn binary_focal_crossentropy(
    y_true: &Tensor,
    y_pred: &Tensor,
    focus: Focus,
    balanced: bool,
    from_logits: bool,
    label_smoothing: f64,
    axis: isize,
) -> Result<Tensor> {
    let (y, p) = prepared("binary_focal_crossentropy", y_true, y_pred)?;
    let y = smoothed(&y, label_smoothing, 2)?;
    let p = if from_logits { ops::sigmoid(&p)? } else { p };
    let loss = binary(&y, &p, false)?;
    let either = |one: &Tensor, zero: &Tensor| {
        ops::add(
            ops::multiply(&y, one)?,
            ops::multiply(ops::subtract(1.0, &y)?, zero)?,
        )
    };
    let right = either(&p, &ops::subtract(1.0, &p)?)?;
    let focal = ops::multiply(ops::power(ops::subtract(1.0, &right)?, focus.gamma)?, &loss)?;
    let focal = if balanced {
        let ones = ops::ones_like(&y)?;
        let weight = either(
            &ops::multiply(&ones, focus.alpha)?,
            &ops::multiply(&ones, 1.0 - focus.alpha)?,
        )?;
        ops::multiply(&weight, &focal)?
    } else {
        focal
    };
    ops::mean(focal, axis)
}

/// Probabilities that sum to 1 along the axis, clipped.
fn distribution(p: &Tensor, axis: isize) -> Result<Tensor> {
    let total = ops::reduce(p, Fold::Sum, [axis], true)?;
    clipped(&ops::divide(p, total)?)
}

/// Cross-entropy of one-hot labels `[batch, .., classes]`, from probabilities or logits.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn categorical_crossentropy(
    y_true: &Tensor,
    y_pred: &Tensor,
    from_logits: bool,
    label_smoothing: f64,
    axis: isize,
) -> Result<Tensor> {
    let (y, p) = prepared("categorical_crossentropy", y_true, y_pred)?;
    same_classes("categorical_crossentropy", &y, &p)?;
    let y = smoothed(
        &y,
        label_smoothing,
        y.shape()[y.shape().axis(-1, "classes")?],
    )?;
    if from_logits {
        let axis = p.shape().axis(axis, "categorical_crossentropy")?;
        if axis + 1 == p.rank() {
            return ops::softmax_cross_entropy(&p, &y);
        }
        let log = ops::log_softmax(&p, axis as isize)?;
        return ops::negative(ops::sum(ops::multiply(&y, log)?, axis as isize)?);
    }
    let log = ops::log(distribution(&p, axis)?)?;
    ops::negative(ops::sum(ops::multiply(&y, log)?, axis)?)
}

/// Categorical cross-entropy in which easy samples count less (Lin et al., 2018).
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn categorical_focal_crossentropy(
    y_true: &Tensor,
    y_pred: &Tensor,
    focus: Focus,
    from_logits: bool,
    label_smoothing: f64,
    axis: isize,
) -> Result<Tensor> {
    let (y, p) = prepared("categorical_focal_crossentropy", y_true, y_pred)?;
    same_classes("categorical_focal_crossentropy", &y, &p)?;
    let y = smoothed(
        &y,
        label_smoothing,
        y.shape()[y.shape().axis(-1, "classes")?],
    )?;
    let p = if from_logits {
        ops::softmax(&p, axis)?
    } else {
        p
    };
    let p = distribution(&p, axis)?;
    let loss = ops::multiply(&y, ops::negative(ops::log(&p)?)?)?;
    let weight = ops::power(ops::subtract(1.0, &p)?, focus.gamma)?;
    let focal = ops::multiply(ops::multiply(&weight, focus.alpha)?, &loss)?;
    ops::sum(focal, axis)
}

/// Cross-entropy of labels that are class numbers `[batch, ..]`, from probabilities or logits `[batch, .., classes]`.
///
/// Labels of `ignore_class` do not count, and are left out of the mean.
///
/// # Errors
/// Labels that do not fit the predictions, or a label that is no class.
pub fn sparse_categorical_crossentropy(
    y_true: &Tensor,
    y_pred: &Tensor,
    from_logits: bool,
    ignore_class: Option<i64>,
    axis: isize,
) -> Result<Tensor> {
    const NAME: &str = "sparse_categorical_crossentropy";
    let p = as_float(y_pred)?;
    let axis = p.shape().axis(axis, NAME)?;
    // The classes come last for what follows.
    let p = if axis + 1 == p.rank() {
        p
    } else {
        let mut order: Vec<usize> = (0..p.rank()).filter(|&a| a != axis).collect();
        order.push(axis);
        ops::transpose(&p, Some(&order))?
    };
    let classes = p.shape()[p.rank() - 1];
    let mut y = ops::cast(y_true, DType::I64)?;
    if y.rank() == p.rank() && y.shape()[y.rank() - 1] == 1 {
        y = ops::squeeze(&y, -1)?;
    }
    if y.shape()[..] != p.shape()[..p.rank() - 1] {
        return Err(Error::shape(
            NAME,
            &[y_true.shape(), y_pred.shape()],
            "a class number for each row of predictions",
        ));
    }
    let valid = match ignore_class {
        Some(class) => Some(ops::not_equal(&y, class)?),
        None => None,
    };
    if let Some(valid) = &valid {
        y = ops::where_(valid, &y, ops::zeros_like(&y)?)?;
    }
    check_classes(NAME, &y, classes)?;
    let chosen = ops::one_hot(&y, classes, p.dtype())?;
    let loss = if from_logits {
        ops::softmax_cross_entropy(&p, &chosen)?
    } else {
        let log = ops::log(distribution(&p, -1)?)?;
        ops::negative(ops::sum(ops::multiply(&chosen, log)?, -1)?)?
    };
    match valid {
        Some(valid) => {
            let loss = ops::where_(&valid, &loss, ops::zeros_like(&loss)?)?;
            Ok(loss.with_mask(Some(valid)))
        }
        None => Ok(loss),
    }
}

/// Every label must be a class.
fn check_classes(what: &str, y: &Tensor, classes: usize) -> Result<()> {
    if y.is_meta() {
        return Ok(());
    }
    match y
        .as_slice::<i64>()?
        .iter()
        .find(|&&c| c < 0 || c >= classes as i64)
    {
        Some(label) => Err(Error::data(
            what,
            format!(
                "label {label} is no class; with {classes} outputs labels go from 0 to {}",
                classes as i64 - 1
            ),
        )),
        None => Ok(()),
    }
}

/// The three arguments that cross-entropies share.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
struct Shared {
    from_logits: bool,
    label_smoothing: f64,
    axis: isize,
}

impl Default for Shared {
    fn default() -> Self {
        Shared {
            from_logits: false,
            label_smoothing: 0.0,
            axis: -1,
        }
    }
}

/// [`binary_crossentropy`], reduced.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct BinaryCrossentropy {
    #[serde(flatten)]
    base: Base,
    #[serde(flatten)]
    shared: Shared,
}

impl Default for BinaryCrossentropy {
    fn default() -> Self {
        BinaryCrossentropy {
            base: Base::new("binary_crossentropy"),
            shared: Shared::default(),
        }
    }
}

impl BinaryCrossentropy {
    /// Of probabilities.
    pub fn new() -> Self {
        BinaryCrossentropy::default()
    }

    /// Whether predictions are logits.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.shared.from_logits = from_logits;
        self
    }

    /// The share by which labels move toward a half.
    pub fn label_smoothing(mut self, label_smoothing: f64) -> Self {
        self.shared.label_smoothing = label_smoothing;
        self
    }

    /// The axis of the mean; the last by default.
    pub fn axis(mut self, axis: isize) -> Self {
        self.shared.axis = axis;
        self
    }
}

impl LossFunction for BinaryCrossentropy {
    fn call(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let s = &self.shared;
        binary_crossentropy(y_true, y_pred, s.from_logits, s.label_smoothing, s.axis)
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }
}

/// [`categorical_crossentropy`], reduced.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct CategoricalCrossentropy {
    #[serde(flatten)]
    base: Base,
    #[serde(flatten)]
    shared: Shared,
}

impl Default for CategoricalCrossentropy {
    fn default() -> Self {
        CategoricalCrossentropy {
            base: Base::new("categorical_crossentropy"),
            shared: Shared::default(),
        }
    }
}

impl CategoricalCrossentropy {
    /// Of probabilities.
    pub fn new() -> Self {
        CategoricalCrossentropy::default()
    }

    /// Whether predictions are logits.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.shared.from_logits = from_logits;
        self
    }

    /// The share by which labels move toward all classes alike.
    pub fn label_smoothing(mut self, label_smoothing: f64) -> Self {
        self.shared.label_smoothing = label_smoothing;
        self
    }

    /// The axis of classes; the last by default.
    pub fn axis(mut self, axis: isize) -> Self {
        self.shared.axis = axis;
        self
    }
}

impl LossFunction for CategoricalCrossentropy {
    fn call(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let s = &self.shared;
        categorical_crossentropy(y_true, y_pred, s.from_logits, s.label_smoothing, s.axis)
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }
}

/// [`sparse_categorical_crossentropy`], reduced.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct SparseCategoricalCrossentropy {
    #[serde(flatten)]
    base: Base,
    from_logits: bool,
    ignore_class: Option<i64>,
    axis: isize,
}

impl Default for SparseCategoricalCrossentropy {
    fn default() -> Self {
        SparseCategoricalCrossentropy {
            base: Base::new("sparse_categorical_crossentropy"),
            from_logits: false,
            ignore_class: None,
            axis: -1,
        }
    }
}

impl SparseCategoricalCrossentropy {
    /// Of probabilities.
    pub fn new() -> Self {
        SparseCategoricalCrossentropy::default()
    }

    /// Whether predictions are logits.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.from_logits = from_logits;
        self
    }

    /// A label that does not count.
    pub fn ignore_class(mut self, class: i64) -> Self {
        self.ignore_class = Some(class);
        self
    }

    /// The axis of classes; the last by default.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }
}

impl LossFunction for SparseCategoricalCrossentropy {
    fn call(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (logits, ignored) = (self.from_logits, self.ignore_class);
        sparse_categorical_crossentropy(y_true, y_pred, logits, ignored, self.axis)
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }
}

/// [`binary_focal_crossentropy`], reduced.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct BinaryFocalCrossentropy {
    #[serde(flatten)]
    base: Base,
    #[serde(flatten)]
    shared: Shared,
    apply_class_balancing: bool,
    alpha: f64,
    gamma: f64,
}

impl Default for BinaryFocalCrossentropy {
    fn default() -> Self {
        BinaryFocalCrossentropy {
            base: Base::new("binary_focal_crossentropy"),
            shared: Shared::default(),
            apply_class_balancing: false,
            alpha: 0.25,
            gamma: 2.0,
        }
    }
}

impl BinaryFocalCrossentropy {
    /// Of probabilities, with `alpha` 0.25 and `gamma` 2.
    pub fn new() -> Self {
        BinaryFocalCrossentropy::default()
    }

    /// The weight of class 1, and how much easy samples are left out.
    pub fn focus(mut self, alpha: f64, gamma: f64) -> Self {
        (self.alpha, self.gamma) = (alpha, gamma);
        self
    }

    /// Whether classes are weighed by `alpha`.
    pub fn apply_class_balancing(mut self, balanced: bool) -> Self {
        self.apply_class_balancing = balanced;
        self
    }

    /// Whether predictions are logits.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.shared.from_logits = from_logits;
        self
    }

    /// The share by which labels move toward a half.
    pub fn label_smoothing(mut self, label_smoothing: f64) -> Self {
        self.shared.label_smoothing = label_smoothing;
        self
    }
}

impl LossFunction for BinaryFocalCrossentropy {
    fn call(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (s, focus) = (
            &self.shared,
            Focus {
                alpha: self.alpha,
                gamma: self.gamma,
            },
        );
        binary_focal_crossentropy(
            y_true,
            y_pred,
            focus,
            self.apply_class_balancing,
            s.from_logits,
            s.label_smoothing,
            s.axis,
        )
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }
}

/// [`categorical_focal_crossentropy`], reduced.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct CategoricalFocalCrossentropy {
    #[serde(flatten)]
    base: Base,
    #[serde(flatten)]
    shared: Shared,
    alpha: f64,
    gamma: f64,
}

impl Default for CategoricalFocalCrossentropy {
    fn default() -> Self {
        CategoricalFocalCrossentropy {
            base: Base::new("categorical_focal_crossentropy"),
            shared: Shared::default(),
            alpha: 0.25,
            gamma: 2.0,
        }
    }
}

impl CategoricalFocalCrossentropy {
    /// Of probabilities, with `alpha` 0.25 and `gamma` 2.
    pub fn new() -> Self {
        CategoricalFocalCrossentropy::default()
    }

    /// The weight of all classes, and how much easy samples are left out.
    pub fn focus(mut self, alpha: f64, gamma: f64) -> Self {
        (self.alpha, self.gamma) = (alpha, gamma);
        self
    }

    /// Whether predictions are logits.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.shared.from_logits = from_logits;
        self
    }

    /// The share by which labels move toward all classes alike.
    pub fn label_smoothing(mut self, label_smoothing: f64) -> Self {
        self.shared.label_smoothing = label_smoothing;
        self
    }
}

impl LossFunction for CategoricalFocalCrossentropy {
    fn call(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let s = &self.shared;
        let focus = Focus {
            alpha: self.alpha,
            gamma: self.gamma,
        };
        let (logits, smoothing) = (s.from_logits, s.label_smoothing);
        categorical_focal_crossentropy(y_true, y_pred, focus, logits, smoothing, s.axis)
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }
}
