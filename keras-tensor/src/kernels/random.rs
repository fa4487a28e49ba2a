//! Random values, the same ones that TensorFlow's stateless functions give for the same seed.

use crate::op::{Distribution, Random};
use crate::random::Philox;
use crate::{DType, Result, Tensor};

use super::shares::{SHARE, for_shares};
use super::simd::{Loop, vectorized, widest};
use super::{layout, with_float};

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
                for_shares(out, SHARE, &|start, out| {
                    let stream = stream.clone();
                    vectorized(Uniform {
                        stream,
                        start,
                        out,
                        f: move |v, _| v * width + low,
                    });
                });
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

/// What `f` makes of values even in `[0, 1)` and of what was in a share of an output that begins at `start`.
struct Uniform<'a, T, F> {
    stream: Philox,
    start: usize,
    out: &'a mut [T],
    f: F,
}

/// Values that are drawn at once; a multiple of those of a step of the stream.
const DRAWN: usize = 256;

impl<F: Fn(f32, f32) -> f32> Loop for Uniform<'_, f32, F> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        self.stream.skip(self.start as u64 / 4);
        let mut drawn = [0.0; DRAWN];
        for out in self.out.chunks_mut(DRAWN) {
            self.stream.uniform(&mut drawn[..out.len()]);
            for (o, &v) in out.iter_mut().zip(&drawn) {
                *o = (self.f)(v, *o);
            }
        }
    }
}

impl<F: Fn(f64, f64) -> f64> Loop for Uniform<'_, f64, F> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        self.stream.skip(self.start as u64 / 2);
        let mut drawn = [0.0; DRAWN];
        for out in self.out.chunks_mut(DRAWN) {
            self.stream.uniform_f64(&mut drawn[..out.len()]);
            for (o, &v) in out.iter_mut().zip(&drawn) {
                *o = (self.f)(v, *o);
            }
        }
    }
}

/// `x` with elements set to 0 where a value even in `[0, 1)` is below `rate`, and scaled elsewhere.
pub(super) fn dropout(rate: f64, x: &Tensor, seed: &Tensor) -> Result<Tensor> {
    let seed = seed.raw::<u32>();
    let stream = Philox::from_seed(seed[0] as u64, seed[1] as u64);
    with_float!(x.dtype(), T => {
        let (rate, scale, x_) = (rate as T, (1.0 / (1.0 - rate)) as T, x.raw::<T>());
        Tensor::build(x.dtype(), x.shape().clone(), |out: &mut [T]| {
            for_shares(out, SHARE, &|start, out| {
                out.copy_from_slice(&x_[start..start + out.len()]);
                let stream = stream.clone();
                widest(Uniform {
                    stream,
                    start,
                    out,
                    f: move |drawn, x| if drawn >= rate { x * scale } else { 0.0 },
                });
            });
        })
    })
}

fn scale(out: &mut [f32], mean: f64, stddev: f64) {
    let (mean, stddev) = (mean as f32, stddev as f32);
    out.iter_mut().for_each(|v| *v = *v * stddev + mean);
}
