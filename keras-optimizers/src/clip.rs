use keras_tensor::{Result, Tensor, ops};

use crate::Common;

/// Clips gradients in the one way that was asked for.
pub(crate) fn clip(common: &Common, gradients: &mut [Option<Tensor>]) -> Result<()> {
    // As in Keras, a limit of 0 or less is no limit.
    let limit = |limit: Option<f64>| limit.filter(|l| *l > 0.0);
    if let Some(limit) = limit(common.clipnorm) {
        for g in gradients.iter_mut().flatten() {
            let norm = ops::sqrt(sum_of_squares(g)?)?;
            *g = ops::divide(ops::multiply(&*g, limit)?, ops::maximum(norm, limit)?)?;
        }
    } else if let Some(limit) = limit(common.global_clipnorm) {
        by_global_norm(gradients, limit)?;
    } else if let Some(limit) = limit(common.clipvalue) {
        for g in gradients.iter_mut().flatten() {
            *g = ops::clip(&*g, -limit, limit)?;
        }
    }
    Ok(())
}

fn sum_of_squares(g: &Tensor) -> Result<Tensor> {
    ops::sum(ops::square(g)?, None)
}

fn by_global_norm(gradients: &mut [Option<Tensor>], limit: f64) -> Result<()> {
    let mut total = Tensor::scalar(0.0f32);
    for g in gradients.iter().flatten() {
        total = ops::add(total, sum_of_squares(g)?)?;
    }
    let norm = ops::sqrt(total)?;
    let scale = ops::multiply(ops::minimum(ops::divide(1.0, &norm)?, 1.0 / limit)?, limit)?;
    // Keras makes every gradient NaN when the norm is infinite, and so shows what went wrong.
    let scale = ops::add(scale, ops::subtract(&norm, &norm)?)?;
    for g in gradients.iter_mut().flatten() {
        *g = ops::multiply(&*g, ops::cast(&scale, g.dtype())?)?;
    }
    Ok(())
}
