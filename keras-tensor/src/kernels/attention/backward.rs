//! The derivative of attention: weights are computed again, tile by tile.

use super::rows::{Dot, Running, ThroughSoftmax, divided_by};
use super::{Heads, KEYS, Place, QUERIES, product};
use crate::kernels::gemm::{Output, View};
use crate::kernels::shares::for_shares;
use crate::kernels::simd::vectorized;
use crate::kernels::{Real, with_float};
use crate::op::{Attention, Outputs, Specs};
use crate::{Result, Tensor};

/// The results of [`crate::Op::AttentionGrad`].
pub(in crate::kernels) fn attention_grad(
    op: &Attention,
    inputs: &[&Tensor],
    specs: &Specs,
) -> Result<Outputs> {
    let dtype = inputs[0].dtype();
    let [result, outer] = [inputs.len() - 2, inputs.len() - 1].map(|i| inputs[i]);
    with_float!(dtype, T => {
        let heads = Heads::<T>::new(op, inputs);
        let found = Found { result: result.raw(), outer: outer.raw() };
        // Each head's gradients side by side, for one thread to write.
        let sizes = heads.gradient_sizes();
        let all = [heads.batch * heads.heads, sizes.iter().sum()];
        let gradients = Tensor::build(dtype, all.into(), |all: &mut [T]| {
            heads.backward(&found, all);
        })?;
        let gradients = gradients.raw::<T>();
        let mut start = 0;
        let mut outputs = Outputs::new();
        for (spec, size) in specs.iter().zip(sizes) {
            let width = spec.shape[3];
            outputs.push(Tensor::build(dtype, spec.shape.clone(), |out: &mut [T]| {
                heads.spread(gradients, start, width, out);
            })?);
            start += size;
        }
        Ok(outputs)
    })
}

/// What was found, and the gradient with regard to it.
struct Found<'a, T> {
    result: &'a [T],
    outer: &'a [T],
}

impl<T: Real> Heads<'_, T> {
    /// How many elements the gradients of a head's queries, keys and values have.
    fn gradient_sizes(&self) -> [usize; 3] {
        [
            self.queries * self.dim,
            self.keys * self.dim,
            self.keys * self.value_dim,
        ]
    }

    fn backward(&self, found: &Found<T>, all: &mut [T]) {
        let size: usize = self.gradient_sizes().iter().sum();
        if all.is_empty() {
            return;
        }
        for_shares(all, size, &|start, to| {
            for (i, to) in to.chunks_exact_mut(size).enumerate() {
                let number = start / size + i;
                self.backward_head(number / self.heads, number % self.heads, found, to);
            }
        });
    }

    /// A head's gradients.
    fn backward_head(&self, batch: usize, head: usize, found: &Found<T>, to: &mut [T]) {
        to.fill(T::ZERO);
        if self.keys * self.value_dim * self.dim == 0 {
            return;
        }
        let (dim, value_dim) = (self.dim, self.value_dim);
        let [of_queries, of_keys, _] = self.gradient_sizes();
        let (d_query, rest) = to.split_at_mut(of_queries);
        let (d_key, d_value) = rest.split_at_mut(of_keys);
        let size = QUERIES.min(self.queries) * KEYS.min(self.keys);
        let (mut weights, mut gradients) = (vec![T::ZERO; size], vec![T::ZERO; size]);
        for first in (0..self.queries).step_by(QUERIES) {
            let place = Place {
                batch,
                head,
                queries: first..(first + QUERIES).min(self.queries),
            };
            let rows = place.queries.len();
            let outer = self.rows_of(found.outer, value_dim, batch, head, first, false);
            let query = self.rows_of(self.query, dim, batch, head, first, false);
            let dots: Vec<T> = place
                .queries
                .clone()
                .map(|q| self.dot(found, batch, head, q))
                .collect();
            let mut running = vec![Running::default(); rows];
            let is_whole = self.key_blocks(&place).nth(1).is_none();
            if !is_whole {
                for keys in self.key_blocks(&place) {
                    let tile = &mut weights[..rows * keys.len()];
                    self.scores(&place, keys.clone(), tile);
                    for (scores, running) in tile.chunks_exact_mut(keys.len()).zip(&mut running) {
                        running.take(scores);
                    }
                }
            }
            for keys in self.key_blocks(&place) {
                let count = keys.len();
                let weights = &mut weights[..rows * count];
                let gradients = &mut gradients[..rows * count];
                self.scores(&place, keys.clone(), weights);
                for (scores, running) in weights.chunks_exact_mut(count).zip(&mut running) {
                    if is_whole {
                        running.take(scores);
                    } else {
                        running.weights(scores);
                    }
                    divided_by(scores, running.total);
                }
                let d_value = &mut d_value[keys.start * value_dim..][..count * value_dim];
                product(
                    View::new(weights, count, true),
                    rows,
                    outer,
                    true,
                    Output::new(d_value, value_dim),
                );
                let value = self.rows_of(self.value, value_dim, batch, head, keys.start, true);
                product(
                    outer,
                    value_dim,
                    value,
                    false,
                    Output::new(gradients, count),
                );
                let rows_of_both = gradients
                    .chunks_exact_mut(count)
                    .zip(weights.chunks_exact(count));
                for ((gradient, weights), &dot) in rows_of_both.zip(&dots) {
                    vectorized(ThroughSoftmax {
                        gradient,
                        weights,
                        dot,
                        scale: self.scale,
                    });
                }
                self.hide(&place, keys.clone(), gradients, T::ZERO);
                product(
                    View::new(gradients, count, false),
                    count,
                    self.rows_of(self.key, dim, batch, head, keys.start, false),
                    true,
                    Output::new(&mut d_query[first * dim..][..rows * dim], dim),
                );
                product(
                    View::new(gradients, count, true),
                    rows,
                    query,
                    true,
                    Output::new(&mut d_key[keys.start * dim..][..count * dim], dim),
                );
            }
        }
    }

    /// The sum of a query's weights times their gradients: what it found times the gradient with regard to that.
    fn dot(&self, found: &Found<T>, batch: usize, head: usize, query: usize) -> T {
        let start = ((batch * self.queries + query) * self.heads + head) * self.value_dim;
        let part = start..start + self.value_dim;
        vectorized(Dot {
            a: &found.result[part.clone()],
            b: &found.outer[part],
        })
    }

    /// `[batch, length, heads, width]` of gradients that lie head by head, from `start` on in each.
    fn spread(&self, gradients: &[T], start: usize, width: usize, out: &mut [T]) {
        let of_head: usize = self.gradient_sizes().iter().sum();
        let row = self.heads * width;
        let of_batch = out.len() / self.batch.max(1);
        if of_batch == 0 {
            return;
        }
        for_shares(out, of_batch, &|first, out| {
            for (place, to) in out.chunks_exact_mut(width).enumerate() {
                let (query, head) = (place * width / row, place % self.heads);
                let number = first / of_batch * self.heads + head;
                let from = number * of_head + start + query * width;
                to.copy_from_slice(&gradients[from..from + width]);
            }
        });
    }
}
