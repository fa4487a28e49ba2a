//! How well predictions follow labels.

use keras_tensor::op::Fold;
use keras_tensor::{Result, Tensor, ops};

use crate::losses::regression::EPSILON;
use crate::shapes::prepared;

fn centre(t: &Tensor, axis: isize) -> Result<Tensor> {
    ops::reduce(t, Fold::Mean, [axis], true)
}

/// The mean of squares along an axis, which stays with size 1.
fn spread(t: &Tensor, axis: isize) -> Result<Tensor> {
    Ok(ops::moments(t, [axis], true)?.1)
}

/// Pearson's correlation along an axis: the mean of the product of labels and predictions, both with mean 0 and standard
/// deviation 1.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn pearson_correlation(y_true: &Tensor, y_pred: &Tensor, axis: isize) -> Result<Tensor> {
    let (y, p) = prepared("pearson_correlation", y_true, y_pred)?;
    let standard = |t: &Tensor| {
        let t = ops::subtract(t, centre(t, axis)?)?;
        ops::divide(&t, ops::sqrt(spread(&t, axis)?)?)
    };
    ops::mean(ops::multiply(standard(&y)?, standard(&p)?)?, axis)
}

/// Lin's concordance along an axis: a correlation that also falls when predictions are shifted or scaled.
///
/// As in Keras, both deviations are taken from the mean of the predictions.
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn concordance_correlation(y_true: &Tensor, y_pred: &Tensor, axis: isize) -> Result<Tensor> {
    let (y, p) = prepared("concordance_correlation", y_true, y_pred)?;
    let (y_mean, p_mean) = (centre(&y, axis)?, centre(&p, axis)?);
    let together = ops::multiply(ops::subtract(&y, &p_mean)?, ops::subtract(&p, &p_mean)?)?;
    let apart = ops::square(ops::subtract(&y_mean, &p_mean)?)?;
    let norm = ops::add(ops::add(spread(&y, axis)?, spread(&p, axis)?)?, apart)?;
    let share = ops::divide(ops::multiply(together, 2.0)?, ops::add(norm, EPSILON)?)?;
    ops::mean(share, axis)
}

mean_metric! {
    /// The mean of [`pearson_correlation`] over samples, each a row of several values.
    PearsonCorrelation = "pearson_correlation", Up {
        /// The axis along which values are compared; the last by default.
        axis: isize = -1,
    }
    |this, y, p| pearson_correlation(y, p, this.axis)
}

mean_metric! {
    /// The mean of [`concordance_correlation`] over samples, each a row of several values.
    ConcordanceCorrelation = "concordance_correlation", Up {
        /// The axis along which values are compared; the last by default.
        axis: isize = -1,
    }
    |this, y, p| concordance_correlation(y, p, this.axis)
}
