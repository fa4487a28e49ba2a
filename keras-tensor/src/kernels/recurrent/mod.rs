//! Recurrent cells over a whole sequence: one product for the inputs of all steps, and then step by step.

mod cells;
mod steps;

use smallvec::smallvec;
use std::ops::Range;

use super::gemm::{self, Epilogue, Left, Output, Right, View, copy_run, expect_read};
use super::shares::for_shares;
use super::{Real, with_float, with_space};
use crate::op::{Outputs, Recurrent, RecurrentCell, RecurrentGrad, RecurrentInputs, Specs};
use crate::{Result, Tensor};
use steps::{Results, Steps, Weight};

/// Rows of joined inputs and states that a thread lays side by side.
const JOINED: usize = 64;

/// The results of [`Recurrent`].
pub(super) fn recurrent(op: &Recurrent, inputs: &[&Tensor], specs: &Specs) -> Result<Outputs> {
    with_float!(inputs[0].dtype(), T => results::<T>(op, inputs, specs))
}

/// The results of [`RecurrentGrad`].
pub(super) fn recurrent_grad(
    op: &RecurrentGrad,
    inputs: &[&Tensor],
    specs: &Specs,
) -> Result<Outputs> {
    with_float!(inputs[0].dtype(), T => gradients::<T>(op, inputs, specs))
}

fn results<T: Real>(op: &Recurrent, inputs: &[&Tensor], specs: &Specs) -> Result<Outputs> {
    let given = op.named(inputs.iter().copied());
    let sequence = Sequence::<T>::new(op, &given);
    let mut kept = None;
    let all_h = Tensor::build(specs[0].dtype, specs[0].shape.clone(), |h: &mut [T]| {
        let fill = |kept: &mut [T]| sequence.forward(&given, h, kept);
        kept = Some(Tensor::build(specs[1].dtype, specs[1].shape.clone(), fill));
    })?;
    let kept = kept.expect("the first result made it")?;
    let mut outputs: Outputs = smallvec![all_h.clone(), kept.clone()];
    let last = sequence.last(all_h.raw(), kept.raw());
    for (spec, state) in specs[2..].iter().zip(last) {
        let fill = |to: &mut [T]| state.copy_to(to);
        outputs.push(Tensor::build(spec.dtype, spec.shape.clone(), fill)?);
    }
    Ok(outputs)
}

fn gradients<T: Real>(op: &RecurrentGrad, inputs: &[&Tensor], specs: &Specs) -> Result<Outputs> {
    let named = op.named(inputs.iter().copied());
    let sequence = Sequence::<T>::new(&op.recurrent, &named.given);
    let steps = &sequence.steps;
    let results = Results {
        h: named.all_h.raw(),
        kept: named.kept.raw(),
        of_all_h: named.of_all_h.map(|g| g.raw()),
        of_kept: named.of_kept.map(|g| g.raw()),
    };
    let of_c = named.of_c.map_or(&[][..], |g| g.raw());
    let mut states = [named.of_h.raw::<T>().to_vec(), of_c.to_vec()];
    let wants_bias = op.of_weights && op.recurrent.has_bias;
    let mut outputs = Outputs::new();
    with_space(sequence.time * steps.batch * steps.width(), |sums| {
        let of_bias = steps.backward(&results, sums, &mut states, wants_bias);
        let sums = &*sums;
        let mut specs = specs.iter();
        let mut build = |fill: &dyn Fn(&mut [T]) -> Result<()>| {
            let spec = specs.next().expect("every result has a shape");
            outputs.push(Tensor::try_build(spec.dtype, spec.shape.clone(), fill)?);
            Ok(())
        };
        if op.of_x {
            build(&|to| sequence.of_x(sums, to))?;
        }
        if op.of_weights {
            build(&|to| sequence.of_kernels(results.h, sums, to))?;
        }
        if wants_bias {
            build(&|to| sequence.of_bias(&of_bias, to))?;
        }
        for state in states.iter().take(op.recurrent.cell.states()) {
            build(&|to| {
                to.copy_from_slice(state);
                Ok(())
            })?;
        }
        Ok(())
    })?;
    Ok(outputs)
}

/// A sequence, and the cell that is taken through it.
struct Sequence<'a, T> {
    steps: Steps<'a, T>,
    time: usize,
    features: usize,
    x: &'a [T],
    kernel: &'a [T],
}

