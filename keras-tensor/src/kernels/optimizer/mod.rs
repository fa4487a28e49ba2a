//! Steps of optimizers, one pass over a weight and its state, in place.

mod average;
mod rows;

use smallvec::SmallVec;
use std::ops::Range;
use std::sync::Arc;

use super::arrays::of_each;
use super::elementwise::Number;
use super::shares::{Divide, divided_by};
use super::simd::Loop;
use super::{Real, layout, with_float};
use crate::buffer::Buffer;
use crate::dtype::Element;
use crate::op::{Outputs, Update};
use crate::{DType, Result, Shape, Tensor};
use average::{Average, zero_below};
use rows::Chains;

/// Weights that a thread takes at a time: each moves many bytes, and roots and quotients take long.
const SHARE: usize = 1 << 12;
/// Gradients that are made at a time.
const PIECE: usize = 512;

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
        super::elements(memory, size)
    }

    fn finish(self) -> Tensor {
        Tensor::from_buffer(self.dtype, self.shape, self.buffer)
    }
}

/// Makes of a weight, its gradient and `S` numbers that are kept of it the next ones. One that keeps nothing leaves a weight
/// whose gradient is zero as it is.
trait Rule<T, const S: usize>: Fn(T, T, [T; S]) -> (T, [T; S]) + Copy + Send {}

impl<T, F: Fn(T, T, [T; S]) -> (T, [T; S]) + Copy + Send, const S: usize> Rule<T, S> for F {}

/// Weights, and `S` numbers that are kept of each.
struct Weights<'a, T, const S: usize> {
    w: &'a mut [T],
    state: [&'a mut [T]; S],
}

impl<'a, T: Real, const S: usize> Weights<'a, T, S> {
    #[inline(always)]
    fn step(self, g: &[T], f: impl Rule<T, S>) {
        let size = self.w.len();
        let (w, g) = (self.w, &g[..size]);
        let mut state = self.state;
        for state in &mut state {
            *state = &mut std::mem::take(state)[..size];
        }
        // Averages of gradients that have become zero would be subnormal for ever; `Average` says what that costs. TensorFlow
        // has the processor do the same.
        let least_normal = T::min_positive_value();
        for i in 0..size {
            let (next, kept) = f(w[i], g[i], of_each(&state, i));
            w[i] = next;
            for k in 0..S {
                state[k][i] = zero_below(least_normal, kept[k]);
            }
        }
    }

    /// Some of them.
    #[inline(always)]
    fn part(&mut self, range: Range<usize>) -> Weights<'_, T, S> {
        Weights {
            w: &mut self.w[range.clone()],
            state: self.state.each_mut().map(|s| &mut s[range.clone()]),
        }
    }

    fn split_at(self, middle: usize) -> (Self, Self) {
        let (w, w_) = self.w.split_at_mut(middle);
        let (mut state, mut rest) = (
            self.state,
            std::array::from_fn::<&mut [T], S, _>(|_| Default::default()),
        );
        for (state, rest) in state.iter_mut().zip(&mut rest) {
            (*state, *rest) = std::mem::take(state).split_at_mut(middle);
        }
        (Weights { w, state }, Weights { w: w_, state: rest })
    }
}

/// The gradients of some weights.
#[derive(Clone, Copy)]
enum Gradients<'a, T> {
    All(&'a [T]),
    /// Made piece by piece: those of the weights from one on, counted in the whole weight.
    Rows(&'a Chains<'a, T>, usize),
}

/// Weights and their gradients, to be stepped by a rule.
struct Steps<'a, T, F, const S: usize> {
    weights: Weights<'a, T, S>,
    gradients: Gradients<'a, T>,
    f: F,
}

impl<T: Real, F: Rule<T, S>, const S: usize> Loop for Steps<'_, T, F, S> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        let mut sums = [T::ZERO; PIECE];
        let size = self.weights.w.len();
        let at_once = match self.gradients {
            Gradients::All(_) => size,
            Gradients::Rows(..) => PIECE,
        };
        for start in (0..size).step_by(at_once.max(1)) {
            let piece = start..(start + at_once).min(size);
            let g = match self.gradients {
                Gradients::All(g) => &g[piece.clone()],
                Gradients::Rows(chains, first) => {
                    if S == 0 && chains.leave_out(first + start, piece.len()) {
                        continue;
                    }
                    let sums = &mut sums[..piece.len()];
                    chains.sum(first + start, sums);
                    sums
                }
            };
            self.weights.part(piece).step(g, self.f);
        }
    }
}

impl<T: Real, F: Rule<T, S>, const S: usize> Divide for Steps<'_, T, F, S> {
    fn len(&self) -> usize {
        self.weights.w.len()
    }

    fn split_at(self, middle: usize) -> (Self, Self) {
        let (left, right) = self.weights.split_at(middle);
        let [first, second] = match self.gradients {
            Gradients::All(g) => [Gradients::All(&g[..middle]), Gradients::All(&g[middle..])],
            Gradients::Rows(chains, first) => {
                [first, first + middle].map(|first| Gradients::Rows(chains, first))
            }
        };
        let f = self.f;
        let with = |weights, gradients| Steps {
            weights,
            gradients,
            f,
        };
        (with(left, first), with(right, second))
    }
}

