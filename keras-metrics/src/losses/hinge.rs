//! Losses of margins.

use keras_tensor::{Result, Tensor, ops};

use crate::shapes::prepared;

/// Labels that are all 0 or 1 become -1 or 1; others stay.
fn signed(y: &Tensor) -> Result<Tensor> {
    let binary = ops::logical_or(ops::equal(y, 0.0)?, ops::equal(y, 1.0)?)?;
    let binary = ops::all(binary, None)?;
    ops::where_(&binary, ops::subtract(ops::multiply(y, 2.0)?, 1.0)?, y)
}

fn margin(what: &str, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    let (y, p) = prepared(what, y_true, y_pred)?;
    ops::relu(ops::subtract(1.0, ops::multiply(signed(&y)?, &p)?)?)
}

/// `mean(max(1 - y * p, 0))` for labels of -1 and 1; labels of 0 and 1 are converted.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn hinge(y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    ops::mean(margin("hinge", y_true, y_pred)?, -1)
}

/// `mean(max(1 - y * p, 0)^2)` for labels of -1 and 1; labels of 0 and 1 are converted.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn squared_hinge(y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    ops::mean(ops::square(margin("squared_hinge", y_true, y_pred)?)?, -1)
}

/// `max(max((1 - y) * p) - sum(y * p) + 1, 0)`
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn categorical_hinge(y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    let (y, p) = prepared("categorical_hinge", y_true, y_pred)?;
    let right = ops::sum(ops::multiply(&y, &p)?, -1)?;
    let wrong = ops::max(ops::multiply(ops::subtract(1.0, &y)?, &p)?, -1)?;
    ops::relu(ops::add(ops::subtract(&wrong, &right)?, 1.0)?)
}
