//! Recurrent cells over a whole sequence: a product of matrices for each step, and one pass over its rows.

mod cells;

use num_traits::Float;
use smallvec::smallvec;

use super::matmul::{Product, View, shared_product};
use super::with_float;
use crate::op::{Outputs, Recurrent, RecurrentCell, RecurrentGrad, Specs};
use crate::{Result, Tensor};
use cells::{Backward, Cell, Forward};

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

impl<T: Product + Float> Steps<'_, T> {
    fn is_masked(&self, step: usize, row: usize) -> bool {
        self.mask.is_some_and(|m| m[step * self.batch + row] == 0)
    }

    /// The states of a row before a step; `kept` begins with `c` where a cell has one.
    fn before<'s>(
        &'s self,
        step: usize,
        row: usize,
        all_h: &'s [T],
        all_kept: &'s [T],
    ) -> (&'s [T], &'s [T]) {
        let (units, has_c) = (self.units, !self.c.is_empty());
        let of_c = if has_c { units } else { 0 };
        if step == 0 {
            return (
                &self.h[row * units..][..units],
                &self.c[row * of_c..][..of_c],
            );
        }
        let row = (step - 1) * self.batch + row;
        let parts = self.op.cell.kept() * units;
        (
            &all_h[row * units..][..units],
            &all_kept[row * parts..][..of_c],
        )
    }

    fn forward(&self, sums: &[T], bias: Option<&[T]>, all_h: &mut [T], all_kept: &mut [T]) {
        let (units, batch) = (self.units, self.batch);
        let (gates, parts) = (self.op.cell.gates() * units, self.op.cell.kept() * units);
        if batch * units == 0 {
            return;
        }
        let mut products = vec![T::ZERO; batch * gates];
        for (step, sums) in sums.chunks_exact(batch * gates).enumerate() {
            let (done_h, h) = all_h.split_at_mut(step * batch * units);
            let (done_kept, kept) = all_kept.split_at_mut(step * batch * parts);
            match (self.op.cell, bias) {
                (RecurrentCell::Simple | RecurrentCell::Lstm, _) => products.copy_from_slice(sums),
                (RecurrentCell::Gru, Some(bias)) => {
                    let rows = products.chunks_exact_mut(gates);
                    rows.for_each(|row| row.copy_from_slice(bias));
                }
                (RecurrentCell::Gru, None) => products.fill(T::ZERO),
            }
            let last = match step {
                0 => self.h,
                _ => &done_h[(step - 1) * batch * units..],
            };
            let (a, b) = (
                View::new(last, units, false),
                View::new(self.kernel, gates, false),
            );
            shared_product((batch, units, gates), &mut products, a, b, true);
            for row in 0..batch {
                let (h_before, c_before) = self.before(step, row, done_h, done_kept);
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
                if self.is_masked(step, row) {
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
        let (units, batch, cell) = (self.units, self.batch, self.op.cell);
        let (gates, parts) = (cell.gates() * units, cell.kept() * units);
        let width = cell.width() * units;
        let of_c = if self.c.is_empty() { 0 } else { units };
        let mut dh = vec![T::ZERO; self.h.len()];
        let mut dc = vec![T::ZERO; self.c.len()];
        let mut space = vec![T::ZERO; units];
        if batch * units == 0 {
            return [dh, dc];
        }
        for (step, sums) in all_sums.chunks_exact_mut(batch * width).enumerate().rev() {
            for row in 0..batch {
                let place = step * batch + row;
                let (h_before, c_before) = self.before(step, row, results.h, results.kept);
                let dh = &mut dh[row * units..][..units];
                let dc = &mut dc[row * of_c..][..of_c];
                let kept_gradient = results.kept_gradient.map(|g| &g[place * parts..][..parts]);
                cells::add(dh, &results.h_gradient[place * units..][..units]);
                if let Some(outer) = kept_gradient {
                    cells::add(dc, &outer[..of_c]);
                }
                let sums = &mut sums[row * width..][..width];
                if self.is_masked(step, row) {
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
            let (a, b) = (
                View::new(&*sums, width, false),
                View::new(self.kernel, gates, true),
            );
            shared_product((batch, gates, units), &mut dh, a, b, true);
        }
        [dh, dc]
    }
}
