//! Recurrent cells over a whole sequence: a product of matrices for each step, and one pass over its rows.
//!
//! The rows of a batch know nothing of each other, so threads take some rows each through all steps.

mod cells;

use smallvec::smallvec;

use super::gemm::{self, Epilogue, Output, Right, View};
use super::shares::for_shares;
use super::{Real, with_float};
use crate::op::{Outputs, Recurrent, RecurrentCell, RecurrentGrad, Specs};
use crate::{Result, Tensor};
use cells::{Backward, Cell, Forward};

/// Rows of a batch that a thread takes through a sequence, where there is work enough.
const ROWS: usize = 16;
/// Multiplications of a step's product from which the rows of a batch are shared.
const SHARE: usize = 1 << 17;

/// The results of [`Recurrent`].
pub(super) fn recurrent(op: &Recurrent, inputs: &[&Tensor], specs: &Specs) -> Result<Outputs> {
    let named = op.named(inputs.iter().copied());
    let mut kept = None;
    let h = with_float!(named.sums.dtype(), T => {
        let cell = cells::of(op);
        let steps = Steps::<T> {
            op,
            cell: &*cell,
            units: named.kernel.shape()[0],
            batch: named.h.shape()[0],
            kernel: named.kernel.raw(),
            h: named.h.raw(),
            c: named.c.map_or(&[], |c| c.raw()),
            mask: named.mask.map(|m| m.raw()),
        };
        let (sums, bias) = (named.sums.raw::<T>(), named.bias.map(|b| b.raw::<T>()));
        Tensor::build(specs[0].dtype, specs[0].shape.clone(), |h: &mut [T]| {
            let fill = |kept: &mut [T]| steps.forward(sums, bias, h, kept);
            kept = Some(Tensor::build(specs[1].dtype, specs[1].shape.clone(), fill));
        })
    })?;
    Ok(smallvec![h, kept.expect("the first result made it")?])
}

/// The results of [`RecurrentGrad`].
pub(super) fn recurrent_grad(
    op: &RecurrentGrad,
    inputs: &[&Tensor],
    specs: &Specs,
) -> Result<Outputs> {
    let named = op.named(inputs.iter().copied());
    let dtype = named.h.dtype();
    with_float!(dtype, T => {
        let cell = cells::of(&op.recurrent);
        let steps = Steps::<T> {
            op: &op.recurrent,
            cell: &*cell,
            units: named.kernel.shape()[0],
            batch: named.h.shape()[0],
            kernel: named.kernel.raw(),
            h: named.h.raw(),
            c: named.c.map_or(&[], |c| c.raw()),
            mask: named.mask.map(|m| m.raw()),
        };
        let results = Results {
            h: named.all_h.raw(),
            kept: named.kept.raw(),
            h_gradient: named.all_h_gradient.raw(),
            kept_gradient: named.kept_gradient.map(|g| g.raw()),
        };
        let mut first: [Vec<T>; 2] = Default::default();
        let sums = Tensor::build(dtype, specs[0].shape.clone(), |sums: &mut [T]| {
            first = steps.backward(&results, sums);
        })?;
        let mut outputs: Outputs = smallvec![sums];
        for (spec, values) in specs[1..].iter().zip(&first) {
            let copy = |out: &mut [T]| out.copy_from_slice(values);
            outputs.push(Tensor::build(dtype, spec.shape.clone(), copy)?);
        }
        Ok(outputs)
    })
}

/// What all steps share.
struct Steps<'a, T> {
    op: &'a Recurrent,
    cell: &'a dyn Cell<T>,
    units: usize,
    batch: usize,
    kernel: &'a [T],
    /// The first states.
    h: &'a [T],
    c: &'a [T],
    mask: Option<&'a [u8]>,
}

/// The results of the op and their gradients.
struct Results<'a, T> {
    h: &'a [T],
    kept: &'a [T],
    h_gradient: &'a [T],
    kept_gradient: Option<&'a [T]>,
}

