//! Losses of numbers: each function gives `[batch, ..]`, the mean over the last axis.

use keras_tensor::op::Fold;
use keras_tensor::{Result, Tensor, ops};

use crate::shapes::prepared;

/// `x / |x|` along an axis; 0 stays 0.
fn normalized(x: &Tensor, axis: isize) -> Result<Tensor> {
    let square = ops::reduce(ops::square(x)?, Fold::Sum, [axis], true)?;
    ops::multiply(x, ops::rsqrt(ops::maximum(&square, 1e-12)?)?)
}

/// `mean((y - p)^2)`
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn mean_squared_error(y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    let (y, p) = prepared("mean_squared_error", y_true, y_pred)?;
    ops::mean(ops::square(ops::subtract(&y, &p)?)?, -1)
}

/// `mean(|y - p|)`
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn mean_absolute_error(y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    let (y, p) = prepared("mean_absolute_error", y_true, y_pred)?;
    ops::mean(ops::abs(ops::subtract(&y, &p)?)?, -1)
}

/// `100 * mean(|y - p| / max(|y|, 1e-7))`
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn mean_absolute_percentage_error(y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    let (y, p) = prepared("mean_absolute_percentage_error", y_true, y_pred)?;
    let scale = ops::maximum(ops::abs(&y)?, 1e-7)?;
    let share = ops::abs(ops::divide(ops::subtract(&y, &p)?, scale)?)?;
    ops::multiply(ops::mean(share, -1)?, 100.0)
}

/// `mean((log(1 + y) - log(1 + p))^2)`, both at least 1e-7.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn mean_squared_logarithmic_error(y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    let (y, p) = prepared("mean_squared_logarithmic_error", y_true, y_pred)?;
    let log = |t: &Tensor| ops::log(ops::add(ops::maximum(t, 1e-7)?, 1.0)?);
    ops::mean(ops::square(ops::subtract(log(&p)?, log(&y)?)?)?, -1)
}

/// The cosine of the angle between labels and predictions, negated: -1 is best.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn cosine_similarity(y_true: &Tensor, y_pred: &Tensor, axis: isize) -> Result<Tensor> {
    let (y, p) = prepared("cosine_similarity", y_true, y_pred)?;
    let product = ops::multiply(normalized(&y, axis)?, normalized(&p, axis)?)?;
    ops::negative(ops::sum(product, axis)?)
}

/// `mean` of `(y - p)^2 / 2` up to a distance of `delta`, and a straight line beyond.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn huber(y_true: &Tensor, y_pred: &Tensor, delta: f64) -> Result<Tensor> {
    let (y, p) = prepared("huber", y_true, y_pred)?;
    let error = ops::subtract(&p, &y)?;
    let distance = ops::abs(&error)?;
    let near = ops::multiply(ops::square(&error)?, 0.5)?;
    let far = ops::subtract(ops::multiply(&distance, delta)?, 0.5 * delta * delta)?;
    ops::mean(
        ops::where_(ops::less_equal(&distance, delta)?, near, far)?,
        -1,
    )
}

/// `mean(log(cosh(p - y)))`, without overflow.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn log_cosh(y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    let (y, p) = prepared("log_cosh", y_true, y_pred)?;
    let x = ops::subtract(&p, &y)?;
    let curve = ops::softplus(ops::multiply(&x, -2.0)?)?;
    let value = ops::subtract(ops::add(&x, curve)?, std::f64::consts::LN_2)?;
    ops::mean(value, -1)
}

/// `sum(y * log(y / p))`, both kept between 1e-7 and 1.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn kl_divergence(y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    let (y, p) = prepared("kl_divergence", y_true, y_pred)?;
    let (y, p) = (ops::clip(&y, 1e-7, 1.0)?, ops::clip(&p, 1e-7, 1.0)?);
    ops::sum(ops::multiply(&y, ops::log(ops::divide(&y, &p)?)?)?, -1)
}

/// `mean(p - y * log(p + 1e-7))`
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn poisson(y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    let (y, p) = prepared("poisson", y_true, y_pred)?;
    let log = ops::log(ops::add(&p, 1e-7)?)?;
    ops::mean(ops::subtract(&p, ops::multiply(&y, log)?)?, -1)
}
