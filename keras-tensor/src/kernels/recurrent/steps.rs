//! Step by step through a sequence: a product of matrices for each step, and one pass over its rows.
//!
//! The rows of a batch know nothing of each other, so threads take some rows each through all steps.

use std::sync::Arc;

use super::super::Real;
use super::super::gemm::{self, Epilogue, Left, Output, Right, View};
use super::super::shares::for_shares;
use super::cells::{self, Backward, Cell, Forward};
use crate::Tensor;
use crate::buffer::Buffer;
use crate::op::{Recurrent, RecurrentCell};

/// Rows of a batch that a thread takes through a sequence, where there is work enough.
const ROWS: usize = 16;
/// Multiplications of a step's product from which the rows of a batch are shared.
const SHARE: usize = 1 << 17;

/// What all steps share.
pub(super) struct Steps<'a, T> {
    pub(super) op: &'a Recurrent,
    pub(super) units: usize,
    pub(super) batch: usize,
    pub(super) recurrent_kernel: &'a Tensor,
    /// The first states.
    pub(super) h: &'a [T],
    pub(super) c: &'a [T],
    pub(super) mask: Option<&'a [u8]>,
}

/// The results of the op and their gradients.
pub(super) struct Results<'a, T> {
    pub(super) h: &'a [T],
    pub(super) kept: &'a [T],
    pub(super) of_all_h: Option<&'a [T]>,
    pub(super) of_kept: Option<&'a [T]>,
}