impl<T: Real> Steps<'_, T> {
    fn is_masked(&self, step: usize, row: usize) -> bool {
        self.mask.is_some_and(|m| m[step * self.batch + row] == 0)
    }

    /// How many rows are taken through the sequence together.
    fn rows(&self) -> usize {
        match self.batch * self.kernel.len() < SHARE {
            true => self.batch,
            false => ROWS.min(self.batch),
        }
    }

    /// How many elements the sums have in a row.
    fn gates(&self) -> usize {
        self.op.cell.gates() * self.units
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

    fn forward(&self, sums: &[T], bias: Option<&[T]>, all_h: &mut [T], all_kept: &mut [T]) {
        let (units, batch) = (self.units, self.batch);
        if batch * units == 0 {
            return;
        }
        let steps = all_h.len() / (batch * units);
        let cut = |all, width| by_rows(all, steps, (batch, self.rows()), width);
        let all_h = cut(all_h, units);
        let all_kept = cut(all_kept, self.op.cell.kept() * units);
        let mut blocks: Vec<Ahead<T>> = all_h
            .into_iter()
            .zip(all_kept)
            .map(|(h, kept)| Ahead { h, kept })
            .collect();
        let kernel = Factor::new(
            View::new(self.kernel, self.gates(), false),
            units,
            self.gates(),
        );
        for_shares(&mut blocks, 1, &|number, block| {
            for (i, block) in block.iter_mut().enumerate() {
                self.forward_block((number + i) * self.rows(), &kernel, (sums, bias), block);
            }
        });
    }

    /// Takes the rows from `first` on through all steps.
    fn forward_block(
        &self,
        first: usize,
        kernel: &Factor<T>,
        (sums, bias): (&[T], Option<&[T]>),
        block: &mut Ahead<T>,
    ) {
        let (units, of_c) = (self.units, self.of_c());
        let (gates, parts) = (self.gates(), self.op.cell.kept() * units);
        let rows = block.h.first().map_or(0, |h| h.len() / units);
        let mut products = vec![T::ZERO; rows * gates];
        for step in 0..block.h.len() {
            let sums = &sums[(step * self.batch + first) * gates..][..rows * gates];
            let (done_h, h) = block.h.split_at_mut(step);
            let (done_kept, kept) = block.kept.split_at_mut(step);
            let (h, kept) = (&mut *h[0], &mut *kept[0]);
            let done = done_h.last().zip(done_kept.last());
            let summands = match self.op.cell {
                RecurrentCell::Simple | RecurrentCell::Lstm => Epilogue {
                    residual: Some(sums),
                    ..Epilogue::NOTHING
                },
                RecurrentCell::Gru => Epilogue {
                    bias,
                    ..Epilogue::NOTHING
                },
            };
            let last = match done {
                None => &self.h[first * units..][..rows * units],
                Some((h, _)) => &**h,
            };
            kernel.product(
                View::new(last, units, false),
                &mut products,
                Some(&summands),
            );
            for row in 0..rows {
                let (h_before, c_before) = match done {
                    None => self.first(first + row),
                    Some((h, kept)) => (&h[row * units..][..units], &kept[row * parts..][..of_c]),
                };
                let h = &mut h[row * units..][..units];
                let kept = &mut kept[row * parts..][..parts];
                self.cell.forward(Forward {
                    sums: &sums[row * gates..][..gates],
                    products: &products[row * gates..][..gates],
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

    /// Fills the gradients of the sums, from the last step to the first, and gives those of the first states.
    fn backward(&self, results: &Results<T>, all_sums: &mut [T]) -> [Vec<T>; 2] {
        let (units, batch) = (self.units, self.batch);
        let mut dh = vec![T::ZERO; self.h.len()];
        let mut dc = vec![T::ZERO; self.c.len()];
        if batch * units == 0 {
            return [dh, dc];
        }
        let width = self.op.cell.width() * units;
        let steps = all_sums.len() / (batch * width);
        let cut = |all, steps, width| by_rows(all, steps, (batch, self.rows()), width);
        let states = cut(&mut dh, 1, units)
            .into_iter()
            .zip(cut(&mut dc, 1, self.of_c()));
        let mut blocks: Vec<Back<T>> = cut(all_sums, steps, width)
            .into_iter()
            .zip(states)
            .map(|(sums, (dh, dc))| Back { sums, dh, dc })
            .collect();
        let back = Factor::new(
            View::new(self.kernel, self.gates(), true),
            self.gates(),
            units,
        );
        for_shares(&mut blocks, 1, &|number, block| {
            for (i, block) in block.iter_mut().enumerate() {
                self.backward_block((number + i) * self.rows(), &back, results, block);
            }
        });
        [dh, dc]
    }

    fn backward_block(
        &self,
        first: usize,
        back: &Factor<T>,
        results: &Results<T>,
        block: &mut Back<T>,
    ) {
        let (units, batch, of_c) = (self.units, self.batch, self.of_c());
        let (parts, width) = (self.op.cell.kept() * units, self.op.cell.width() * units);
        let (all_dh, all_dc) = (&mut *block.dh[0], &mut *block.dc[0]);
        let rows = all_dh.len() / units;
        let mut space = vec![T::ZERO; units];
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
                let kept_gradient = results.kept_gradient.map(|g| &g[place * parts..][..parts]);
                cells::add(dh, &results.h_gradient[place * units..][..units]);
                if let Some(outer) = kept_gradient {
                    cells::add(dc, &outer[..of_c]);
                }
                let sums = &mut sums[row * width..][..width];
                if self.is_masked(step, first + row) {
                    sums.fill(T::ZERO);
                    continue;
                }
                self.cell.backward(Backward {
                    h: &results.h[place * units..][..units],
                    kept: &results.kept[place * parts..][..parts],
                    kept_gradient,
                    h_before,
                    c_before,
                    dh,
                    dc,
                    sums,
                    space: &mut space,
                });
            }
            back.product(View::new(sums, width, false), all_dh, None);
        }
    }
}

/// The right factor of every step's product, laid out once.
struct Factor<T> {
    packed: Vec<T>,
    depth: usize,
    columns: usize,
}

impl<T: Real> Factor<T> {
    fn new(view: View<T>, depth: usize, columns: usize) -> Self {
        let mut packed = vec![T::ZERO; gemm::packed_size::<T>(depth, columns)];
        gemm::pack(&view, depth, columns, &mut packed);
        Factor {
            packed,
            depth,
            columns,
        }
    }

    /// `out = left @ self`, with summands or else with what is there.
    fn product(&self, left: View<T>, out: &mut [T], summands: Option<&Epilogue<T>>) {
        gemm::Product {
            depth: self.depth,
            left: &left,
            right: Right::Packed(&self.packed),
            add: summands.is_none(),
            finish: summands,
        }
        .compute(Output::new(out, self.columns));
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
