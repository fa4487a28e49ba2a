use super::SeedGenerator;
use crate::op::Distribution;
use crate::{DType, Result, Shape, Tensor, ops};

/// Float32 numbers of the bell curve; a generator gives others at each call.
///
/// ```
/// use keras_tensor::random::{SeedGenerator, normal};
/// let seeds = SeedGenerator::new(Some(1));
/// let (a, b) = (normal([2, 3], 0.0, 1.0, &seeds)?, normal([2, 3], 0.0, 1.0, &seeds)?);
/// assert_ne!(a.to_string(), b.to_string());
/// # Ok::<(), keras_tensor::Error>(())
/// ```
///
/// # Errors
/// No memory.
pub fn normal(
    shape: impl Into<Shape>,
    mean: f64,
    stddev: f64,
    seeds: &SeedGenerator,
) -> Result<Tensor> {
    let kind = Distribution::Normal { mean, stddev };
    ops::random(kind, shape, DType::F32, &seeds.next()?)
}

/// Float32 numbers that are even in `[minval, maxval)`.
///
/// # Errors
/// No memory.
pub fn uniform(
    shape: impl Into<Shape>,
    minval: f64,
    maxval: f64,
    seeds: &SeedGenerator,
) -> Result<Tensor> {
    let (low, high) = (minval, maxval);
    let kind = Distribution::Uniform { low, high };
    ops::random(kind, shape, DType::F32, &seeds.next()?)
}

/// Int32 numbers that are even among those in `[minval, maxval)`.
///
/// # Errors
/// An empty range.
pub fn randint(
    shape: impl Into<Shape>,
    minval: i64,
    maxval: i64,
    seeds: &SeedGenerator,
) -> Result<Tensor> {
    let (low, high) = (minval, maxval);
    let kind = Distribution::Integers { low, high };
    ops::random(kind, shape, DType::I32, &seeds.next()?)
}