/// Parts of the gradient of sums that belong to parts of a weight, counted in units.
struct Part {
    sums: usize,
    weight: usize,
    count: usize,
}

const fn part(sums: usize, weight: usize, count: usize) -> Part {
    Part {
        sums,
        weight,
        count,
    }
}

/// The parts that belong to the input's kernel.
fn of_input(cell: RecurrentCell) -> &'static [Part] {
    const SIMPLE: &[Part] = &[part(0, 0, 1)];
    const LSTM: &[Part] = &[part(0, 0, 4)];
    const GRU: &[Part] = &[part(0, 0, 2), part(3, 2, 1)];
    match cell {
        RecurrentCell::Simple => SIMPLE,
        RecurrentCell::Lstm => LSTM,
        RecurrentCell::Gru => GRU,
    }
}

impl<'a, T: Real> Sequence<'a, T> {
    fn new(op: &'a Recurrent, given: &RecurrentInputs<&'a Tensor>) -> Self {
        let [batch, time, features] = [0, 1, 2].map(|axis| given.x.shape()[axis]);
        let steps = Steps {
            op,
            units: given.h.shape()[1],
            batch,
            recurrent_kernel: given.recurrent_kernel,
            h: given.h.raw(),
            c: given.c.map_or(&[], |c| c.raw()),
            mask: given.mask.map(|m| m.raw()),
        };
        Sequence {
            steps,
            time,
            features,
            x: given.x.raw(),
            kernel: given.kernel.raw(),
        }
    }

