//! How often predictions are right.

use keras_tensor::{DType, Result, Tensor, ops};

use crate::shapes::{as_float, misfit, prepared, same_rank};

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
    if y.shape().broadcast(p.shape(), "").is_err() {
        return Err(misfit(
            "accuracy",
            &y,
            &p,
            "labels of the shape of the predictions",
        ));
    }
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

/// 1 where the largest prediction is that of the largest label, else 0; both are `[batch, .., classes]`.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn categorical_accuracy(y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    one_number_a_class("categorical_accuracy", y_true, y_pred)?;
    matches(&ops::argmax(y_true, -1)?, &ops::argmax(y_pred, -1)?)
}

fn one_number_a_class(what: &str, y_true: &Tensor, y_pred: &Tensor) -> Result<()> {
    let rank = y_pred.rank();
    if rank == 0
        || y_true.rank() != rank
        || y_true.shape()[..rank - 1] != y_pred.shape()[..rank - 1]
    {
        return Err(misfit(
            what,
            y_true,
            y_pred,
            "labels with a number for each class; for labels that are class numbers use the sparse accuracy",
        ));
    }
    Ok(())
}

/// 1 where the largest prediction is that of the label, a class number, else 0.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn sparse_categorical_accuracy(y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    let labels = class_numbers("sparse_categorical_accuracy", y_true, y_pred)?;
    let found = matches(&labels, &ops::argmax(y_pred, -1)?)?;
    if found.rank() > 1 && found.shape()[found.rank() - 1] == 1 {
        return ops::squeeze(&found, -1);
    }
    Ok(found)
}

/// Labels as class numbers, one for each row of predictions.
fn class_numbers(what: &str, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    let labels = ops::cast(y_true, DType::I64)?;
    let rank = y_pred.rank();
    let column = rank > 0 && labels.rank() == rank && labels.shape()[rank - 1] == 1;
    let labels = if column {
        ops::squeeze(&labels, -1)?
    } else {
        labels
    };
    if rank == 0 || labels.shape()[..] != y_pred.shape()[..rank - 1] {
        return Err(misfit(
            what,
            y_true,
            y_pred,
            "one class number for each row of predictions",
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
    let labels = class_numbers("sparse_top_k_categorical_accuracy", y_true, y_pred)?;
    ops::cast(ops::in_top_k(&labels, &as_float(y_pred)?, k)?, DType::F32)
}

/// 1 where the label is among the first `k` of predictions that are class numbers in order of likelihood, else 0.
fn among_sorted(y_true: &Tensor, y_pred: &Tensor, k: usize) -> Result<Tensor> {
    let labels = class_numbers("sparse_top_k_categorical_accuracy", y_true, y_pred)?;
    let labels = ops::expand_dims(ops::cast(labels, y_pred.dtype())?, -1)?;
    let first = ops::slice_axis(y_pred, -1, 0, k.min(y_pred.shape()[y_pred.rank() - 1]))?;
    ops::cast(ops::any(ops::equal(labels, first)?, -1)?, DType::F32)
}

/// 1 where the largest label is among the `k` largest predictions, else 0; both are `[batch, .., classes]`.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn top_k_categorical_accuracy(y_true: &Tensor, y_pred: &Tensor, k: usize) -> Result<Tensor> {
    one_number_a_class("top_k_categorical_accuracy", y_true, y_pred)?;
    sparse_top_k_categorical_accuracy(&ops::argmax(y_true, -1)?, y_pred, k)
}

mean_metric! {
    /// The share of predictions that equal their labels.
    Accuracy = "accuracy", Up {}
    |_this, y, p| accuracy(y, p)
}

mean_metric! {
    /// The share of predictions that are on their label's side of a threshold; those above it mean 1.
    BinaryAccuracy = "binary_accuracy", Up {
        /// Above which a prediction means 1; 0.5 by default, and 0.5 itself means 0.
        threshold: f64 = 0.5,
    }
    |this, y, p| binary_accuracy(y, p, this.threshold)
}

mean_metric! {
    /// The share of samples whose largest prediction is that of their label, for one-hot labels `[batch, .., classes]`.
    CategoricalAccuracy = "categorical_accuracy", Up {}
    |_this, y, p| categorical_accuracy(y, p)
}

mean_metric! {
    /// The share of samples whose largest prediction is that of their label, for labels that are class numbers, `[batch, ..]`
    /// or `[batch, .., 1]`.
    SparseCategoricalAccuracy = "sparse_categorical_accuracy", Up {}
    |_this, y, p| sparse_categorical_accuracy(y, p)
}

mean_metric! {
    /// The share of samples whose label is among the `k` largest predictions, for one-hot labels.
    TopKCategoricalAccuracy = "top_k_categorical_accuracy", Up {
        /// How many predictions count; 5 by default.
        k: usize = 5,
    }
    |this, y, p| top_k_categorical_accuracy(y, p, this.k)
}

mean_metric! {
    /// The share of samples whose label is among the `k` largest predictions, for labels that are class numbers.
    SparseTopKCategoricalAccuracy = "sparse_top_k_categorical_accuracy", Up {
        /// How many predictions count; 5 by default.
        k: usize = 5,
        /// Whether predictions are class numbers, the likeliest first, rather than a score for each class; not so by
        /// default.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        from_sorted_ids: bool = false,
    }
    |this, y, p| if this.from_sorted_ids {
        among_sorted(y, p, this.k)
    } else {
        sparse_top_k_categorical_accuracy(y, p, this.k)
    }
}