impl<T: Real> Steps<'_, T> {
    fn is_masked(&self, step: usize, row: usize) -> bool {
        self.mask.is_some_and(|m| m[step * self.batch + row] == 0)
    }

    /// How many rows are taken through the sequence together.
    fn rows(&self) -> usize {
        match self.batch * self.units * self.gates() < SHARE {
            true => self.batch,
            false => ROWS.min(self.batch),
        }
    }

    /// How many elements the sums have in a row.
    pub(super) fn gates(&self) -> usize {
        self.op.cell.gates() * self.units
    }

    /// How many elements the gradient of the sums has in a row.
    pub(super) fn width(&self) -> usize {
        self.op.cell.width() * self.units
    }

    /// How many elements are kept in a row.
    pub(super) fn parts(&self) -> usize {
        self.op.cell.kept() * self.units
    }

    /// How many elements `c` has in a row.
    fn of_c(&self) -> usize {
        if self.c.is_empty() { 0 } else { self.units }
    }

    /// The first states of a row.
    fn first(&self, row: usize) -> (&[T], &[T]) {
        let (units, of_c) = (self.units, self.of_c());
        (
            &self.h[row * units..][..units],
            &self.c[row * of_c..][..of_c],
        )
    }

    /// Where the sums of some rows of the results stand until the cell makes of them what is kept.
    pub(super) fn sums<'o>(&self, h: &'o mut [T], kept: &'o mut [T]) -> Output<'o, T> {
        let (units, parts) = (self.units, self.parts());
        match self.op.cell {
            RecurrentCell::Simple => Output::new(h, units),
            RecurrentCell::Lstm => Output::new(kept, parts).split_columns(units).1,
            RecurrentCell::Gru => Output::new(kept, parts).split_columns(3 * units).0,
        }
    }

    /// Takes results that hold the inputs' part of the sums through all steps.
    pub(super) fn forward(&self, bias: Option<&[T]>, all_h: &mut [T], all_kept: &mut [T]) {
        let (units, batch) = (self.units, self.batch);
        let steps = all_h.len() / (batch * units);
        let cut = |all, width| by_rows(all, steps, (batch, self.rows()), width);
        let all_h = cut(all_h, units);
        let all_kept = cut(all_kept, self.parts());
        let mut blocks: Vec<Ahead<T>> = all_h
            .into_iter()
            .zip(all_kept)
            .map(|(h, kept)| Ahead { h, kept })
            .collect();
        let sizes = [units, self.gates()];
        let kernel = Weight::new(self.recurrent_kernel, sizes, false);
        let cell = cells::of(self.op);
        for_shares(&mut blocks, 1, &|number, block| {
            for (i, block) in block.iter_mut().enumerate() {
                self.forward_block((number + i) * self.rows(), &*cell, (&kernel, bias), block);
            }
        });
    }

    /// Takes the rows from `first` on through all steps.
    fn forward_block(
        &self,
        first: usize,
        cell: &dyn Cell<T>,
        (kernel, bias): (&Weight<T>, Option<&[T]>),
        block: &mut Ahead<T>,
    ) {
        let (units, of_c) = (self.units, self.of_c());
        let (gates, parts) = (self.gates(), self.parts());
        let rows = block.h.first().map_or(0, |h| h.len() / units);
        // Of a GRU, the state's part of the sums has to stand by itself.
        let apart = if self.op.cell == RecurrentCell::Gru {
            gates
        } else {
            0
        };
        let mut products = vec![T::ZERO; rows * apart];
        for step in 0..block.h.len() {
            let (done_h, h) = block.h.split_at_mut(step);
            let (done_kept, kept) = block.kept.split_at_mut(step);
            let (h, kept) = (&mut *h[0], &mut *kept[0]);
            let done = done_h.last().zip(done_kept.last());
            let last = match done {
                None => &self.h[first * units..][..rows * units],
                Some((h, _)) => &**h,
            };
            let last = View::new(last, units, false);
            if apart > 0 {
                let bias = Epilogue {
                    bias,
                    ..Epilogue::NOTHING
                };
                kernel.product(&last, Output::new(&mut products, gates), Some(&bias));
            } else {
                kernel.product(&last, self.sums(h, kept), None);
            }
            for row in 0..rows {
                let (h_before, c_before) = match done {
                    None => self.first(first + row),
                    Some((h, kept)) => (&h[row * units..][..units], &kept[row * parts..][..of_c]),
                };
                let h = &mut h[row * units..][..units];
                let kept = &mut kept[row * parts..][..parts];
                cell.forward(Forward {
                    products: &products[row * apart..][..apart],
                    h_before,
                    c_before,
                    kept,
                    h,
                });
                if self.is_masked(step, first + row) {
                    h.copy_from_slice(h_before);
                    let (c, gates) = kept.split_at_mut(c_before.len());
                    c.copy_from_slice(c_before);
                    gates.fill(T::ZERO);
                }
            }
        }
    }

    /// Fills the gradients of the sums, from the last step to the first, makes those of the last states those of the first
    /// ones, and gives the sum of those of all sums, if it is wanted.
    pub(super) fn backward(
        &self,
        results: &Results<T>,
        all_sums: &mut [T],
        [dh, dc]: &mut [Vec<T>; 2],
        wants_sum: bool,
    ) -> Vec<T> {
        let (units, batch, width) = (self.units, self.batch, self.width());
        let of_sum = if wants_sum { width } else { 0 };
        if batch * units == 0 {
            return vec![T::ZERO; of_sum];
        }
        let steps = all_sums.len() / (batch * width);
        let cut = |all, steps, width| by_rows(all, steps, (batch, self.rows()), width);
        let states = cut(dh, 1, units).into_iter().zip(cut(dc, 1, self.of_c()));
        let mut blocks: Vec<Back<T>> = cut(all_sums, steps, width)
            .into_iter()
            .zip(states)
            .map(|(sums, (dh, dc))| Back {
                sums,
                dh,
                dc,
                sum: vec![T::ZERO; of_sum],
            })
            .collect();
        let back = Weight::new(self.recurrent_kernel, [self.gates(), units], true);
        let cell = cells::of(self.op);
        for_shares(&mut blocks, 1, &|number, block| {
            for (i, block) in block.iter_mut().enumerate() {
                self.backward_block((number + i) * self.rows(), &*cell, (&back, results), block);
            }
        });
        let sums = blocks.into_iter().map(|block| block.sum);
        let add = |mut sum: Vec<T>, other: Vec<T>| {
            cells::add(&mut sum, &other);
            sum
        };
        sums.reduce(add).unwrap_or_default()
    }

    fn backward_block(
        &self,
        first: usize,
        cell: &dyn Cell<T>,
        (back, results): (&Weight<T>, &Results<T>),
        block: &mut Back<T>,
    ) {
        let (units, batch, of_c) = (self.units, self.batch, self.of_c());
        let (parts, width) = (self.parts(), self.width());
        let (all_dh, all_dc) = (&mut *block.dh[0], &mut *block.dc[0]);
        let rows = all_dh.len() / units;
        let mut space = vec![T::ZERO; units];
        // Sums of a step, to be added to those of all: a long sum of small numbers loses less.
        let mut of_step = vec![T::ZERO; block.sum.len()];
        for (step, sums) in block.sums.iter_mut().enumerate().rev() {
            for row in 0..rows {
                let place = step * batch + first + row;
                let (h_before, c_before) = match place.checked_sub(batch) {
                    None => self.first(first + row),
                    Some(before) => (
                        &results.h[before * units..][..units],
                        &results.kept[before * parts..][..of_c],
                    ),
                };
                let dh = &mut all_dh[row * units..][..units];
                let dc = &mut all_dc[row * of_c..][..of_c];
                let of_kept = results.of_kept.map(|g| &g[place * parts..][..parts]);
                if let Some(outer) = results.of_all_h {
                    cells::add(dh, &outer[place * units..][..units]);
                }
                if let Some(outer) = of_kept {
                    cells::add(dc, &outer[..of_c]);
                }
                let sums = &mut sums[row * width..][..width];
                if self.is_masked(step, first + row) {
                    sums.fill(T::ZERO);
                    continue;
                }
                cell.backward(Backward {
                    h: &results.h[place * units..][..units],
                    kept: &results.kept[place * parts..][..parts],
                    of_kept,
                    h_before,
                    c_before,
                    dh,
                    dc,
                    sums,
                    space: &mut space,
                });
                if !of_step.is_empty() {
                    cells::add(&mut of_step, sums);
                }
            }
            back.product(
                &View::new(sums, width, false),
                Output::new(all_dh, units),
                None,
            );
            cells::add(&mut block.sum, &of_step);
            of_step.fill(T::ZERO);
        }
    }
}