    /// The inputs, a row for each sample of each step.
    fn inputs(&self) -> Swapped<'a, T> {
        Swapped {
            data: self.x,
            row: self.features,
            inner: self.steps.batch,
            outer: self.time,
        }
    }

    fn forward(&self, given: &RecurrentInputs<&Tensor>, all_h: &mut [T], all_kept: &mut [T]) {
        let (steps, gates) = (&self.steps, self.steps.gates());
        let rows = self.time * steps.batch;
        if rows * steps.units == 0 {
            return;
        }
        let bias = given.bias.map(|b| b.raw::<T>());
        let summands = Epilogue {
            bias: bias.map(|b| &b[..gates]),
            ..Epilogue::NOTHING
        };
        let kernel = Weight::new(given.kernel, [self.features, gates], false);
        let sums = steps.sums(all_h, all_kept);
        kernel.product(&self.inputs(), sums, Some(&summands));
        steps.forward(bias.map(|b| &b[gates..]), all_h, all_kept);
    }

    /// The states after the last step, or the first where there is none.
    fn last<'s>(&'s self, all_h: &'s [T], all_kept: &'s [T]) -> [Rows<'s, T>; 2] {
        let steps = &self.steps;
        let (units, parts) = (steps.units, steps.parts());
        let Some(done) = self.time.checked_sub(1).map(|step| step * steps.batch) else {
            return [steps.h, steps.c].map(|data| Rows {
                data,
                row: units,
                units,
            });
        };
        let rows = |data: &'s [T], row: usize| Rows {
            data: &data[done * row..],
            row,
            units,
        };
        [rows(all_h, units), rows(all_kept, parts)]
    }

    /// The gradient with regard to the inputs, from that with regard to the sums of all steps.
    fn of_x(&self, sums: &[T], to: &mut [T]) -> Result<()> {
        let (steps, features) = (&self.steps, self.features);
        let (units, width, gates) = (steps.units, steps.width(), steps.gates());
        if to.is_empty() || units == 0 {
            to.fill(T::ZERO);
            return Ok(());
        }
        for (i, part) in of_input(steps.op.cell).iter().enumerate() {
            gemm::Product {
                depth: part.count * units,
                left: &Swapped {
                    data: &sums[part.sums * units..],
                    row: width,
                    inner: self.time,
                    outer: steps.batch,
                },
                right: Right::View(View::new(&self.kernel[part.weight * units..], gates, true)),
                add: i > 0,
                finish: None,
            }
            .compute(Output::new(to, features));
        }
        Ok(())
    }

    /// The gradient with regard to the input's kernel, and below it that to the state's: what both were multiplied with
    /// is laid side by side, for the sums' gradient to be read once.
    fn of_kernels(&self, all_h: &[T], sums: &[T], to: &mut [T]) -> Result<()> {
        let (steps, features) = (&self.steps, self.features);
        let (units, width, gates) = (steps.units, steps.width(), steps.gates());
        let (rows, columns) = (self.time * steps.batch, features + units);
        if rows * units == 0 {
            to.fill(T::ZERO);
            return Ok(());
        }
        let product = |joined: &[T], of: Range<usize>, part: &Part, to: &mut [T]| {
            let mut to = Output::new(to, gates);
            let (_, to) = to.some_rows(of.clone()).split_columns(part.weight * units);
            let (to, _) = to.split_columns(part.count * units);
            gemm::Product {
                depth: rows,
                left: &View::new(&joined[of.start..], columns, true),
                right: Right::View(View::strided(&sums[part.sums * units..], width)),
                add: false,
                finish: None,
            }
            .compute(to);
        };
        with_space(rows * columns, |joined: &mut [T]| {
            self.join(all_h, joined);
            // The first part is the state's, too.
            for (i, part) in of_input(steps.op.cell).iter().enumerate() {
                let end = if i == 0 { columns } else { features };
                product(joined, 0..end, part, to);
            }
            if steps.op.cell == RecurrentCell::Gru {
                product(joined, features..columns, &part(2, 2, 1), to);
            }
            Ok(())
        })
    }

    /// The input and the state that every step began with, side by side.
    fn join(&self, all_h: &[T], joined: &mut [T]) {
        let (batch, units) = (self.steps.batch, self.steps.units);
        let (inputs, columns) = (self.inputs(), self.features + units);
        for_shares(joined, JOINED * columns, &|start, joined| {
            let first = start / columns;
            for (row, to) in (first..).zip(joined.chunks_exact_mut(columns)) {
                copy_run(to, inputs.row(row), self.features);
                let (h, row) = match row.checked_sub(batch) {
                    Some(before) => (all_h, before),
                    None => (self.steps.h, row),
                };
                to[self.features..].copy_from_slice(&h[row * units..][..units]);
            }
        });
    }

    /// The gradient with regard to the bias, from the sum of those of all sums.
    fn of_bias(&self, sums: &[T], to: &mut [T]) -> Result<()> {
        let (cell, units, gates) = (self.steps.op.cell, self.steps.units, self.steps.gates());
        for part in of_input(cell) {
            let count = part.count * units;
            to[part.weight * units..][..count].copy_from_slice(&sums[part.sums * units..][..count]);
        }
        if cell == RecurrentCell::Gru {
            to[gates..].copy_from_slice(&sums[..gates]);
        }
        Ok(())
    }
}

/// Rows of `units` elements that begin so many elements apart.
struct Rows<'a, T> {
    data: &'a [T],
    row: usize,
    units: usize,
}

impl<T: Copy> Rows<'_, T> {
    fn copy_to(&self, to: &mut [T]) {
        let to = to.chunks_exact_mut(self.units.max(1));
        for (to, from) in to.zip(self.data.chunks(self.row.max(1))) {
            to.copy_from_slice(&from[..self.units]);
        }
    }
}

/// The rows of a matrix, `row` elements apart, in another order: row `i * inner + j` is the matrix's `j * outer + i`.
struct Swapped<'a, T> {
    data: &'a [T],
    row: usize,
    inner: usize,
    outer: usize,
}

impl<'a, T> Swapped<'a, T> {
    /// A row, and what follows it in memory.
    fn row(&self, row: usize) -> &'a [T] {
        let place = row % self.inner * self.outer + row / self.inner;
        &self.data[place * self.row..]
    }
}

impl<T: Copy + Sync> Left<T> for Swapped<'_, T> {
    fn pack(&self, rows: Range<usize>, depth: Range<usize>, step: usize, to: &mut [T]) {
        let last = self.inner * self.outer;
        for (row, to) in rows.clone().zip(to.chunks_mut(step)) {
            // The machine does not foresee so many rows at once: those of the next tile.
            let next = (row + rows.len()).min(last - 1);
            expect_read(self.row(next)[depth.start..].as_ptr(), depth.len());
            copy_run(to, &self.row(row)[depth.start..], depth.len());
        }
    }
}
