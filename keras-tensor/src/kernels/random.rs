//! Random values, the same ones that TensorFlow's stateless functions give for the same seed.

use crate::op::{Distribution, Random};
use crate::random::Philox;
use crate::{DType, Result, Tensor};

use super::layout;

/// Draws as TensorFlow does: in float32 (float64 for a float64 result), then cast.
pub(super) fn draw(r: &Random, seed: &Tensor) -> Result<Tensor> {
    let seed = seed.raw::<u32>();
    let mut stream = Philox::from_seed(seed[0] as u64, seed[1] as u64);
    let shape = r.shape.clone();
    let values = match r.distribution {
        Distribution::Integers { low, high } => {
            Tensor::build(DType::I64, shape, |out| stream.integers(low, high, out))?
        }
        Distribution::Uniform { low, high } if r.dtype == DType::F64 => {
            Tensor::build(DType::F64, shape, |out: &mut [f64]| {
                stream.uniform_f64(out);
                out.iter_mut().for_each(|v| *v = *v * (high - low) + low);
            })?
        }
        Distribution::Uniform { low, high } => {
            let (low, width) = (low as f32, high as f32 - low as f32);
            Tensor::build(DType::F32, shape, |out: &mut [f32]| {
                stream.uniform(out);
                out.iter_mut().for_each(|v| *v = *v * width + low);
            })?
        }
        Distribution::Normal { mean, stddev } => {
            Tensor::build(DType::F32, shape, |out: &mut [f32]| {
                stream.normal(out);
                scale(out, mean, stddev);
            })?
        }
        Distribution::TruncatedNormal { mean, stddev } => {
            Tensor::build(DType::F32, shape, |out: &mut [f32]| {
                stream.truncated_normal(out);
                scale(out, mean, stddev);
            })?
        }
    };
    if values.dtype() == r.dtype {
        Ok(values)
    } else {
        layout::cast(&values, r.dtype)
    }
}

fn scale(out: &mut [f32], mean: f64, stddev: f64) {
    let (mean, stddev) = (mean as f32, stddev as f32);
    out.iter_mut().for_each(|v| *v = *v * stddev + mean);
}
