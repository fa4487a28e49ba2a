//! How often predictions are right.

use keras_tensor::{DType, Error, Result, Tensor, ops};
use serde::{Deserialize, Serialize};

use super::mean::{MeanOf, Pairwise};
use crate::shapes::{as_float, prepared, same_rank};

fn matches(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    ops::cast(ops::equal(a, b)?, DType::F32)
}

/// 1 where a prediction equals its label, else 0.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn accuracy(y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    let y_true = ops::cast(y_true, y_pred.dtype())?;
    let (y, p) = same_rank(&y_true, y_pred, true)?;
    matches(&y, &p)
}

/// 1 where a prediction is on its label's side of the threshold (above it for 1), else 0.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn binary_accuracy(y_true: &Tensor, y_pred: &Tensor, threshold: f64) -> Result<Tensor> {
    let (y, p) = prepared("binary_accuracy", y_true, y_pred)?;
    matches(&y, &ops::cast(ops::greater(&p, threshold)?, y.dtype())?)
}

/// 1 where the largest prediction is that of the largest label, else 0.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn categorical_accuracy(y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    if y_true.rank() != y_pred.rank() {
        return Err(Error::shape(
            "categorical_accuracy",
            &[y_true.shape(), y_pred.shape()],
            "labels with one number for each class; for labels that are class numbers use the sparse accuracy",
        ));
    }
    matches(&ops::argmax(y_true, -1)?, &ops::argmax(y_pred, -1)?)
}

/// 1 where the largest prediction is that of the label, a class number, else 0.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn sparse_categorical_accuracy(y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    let labels = class_numbers(y_true, y_pred)?;
    let found = matches(&labels, &ops::argmax(y_pred, -1)?)?;
    if found.rank() > 1 && found.shape()[found.rank() - 1] == 1 {
        return ops::squeeze(&found, -1);
    }
    Ok(found)
}

/// Labels as class numbers, one for each row of predictions.
fn class_numbers(y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    let labels = ops::cast(y_true, DType::I64)?;
    if labels.rank() == y_pred.rank() && labels.shape()[labels.rank() - 1] == 1 {
        return ops::squeeze(&labels, -1);
    }
    if labels.shape()[..] != y_pred.shape()[..y_pred.rank().saturating_sub(1)] {
        return Err(Error::shape(
            "sparse accuracy",
            &[y_true.shape(), y_pred.shape()],
            "a class number for each row of predictions",
        ));
    }
    Ok(labels)
}

/// 1 where the label, a class number, is among the `k` largest predictions, else 0.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn sparse_top_k_categorical_accuracy(
    y_true: &Tensor,
    y_pred: &Tensor,
    k: usize,
) -> Result<Tensor> {
    let labels = class_numbers(y_true, y_pred)?;
    let found = ops::in_top_k(&labels, &as_float(y_pred)?, k)?;
    ops::cast(found, DType::F32)
}

/// 1 where the largest label is among the `k` largest predictions, else 0.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn top_k_categorical_accuracy(y_true: &Tensor, y_pred: &Tensor, k: usize) -> Result<Tensor> {
    sparse_top_k_categorical_accuracy(&ops::argmax(y_true, -1)?, y_pred, k)
}

macro_rules! kinds {
    ($($kind:ident $name:literal $function:path),* $(,)?) => {$(
        #[doc(hidden)]
        #[derive(Debug, Clone, Default, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $kind {}
        impl Pairwise for $kind {
            const NAME: &'static str = $name;
            fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
                $function(y_true, y_pred)
            }
        }
    )*};
}
pub(super) use kinds;

kinds! {
    AccuracyOf "accuracy" accuracy,
    CategoricalOf "categorical_accuracy" categorical_accuracy,
    SparseOf "sparse_categorical_accuracy" sparse_categorical_accuracy,
}

/// The mean of [`accuracy`].
pub type Accuracy = MeanOf<AccuracyOf>;
/// The mean of [`categorical_accuracy`].
pub type CategoricalAccuracy = MeanOf<CategoricalOf>;
/// The mean of [`sparse_categorical_accuracy`].
pub type SparseCategoricalAccuracy = MeanOf<SparseOf>;

#[doc(hidden)]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct BinaryOf {
    threshold: f64,
}

impl Default for BinaryOf {
    fn default() -> Self {
        BinaryOf { threshold: 0.5 }
    }
}

impl Pairwise for BinaryOf {
    const NAME: &'static str = "binary_accuracy";
    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        binary_accuracy(y_true, y_pred, self.threshold)
    }
}

/// The mean of [`binary_accuracy`].
pub type BinaryAccuracy = MeanOf<BinaryOf>;

impl BinaryAccuracy {
    /// Above which a prediction means 1; 0.5 by default.
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.function.threshold = threshold;
        self
    }
}

#[doc(hidden)]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct TopKOf {
    k: usize,
}

impl Default for TopKOf {
    fn default() -> Self {
        TopKOf { k: 5 }
    }
}

impl Pairwise for TopKOf {
    const NAME: &'static str = "top_k_categorical_accuracy";
    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        top_k_categorical_accuracy(y_true, y_pred, self.k)
    }
}

/// The mean of [`top_k_categorical_accuracy`].
pub type TopKCategoricalAccuracy = MeanOf<TopKOf>;

impl TopKCategoricalAccuracy {
    /// How many predictions count; 5 by default.
    pub fn k(mut self, k: usize) -> Self {
        self.function.k = k;
        self
    }
}

#[doc(hidden)]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct SparseTopKOf {
    k: usize,
}

impl Default for SparseTopKOf {
    fn default() -> Self {
        SparseTopKOf { k: 5 }
    }
}

impl Pairwise for SparseTopKOf {
    const NAME: &'static str = "sparse_top_k_categorical_accuracy";
    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        sparse_top_k_categorical_accuracy(y_true, y_pred, self.k)
    }
}

/// The mean of [`sparse_top_k_categorical_accuracy`].
pub type SparseTopKCategoricalAccuracy = MeanOf<SparseTopKOf>;

impl SparseTopKCategoricalAccuracy {
    /// How many predictions count; 5 by default.
    pub fn k(mut self, k: usize) -> Self {
        self.function.k = k;
        self
    }
}