/// A weight as the right factor of many products, laid out once.
pub(super) struct Weight<T> {
    kept: Option<Arc<Buffer>>,
    /// Where there is no memory that is kept with the weight.
    own: Vec<T>,
    depth: usize,
}

impl<T: Real> Weight<T> {
    /// The weight, or its transpose, `[depth, columns]`.
    pub(super) fn new(weight: &Tensor, [depth, columns]: [usize; 2], transposed: bool) -> Self {
        let row = weight.shape()[1];
        let view = View::new(weight.raw::<T>(), row, transposed);
        let kept = gemm::kept(weight, &view, [usize::MAX, depth, columns]);
        let mut own = Vec::new();
        if kept.is_none() {
            own.resize(gemm::packed_size::<T>(depth, columns), T::ZERO);
            gemm::pack(&view, depth, columns, &mut own);
        }
        Weight { kept, own, depth }
    }

    /// `out = left @ self`, with summands or else with what is there.
    pub(super) fn product(
        &self,
        left: &dyn Left<T>,
        out: Output<T>,
        summands: Option<&Epilogue<T>>,
    ) {
        let laid_out = self
            .kept
            .as_ref()
            .map_or(&self.own[..], |kept| kept.as_slice());
        gemm::Product {
            depth: self.depth,
            left,
            right: Right::Packed(laid_out),
            add: summands.is_none(),
            finish: summands,
        }
        .compute(out);
    }
}

/// Some rows of the results, step by step.
struct Ahead<'a, T> {
    h: Vec<&'a mut [T]>,
    kept: Vec<&'a mut [T]>,
}

/// Some rows of the gradients of the sums, step by step, and of the states.
struct Back<'a, T> {
    sums: Vec<&'a mut [T]>,
    dh: Vec<&'a mut [T]>,
    dc: Vec<&'a mut [T]>,
    /// The sum of the gradients of all sums, if it is wanted.
    sum: Vec<T>,
}

/// Cuts `[steps, batch, width]` into blocks of so many rows: for each block its part of each step.
fn by_rows<T>(
    mut all: &mut [T],
    steps: usize,
    (batch, rows): (usize, usize),
    width: usize,
) -> Vec<Vec<&mut [T]>> {
    let starts = || (0..batch).step_by(rows);
    let mut blocks: Vec<Vec<&mut [T]>> = starts().map(|_| Vec::with_capacity(steps)).collect();
    for _ in 0..steps {
        for (start, block) in starts().zip(&mut blocks) {
            let count = rows.min(batch - start) * width;
            let (part, rest) = all.split_at_mut(count);
            block.push(part);
            all = rest;
        }
    }
    blocks
}
