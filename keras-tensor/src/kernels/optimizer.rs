//! Steps of optimizers, one pass over a weight and its state, in place.

use num_traits::Float;
use smallvec::SmallVec;

use super::shares::{Divide, divided};
use super::simd::Loop;
use super::{layout, with_float};
use crate::buffer::Buffer;
use crate::dtype::Element;
use crate::op::{Adam, Outputs, Sgd};
use crate::{DType, Result, Shape, Tensor};
use std::sync::Arc;

/// A tensor taken apart so that it can be written, and put together again.
struct Writable {
    dtype: DType,
    shape: Shape,
    buffer: Arc<Buffer>,
}

impl Writable {
    /// The tensor's own memory, or a copy where somebody else holds it.
    fn new(t: Tensor) -> Result<Self> {
        let t = if t.is_unique() { t } else { layout::copy(&t)? };
        let (dtype, shape) = (t.dtype(), t.shape().clone());
        let buffer = t.into_unique_buffer().expect("it is unique");
        Ok(Writable {
            dtype,
            shape,
            buffer,
        })
    }

    fn elements<T: Element>(&mut self) -> &mut [T] {
        let size = self.shape.size();
        let memory = Arc::get_mut(&mut self.buffer).expect("it is unique");
        &mut memory.as_mut_slice::<T>()[..size]
    }

    fn finish(self) -> Tensor {
        Tensor::from_buffer(self.dtype, self.shape, self.buffer)
    }
}

struct Plain<'a, T> {
    w: &'a mut [T],
    g: &'a [T],
    rate: T,
}

impl<T: Float> Loop for Plain<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (w, &g) in self.w.iter_mut().zip(self.g) {
            *w = *w - self.rate * g;
        }
    }
}

impl<T: Float + Send + Sync> Divide for Plain<'_, T> {
    fn len(&self) -> usize {
        self.w.len()
    }

    fn split_at(self, middle: usize) -> (Self, Self) {
        let (w, w_) = self.w.split_at_mut(middle);
        let (g, g_) = self.g.split_at(middle);
        let rate = self.rate;
        (Plain { w, g, rate }, Plain { w: w_, g: g_, rate })
    }
}

struct Momentum<'a, T> {
    w: &'a mut [T],
    g: &'a [T],
    v: &'a mut [T],
    rate: T,
    momentum: T,
    nesterov: bool,
}

impl<T: Float> Loop for Momentum<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for ((w, &g), v) in self.w.iter_mut().zip(self.g).zip(self.v) {
            let step = self.rate * g;
            *v = self.momentum * *v - step;
            *w = if self.nesterov {
                *w + self.momentum * *v - step
            } else {
                *w + *v
            };
        }
    }
}

impl<T: Float + Send + Sync> Divide for Momentum<'_, T> {
    fn len(&self) -> usize {
        self.w.len()
    }

    fn split_at(self, middle: usize) -> (Self, Self) {
        let (w, w_) = self.w.split_at_mut(middle);
        let (g, g_) = self.g.split_at(middle);
        let (v, v_) = self.v.split_at_mut(middle);
        let left = Momentum { w, g, v, ..self };
        let (w, g, v) = (w_, g_, v_);
        (left, Momentum { w, g, v, ..self })
    }
}

/// `v = momentum * v - lr * g; w += v`, or with nesterov `w += momentum * v - lr * g`.
pub(super) fn sgd(s: &Sgd, inputs: SmallVec<[Tensor; 4]>) -> Result<Outputs> {
    let mut inputs = inputs.into_iter();
    let mut next = || inputs.next().expect("the door has counted the inputs");
    let (w, g) = (next(), next());
    let mut w = Writable::new(w)?;
    if s.momentum == 0.0 {
        with_float!(w.dtype, T => divided(Plain {
            w: w.elements::<T>(),
            g: g.raw::<T>(),
            rate: s.learning_rate as T,
        }));
        return Ok(smallvec::smallvec![w.finish()]);
    }
    let mut v = Writable::new(next())?;
    with_float!(w.dtype, T => divided(Momentum {
        w: w.elements::<T>(),
        g: g.raw::<T>(),
        v: v.elements::<T>(),
        rate: s.learning_rate as T,
        momentum: s.momentum as T,
        nesterov: s.nesterov,
    }));
    Ok(SmallVec::from_iter([w.finish(), v.finish()]))
}

struct AdamStep<'a, T> {
    w: &'a mut [T],
    g: &'a [T],
    m: &'a mut [T],
    v: &'a mut [T],
    alpha: T,
    new_m: T,
    new_v: T,
    epsilon: T,
}

impl<T: Float> Loop for AdamStep<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (new_m, new_v) = (self.new_m, self.new_v);
        for (((w, &g), m), v) in self.w.iter_mut().zip(self.g).zip(self.m).zip(self.v) {
            *m = *m + (g - *m) * new_m;
            *v = *v + (g * g - *v) * new_v;
            *w = *w - *m * self.alpha / (v.sqrt() + self.epsilon);
        }
    }
}

impl<T: Float + Send + Sync> Divide for AdamStep<'_, T> {
    fn len(&self) -> usize {
        self.w.len()
    }

    fn split_at(self, middle: usize) -> (Self, Self) {
        let (w, w_) = self.w.split_at_mut(middle);
        let (g, g_) = self.g.split_at(middle);
        let (m, m_) = self.m.split_at_mut(middle);
        let (v, v_) = self.v.split_at_mut(middle);
        let left = AdamStep { w, g, m, v, ..self };
        let (w, g, m, v) = (w_, g_, m_, v_);
        (left, AdamStep { w, g, m, v, ..self })
    }
}

/// Keras's Adam: epsilon outside of the bias correction, which is in `alpha`.
pub(super) fn adam(a: &Adam, inputs: SmallVec<[Tensor; 4]>) -> Result<Outputs> {
    let mut inputs = inputs.into_iter();
    let mut next = || inputs.next().expect("the door has counted the inputs");
    let (w, g) = (next(), next());
    let mut w = Writable::new(w)?;
    let mut m = Writable::new(next())?;
    let mut v = Writable::new(next())?;
    with_float!(w.dtype, T => divided(AdamStep {
        w: w.elements::<T>(),
        g: g.raw::<T>(),
        m: m.elements::<T>(),
        v: v.elements::<T>(),
        alpha: a.alpha as T,
        // Subtracted in f64, as Keras does: in f32, 1 - 0.999 is off by 1e-5 of itself.
        new_m: (1.0 - a.beta_1) as T,
        new_v: (1.0 - a.beta_2) as T,
        epsilon: a.epsilon as T,
    }));
    Ok(SmallVec::from_iter([w.finish(), m.finish(), v.finish()]))
}
