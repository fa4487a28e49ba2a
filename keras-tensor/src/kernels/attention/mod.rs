//! Attention in tiles of scores, which are never all there at once.

mod backward;
mod rows;

use std::ops::Range;

use super::elementwise::repeated_strides;
use super::gemm::{self, Epilogue, Output, Right, View};
use super::shares::for_shares;
use super::{Real, with_float};
use crate::op::Attention;
use crate::{Result, Shape, Tensor};
pub(super) use backward::attention_grad;
use rows::{Running, Scores, Take, divided_by, scaled};

/// Queries of a tile.
const QUERIES: usize = 128;
/// Keys of a tile.
const KEYS: usize = 512;
/// Tiles that all threads can be busy with; where there are fewer, they are made smaller.
const ENOUGH: usize = 8;

/// The result of [`Attention`].
pub(super) fn attention(op: &Attention, inputs: &[&Tensor], shape: Shape) -> Result<Tensor> {
    with_float!(inputs[0].dtype(), T => {
        let heads = Heads::<T>::new(op, inputs);
        Tensor::build(inputs[0].dtype(), shape, |out: &mut [T]| heads.forward(out))
    })
}

/// The inputs of the op.
struct Heads<'a, T> {
    query: &'a [T],
    key: &'a [T],
    value: &'a [T],
    mask: Option<&'a [u8]>,
    /// How far apart elements of the mask are for `[batch, heads, queries, keys]`.
    mask_steps: [usize; 4],
    scale: T,
    is_causal: bool,
    batch: usize,
    queries: usize,
    keys: usize,
    heads: usize,
    dim: usize,
    value_dim: usize,
}

/// Some queries of a head.
#[derive(Clone)]
struct Place {
    batch: usize,
    head: usize,
    queries: Range<usize>,
}

