//! Losses of numbers: the mean over the last axis of what each pair of numbers is apart.

use keras_tensor::op::Fold;
use keras_tensor::{Result, Tensor, ops};

use crate::shapes::prepared;

/// What Keras adds to or keeps away from zero.
pub(crate) const EPSILON: f64 = 1e-7;

fn is_last(axis: &isize) -> bool {
    *axis == -1
}

fn is_one(value: &f64) -> bool {
    *value == 1.0
}

loss! {
    /// The squared error, `mean((y_true - y_pred)^2)` over the last axis.
    ///
    /// ```
    /// use keras_metrics::losses::{LossFunction, MeanSquaredError};
    /// use keras_tensor::Tensor;
    /// let y = Tensor::new(&[0.0f32, 1.0, 0.0, 0.0], [2, 2])?;
    /// let p = Tensor::new(&[1.0f32, 1.0, 1.0, 0.0], [2, 2])?;
    /// assert_eq!(MeanSquaredError::new().compute(&y, &p, None)?.item()?, 0.5);
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    MeanSquaredError = "mean_squared_error", mean_squared_error {}
    |_this, y, p| {
        let (y, p) = prepared("mean_squared_error", y, p)?;
        ops::mean(ops::square(ops::subtract(&y, &p)?)?, -1)
    }
}

loss! {
    /// The absolute error, `mean(|y_true - y_pred|)` over the last axis.
    MeanAbsoluteError = "mean_absolute_error", mean_absolute_error {}
    |_this, y, p| {
        let (y, p) = prepared("mean_absolute_error", y, p)?;
        ops::mean(ops::abs(ops::subtract(&y, &p)?)?, -1)
    }
}

loss! {
    /// The error in percent of the label, `100 * mean(|y_true - y_pred| / max(|y_true|, 1e-7))` over the last axis.
    MeanAbsolutePercentageError = "mean_absolute_percentage_error", mean_absolute_percentage_error {}
    |_this, y, p| {
        let (y, p) = prepared("mean_absolute_percentage_error", y, p)?;
        let scale = ops::maximum(ops::abs(&y)?, EPSILON)?;
        let share = ops::abs(ops::divide(ops::subtract(&y, &p)?, scale)?)?;
        ops::multiply(ops::mean(share, -1)?, 100.0)
    }
}

loss! {
    /// The squared error of logarithms, `mean((log(y_true + 1) - log(y_pred + 1))^2)` over the last axis; labels and
    /// predictions below 1e-7 count as that.
    MeanSquaredLogarithmicError = "mean_squared_logarithmic_error", mean_squared_logarithmic_error {}
    |_this, y, p| {
        let (y, p) = prepared("mean_squared_logarithmic_error", y, p)?;
        let log = |t: &Tensor| ops::log(ops::add(ops::maximum(t, EPSILON)?, 1.0)?);
        ops::mean(ops::square(ops::subtract(log(&p)?, log(&y)?)?)?, -1)
    }
}

loss! {
    /// Half the squared error up to a distance of `delta`, and a straight line beyond; the mean over the last axis.
    Huber = "huber_loss", huber {
        /// Up to which distance the loss is a parabola; 1 by default. Keras leaves it out of its config; here it is
        /// written unless it is 1.
        #[serde(skip_serializing_if = "is_one")]
        delta: f64 = 1.0,
    }
    |this, y, p| {
        let (y, p) = prepared("huber", y, p)?;
        let error = ops::subtract(&p, &y)?;
        let distance = ops::abs(&error)?;
        let near = ops::multiply(ops::square(&error)?, 0.5)?;
        let straight = ops::multiply(&distance, this.delta)?;
        let far = ops::subtract(straight, 0.5 * this.delta * this.delta)?;
        ops::mean(ops::where_(ops::less_equal(&distance, this.delta)?, near, far)?, -1)
    }
}

loss! {
    /// `mean(log(cosh(y_pred - y_true)))` over the last axis, without overflow.
    LogCosh = "log_cosh", log_cosh {}
    |_this, y, p| {
        let (y, p) = prepared("log_cosh", y, p)?;
        let x = ops::subtract(&p, &y)?;
        let curve = ops::softplus(ops::multiply(&x, -2.0)?)?;
        let value = ops::subtract(ops::add(&x, curve)?, std::f64::consts::LN_2)?;
        ops::mean(value, -1)
    }
}

/// `x / |x|` along an axis; 0 stays 0.
pub(crate) fn normalized(x: &Tensor, axis: isize) -> Result<Tensor> {
    let square = ops::reduce(ops::square(x)?, Fold::Sum, [axis], true)?;
    ops::multiply(x, ops::minimum(ops::rsqrt(&square)?, 1.0 / EPSILON)?)
}

loss! {
    /// The cosine of the angle between labels and predictions, negated: -1 is best, 0 a right angle.
    CosineSimilarity = "cosine_similarity", cosine_similarity {
        /// The axis along which the vectors lie; the last by default. Keras leaves it out of its config; here it is
        /// written unless it is the last.
        #[serde(skip_serializing_if = "is_last")]
        axis: isize = -1,
    }
    |this, y, p| {
        let (y, p) = prepared("cosine_similarity", y, p)?;
        let product = ops::multiply(normalized(&y, this.axis)?, normalized(&p, this.axis)?)?;
        ops::negative(ops::sum(product, this.axis)?)
    }
}
