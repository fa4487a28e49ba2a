//! Drawing noise, the same as Keras on TensorFlow draws from the same seed.

use keras_tensor::{
    DType, Distribution, Error, Op, Result, Shape, Tensor, apply_one, observe, ops,
};

use crate::{Dims, Seed};

/// Checks that `rate` is a share.
pub(super) fn check_rate(rate: f64) -> Result<()> {
    if (0.0..=1.0).contains(&rate) {
        return Ok(());
    }
    Err(Error::argument("rate", rate, "a share from 0 to 1"))
}

/// The shape of decisions for an input: all of its own, or what `noise_shape` says with `None` for the input's size.
pub(super) fn decisions(noise_shape: Option<&Dims>, x: &Shape) -> Result<Shape> {
    let Some(noise) = noise_shape else {
        return Ok(x.clone());
    };
    if noise.len() != x.rank() {
        return Err(Error::argument(
            "noise_shape",
            noise,
            format!("as many axes as the input {x} has"),
        ));
    }
    let pairs = noise.iter().zip(x.iter());
    Ok(pairs.map(|(d, &n)| d.unwrap_or(n)).collect())
}

/// Evenly drawn bools, of which a share `rate` is false.
pub(super) fn kept(shape: Shape, rate: f64, dtype: DType, seed: &Seed) -> Result<Tensor> {
    let even = Distribution::Uniform {
        low: 0.0,
        high: 1.0,
    };
    ops::greater_equal(ops::random(even, shape, dtype, &seed.next()?)?, rate)
}

/// `x` with a share `rate` of its elements set to 0 and the others scaled; decisions are of shape `decisions` and
/// broadcast.
pub(crate) fn dropped(x: &Tensor, decisions: &Shape, rate: f64, seed: &Seed) -> Result<Tensor> {
    if rate == 1.0 {
        return ops::multiply(x, 0.0);
    }
    let is_wide = matches!(x.dtype(), DType::F32 | DType::F64);
    if is_wide && decisions == x.shape() && !observe::small_ops() {
        return apply_one(Op::Dropout(rate), &[x, &seed.next()?]);
    }
    let kept = kept(decisions.clone(), rate, x.dtype(), seed)?;
    let scaled = ops::multiply(x, 1.0 / (1.0 - rate))?;
    ops::where_(&kept, &scaled, ops::zeros_like(x)?)
}

/// The bell curve in the shape and dtype of `x`.
pub(super) fn normal(x: &Tensor, mean: f64, stddev: f64, seed: &Seed) -> Result<Tensor> {
    let bell = Distribution::Normal { mean, stddev };
    ops::random(bell, x.shape().clone(), x.dtype(), &seed.next()?)
}