impl<'a, T: Real> Heads<'a, T> {
    fn new(op: &Attention, inputs: &[&'a Tensor]) -> Self {
        let [query, key, value] = [inputs[0], inputs[1], inputs[2]];
        let &[batch, queries, heads, dim] = &query.shape()[..] else {
            unreachable!("the door has checked the shapes");
        };
        let keys = key.shape()[1];
        let mask = op.has_mask.then(|| inputs[3]);
        let mut mask_steps = [0; 4];
        if let Some(mask) = mask {
            let steps = repeated_strides(&[batch, heads, queries, keys], mask.shape());
            mask_steps.copy_from_slice(&steps);
        }
        Heads {
            query: query.raw(),
            key: key.raw(),
            value: value.raw(),
            mask: mask.map(|m| m.raw()),
            mask_steps,
            scale: T::from_f64(op.scale),
            is_causal: op.is_causal,
            batch,
            queries,
            keys,
            heads,
            dim,
            value_dim: value.shape()[3],
        }
    }

    fn forward(&self, out: &mut [T]) {
        let row = self.heads * self.value_dim;
        if out.is_empty() || self.keys == 0 {
            return out.fill(T::ZERO);
        }
        let rows = match self.batch * self.queries.div_ceil(QUERIES) < ENOUGH {
            true => QUERIES / 4,
            false => QUERIES,
        };
        let mut blocks: Vec<(usize, usize, &mut [T])> = Vec::new();
        for (batch, out) in out.chunks_exact_mut(self.queries * row).enumerate() {
            let parts = out.chunks_mut(rows * row).enumerate();
            blocks.extend(parts.map(|(i, part)| (batch, i * rows, part)));
        }
        for_shares(&mut blocks, 1, &|_, blocks| {
            for (batch, first, out) in blocks {
                self.forward_block(*batch, *first, out);
            }
        });
    }

    /// What some queries find, from `first` on, in all heads.
    fn forward_block(&self, batch: usize, first: usize, out: &mut [T]) {
        let row = self.heads * self.value_dim;
        let rows = out.len() / row;
        let mut tile = vec![T::ZERO; rows * KEYS.min(self.keys)];
        let mut shrunk = vec![T::ONE; rows];
        let scales = self.scales();
        for head in 0..self.heads {
            let place = Place {
                batch,
                head,
                queries: first..first + rows,
            };
            let columns = head * self.value_dim..(head + 1) * self.value_dim;
            let mut running = vec![Running::default(); rows];
            for keys in self.key_blocks(&place) {
                let tile = &mut tile[..rows * keys.len()];
                self.scores(&place, keys.clone(), &scales, tile);
                let scores = Scores {
                    tile,
                    columns: keys.len(),
                    running: &mut running,
                };
                let shrunk = &mut shrunk;
                T::with_vectors(Take { scores, shrunk });
                let is_first = keys.start == 0;
                if !is_first {
                    for (&shrunk, out) in shrunk.iter().zip(out.chunks_exact_mut(row)) {
                        scaled(&mut out[columns.clone()], shrunk);
                    }
                }
                product(
                    View::new(tile, keys.len(), false),
                    keys.len(),
                    self.rows_of(self.value, self.value_dim, batch, head, keys.start, false),
                    !is_first,
                    Output::new(out, row)
                        .split_columns(columns.end)
                        .0
                        .split_columns(columns.start)
                        .1,
                );
            }
            for (running, out) in running.iter().zip(out.chunks_exact_mut(row)) {
                divided_by(&mut out[columns.clone()], running.total);
            }
        }
    }

    /// The blocks of keys to which some of these queries may attend.
    fn key_blocks(&self, place: &Place) -> impl Iterator<Item = Range<usize>> + use<T> {
        // A mask may leave a query no key; then it attends to all of them alike, those after it, too.
        let end = match self.is_causal && self.mask.is_none() {
            true => place.queries.end.min(self.keys),
            false => self.keys,
        };
        (0..end)
            .step_by(KEYS)
            .map(move |start| start..(start + KEYS).min(end))
    }

    /// The scale of each key of a block.
    fn scales(&self) -> Vec<T> {
        vec![self.scale; KEYS.min(self.keys)]
    }

    /// The scores of some queries and keys, scaled and masked.
    fn scores(&self, place: &Place, keys: Range<usize>, scales: &[T], tile: &mut [T]) {
        let (batch, head) = (place.batch, place.head);
        let (first, columns) = (place.queries.start, keys.len());
        if self.dim == 0 {
            tile.fill(T::ZERO);
        } else {
            gemm::Product {
                depth: self.dim,
                left: &self.rows_of(self.query, self.dim, batch, head, first, false),
                right: Right::View(self.rows_of(self.key, self.dim, batch, head, keys.start, true)),
                add: false,
                finish: Some(&Epilogue {
                    scale: Some(&scales[..columns]),
                    ..Epilogue::NOTHING
                }),
            }
            .compute(Output::new(tile, columns));
        }
        // Far below all scores, and far from the end of the range.
        self.hide(place, keys, tile, T::from_f64(-0.7) * T::max_value());
    }

    /// Writes `value` where a query may not attend to a key.
    fn hide(&self, place: &Place, keys: Range<usize>, tile: &mut [T], value: T) {
        if !self.is_causal && self.mask.is_none() {
            return;
        }
        let rows = tile.chunks_exact_mut(keys.len());
        for (query, row) in place.queries.clone().zip(rows) {
            if self.is_causal {
                let seen = (query + 1).saturating_sub(keys.start).min(row.len());
                row[seen..].fill(value);
            }
            let Some(mask) = self.mask else { continue };
            let [of_batch, of_head, of_query, of_key] = self.mask_steps;
            let mask = &mask[place.batch * of_batch + place.head * of_head + query * of_query..];
            if of_key == 0 {
                if mask[0] == 0 {
                    row.fill(value);
                }
                continue;
            }
            for (x, &may) in row.iter_mut().zip(&mask[keys.start..]) {
                if may == 0 {
                    *x = value;
                }
            }
        }
    }

    /// A head's rows `[length, width]` of `[batch, length, heads, width]`, from the row `first` on, or their transpose.
    fn rows_of<'x>(
        &self,
        data: &'x [T],
        width: usize,
        batch: usize,
        head: usize,
        first: usize,
        swap: bool,
    ) -> View<'x, T> {
        let row = self.heads * width;
        let length = data.len() / (self.batch * row);
        let start = (batch * length + first) * row + head * width;
        View::new(&data[start..], row, swap)
    }
}

/// `out = left @ right`, or added to what is there, over a shared axis of `depth`.
fn product<T: Real>(left: View<T>, depth: usize, right: View<T>, add: bool, out: Output<T>) {
    gemm::Product {
        depth,
        left: &left,
        right: Right::View(right),
        add,
        finish: None,
    }
    .compute(out);
}