fn stepped<T: Real, const S: usize>(
    inputs: SmallVec<[Tensor; 4]>,
    f: impl Rule<T, S>,
) -> Result<Outputs> {
    let mut inputs = inputs.into_iter();
    let mut next = || inputs.next().expect("the door has counted the inputs");
    let (w, g) = (next(), next());
    let chains = g.scattered().map(|rows| Chains::<T>::new(rows, g.size()));
    let written = std::iter::once(w).chain(inputs).map(Writable::new);
    let mut written: SmallVec<[Writable; 3]> = written.collect::<Result<_>>()?;
    let mut slices = written.iter_mut().map(Writable::elements::<T>);
    let mut slice = || slices.next().expect("the door has counted the inputs");
    let weights = Weights {
        w: slice(),
        state: std::array::from_fn(|_| slice()),
    };
    let gradients = match &chains {
        None => Gradients::All(g.raw::<T>()),
        Some(chains) => Gradients::Rows(chains, 0),
    };
    let steps = Steps {
        weights,
        gradients,
        f,
    };
    divided_by(steps, SHARE);
    Ok(written.into_iter().map(Writable::finish).collect())
}

/// A weight and its state after a step.
pub(super) fn update(u: &Update, inputs: SmallVec<[Tensor; 4]>) -> Result<Outputs> {
    with_float!(inputs[0].dtype(), T => {
        match *u {
            Update::Sgd(s) => {
                let (rate, momentum) = (s.learning_rate as T, s.momentum as T);
                if s.momentum == 0.0 {
                    return stepped(inputs, move |w: T, g, []| (w - rate * g, []));
                }
                stepped(inputs, move |w: T, g, [v]| {
                    let step = rate * g;
                    let v = momentum * v - step;
                    let next = match s.nesterov {
                        true => w + momentum * v - step,
                        false => w + v,
                    };
                    (next, [v])
                })
            }
            Update::Adam(a) => {
                let first = Average::<T>::new(a.beta_1, a.alpha);
                let second = Average::<T>::of_squares(a.beta_2, a.epsilon);
                let (alpha, epsilon) = (a.alpha as T, a.epsilon as T);
                stepped(inputs, move |w: T, g, [m, v]| {
                    let (m, v) = (first.toward(m, g), second.toward(v, g * g));
                    (w - m * alpha / (v.sqrt() + epsilon), [m, v])
                })
            }
            Update::Nadam(n) => {
                let first = Average::<T>::new(n.beta_1, n.learning_rate);
                let second = Average::<T>::of_squares(n.beta_2, n.epsilon);
                let [times_m, over_m] = n.momentum.map(|v| v as T);
                let [times_g, over_g] = n.gradient.map(|v| v as T);
                let (rate, epsilon) = (n.learning_rate as T, n.epsilon as T);
                let correction = n.correction as T;
                stepped(inputs, move |w: T, g, [m, v]| {
                    let (m, v) = (first.toward(m, g), second.toward(v, g * g));
                    let ahead = m * times_m / over_m + g * times_g / over_g;
                    (w - ahead * rate / ((v / correction).sqrt() + epsilon), [m, v])
                })
            }
            Update::Adamax(a) => {
                let (first, beta_2) = (
                    Average::<T>::new(a.beta_1, a.learning_rate),
                    a.beta_2 as T,
                );
                let (rate, epsilon) = (a.learning_rate as T, a.epsilon as T);
                let correction = a.correction as T;
                stepped(inputs, move |w: T, g, [m, u]| {
                    let m = first.toward(m, g);
                    let u = Number::max(beta_2 * u, Number::abs(g));
                    (w - m * rate / ((u + epsilon) * correction), [m, u])
                })
            }
            Update::Rmsprop(r) => {
                let (rho, new, epsilon) = (r.rho as T, (1.0 - r.rho) as T, r.epsilon as T);
                let (rate, momentum) = (r.learning_rate as T, r.momentum as T);
                let spread = move |v: T, g: T| rho * v + g * g * new;
                let step = move |v: T, g: T| g * rate / (v + epsilon).sqrt();
                if r.momentum > 0.0 {
                    return stepped(inputs, move |w: T, g, [v, m]| {
                        let v = spread(v, g);
                        let m = momentum * m + step(v, g);
                        (w - m, [v, m])
                    });
                }
                stepped(inputs, move |w: T, g, [v]| {
                    let v = spread(v, g);
                    (w - step(v, g), [v])
                })
            }
            Update::Adagrad(a) => {
                let (rate, epsilon) = (a.learning_rate as T, a.epsilon as T);
                stepped(inputs, move |w: T, g, [sum]| {
                    let sum = sum + g * g;
                    (w - g * rate / (sum + epsilon).sqrt(), [sum])
                })
            }
            Update::Lion(l) => {
                let (beta_1, rest_1) = (l.beta_1 as T, (1.0 - l.beta_1) as T);
                let (beta_2, rest_2) = (l.beta_2 as T, (1.0 - l.beta_2) as T);
                let rate = l.learning_rate as T;
                stepped(inputs, move |w: T, g, [m]| {
                    let direction = m * beta_1 + g * rest_1;
                    (w - rate * Number::sign(direction), [beta_2 * m + g * rest_2])
                })
            }
        }
    })
}
