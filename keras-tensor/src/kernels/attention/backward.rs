//! The derivative of attention: weights are computed again, tile by tile.

use std::array::from_fn;

use super::rows::{Dot, Running, Scores, Take, ThroughSoftmax, Weigh};
use super::{Heads, KEYS, Place, QUERIES, product};
use crate::kernels::gemm::{Output, View};
use crate::kernels::shares::try_share;
use crate::kernels::simd::vectorized;
use crate::kernels::{Real, built, with_float, with_space};
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
        built(specs, |gradients: [&mut [T]; 3]| {
            heads.backward(&found, gradients)
        })
    })
}

/// What was found, and the gradient with regard to it.
struct Found<'a, T> {
    result: &'a [T],
    outer: &'a [T],
}

impl<T: Real> Heads<'_, T> {
    /// The gradients with regard to queries, keys and values.
    fn backward(&self, found: &Found<T>, mut gradients: [&mut [T]; 3]) -> Result<()> {
        let widths = [self.dim, self.dim, self.value_dim];
        let lengths = [self.queries, self.keys, self.keys];
        // Keys that no query of a block sees are not written.
        let is_empty = gradients.iter().any(|g| g.is_empty());
        if self.is_causal || is_empty {
            gradients.iter_mut().for_each(|g| g.fill(T::ZERO));
        }
        if is_empty {
            return Ok(());
        }
        let mut all = gradients.into_iter().zip(widths);
        let all: [Output<T>; 3] = from_fn(|_| {
            let (gradient, width) = all.next().expect("there are three");
            Output::new(gradient, self.heads * width)
        });
        let size = QUERIES.min(self.queries) * KEYS.min(self.keys);
        try_share(self.batch * self.heads, &|i| {
            let (batch, head) = (i / self.heads, i % self.heads);
            let of_head = from_fn(|i| {
                let (length, width) = (lengths[i], widths[i]);
                let rows = batch * length..(batch + 1) * length;
                // SAFETY: a head's columns of a sample come once.
                #[allow(unsafe_code)]
                unsafe {
                    all[i].tile(rows, head * width..(head + 1) * width)
                }
            });
            with_space(2 * size, |tiles| {
                self.backward_head(batch, head, found, of_head, tiles.split_at_mut(size));
                Ok(())
            })
        })
    }

    /// A head's gradients; there is room for a tile of weights and for one of their gradients.
    fn backward_head(
        &self,
        batch: usize,
        head: usize,
        found: &Found<T>,
        [mut d_query, mut d_key, mut d_value]: [Output<T>; 3],
        (weights, gradients): (&mut [T], &mut [T]),
    ) {
        let (dim, value_dim) = (self.dim, self.value_dim);
        let mut shrunk = vec![T::ONE; QUERIES.min(self.queries)];
        let scales = self.scales();
        // Where there are zeros already, as some keys may not come.
        let add = self.is_causal;
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
                    self.scores(&place, keys.clone(), &scales, tile);
                    let scores = Scores {
                        tile,
                        columns: keys.len(),
                        running: &mut running,
                    };
                    let shrunk = &mut shrunk[..rows];
                    T::with_vectors(Take { scores, shrunk });
                }
            }
            for keys in self.key_blocks(&place) {
                let columns = keys.len();
                let weights = &mut weights[..rows * columns];
                let gradient = &mut gradients[..rows * columns];
                self.scores(&place, keys.clone(), &scales, weights);
                T::with_vectors(Weigh {
                    scores: Scores {
                        tile: weights,
                        columns,
                        running: &mut running,
                    },
                    are_whole: is_whole,
                });
                let turned = View::new(weights, columns, true);
                let of_values = d_value.some_rows(keys.clone());
                product(turned, rows, outer, add || first > 0, of_values);
                let value = self.rows_of(self.value, value_dim, batch, head, keys.start, true);
                let of_scores = Output::new(gradient, columns);
                product(outer, value_dim, value, false, of_scores);
                vectorized(ThroughSoftmax {
                    gradient,
                    weights,
                    columns,
                    dots: &dots,
                    scale: self.scale,
                });
                self.hide(&place, keys.clone(), gradient, T::ZERO);
                let key = self.rows_of(self.key, dim, batch, head, keys.start, false);
                let of_queries = d_query.some_rows(place.queries.clone());
                let as_is = View::new(gradient, columns, false);
                product(as_is, columns, key, add || keys.start > 0, of_queries);
                let turned = View::new(gradient, columns, true);
                let of_keys = d_key.some_rows(keys.clone());
                product(turned, rows, query, add || first > 0, of_keys);
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
}
