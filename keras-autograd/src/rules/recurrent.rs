//! The rule of recurrent cells: step by step backwards, by one op, or in tensor ops where an outer tape listens.

use keras_tensor::op::{Fused, Recurrent, RecurrentCell, RecurrentGrad, RecurrentInputs};
use keras_tensor::{Op, Result, SmallVec, Tensor, apply, apply_one, observe, ops};

use super::Grads;
use crate::tape::Record;

/// The gradients of the sums of all steps, `[time, batch, width * units]`, and of the first states.
struct Walked {
    sums: Tensor,
    states: Vec<Tensor>,
}

pub(super) fn recurrent(
    r: &Recurrent,
    record: &Record,
    outer: &[Option<Tensor>],
    wanted: &[bool],
) -> Result<Grads> {
    let (all_h, kept) = (&record.outputs[0], &record.outputs[1]);
    let given = r.named(record.inputs.iter());
    let d_h = match &outer[0] {
        Some(gradient) => gradient.clone(),
        None => ops::zeros_like(all_h)?,
    };
    let d_kept = outer[1].as_ref();
    let walked = match observe::anybody() {
        true => in_ops(r, &given, [all_h, kept], &d_h, d_kept)?,
        false => in_one(r, &given, [all_h, kept], &d_h, d_kept)?,
    };
    let units = given.h.shape()[1];
    let part =
        |from: usize, count: usize| ops::slice_axis(&walked.sums, -1, from * units, count * units);
    let (of_input, of_state) = match r.cell {
        RecurrentCell::Gru => (
            ops::concatenate(&[&part(0, 2)?, &part(3, 1)?], -1)?,
            part(0, 3)?,
        ),
        RecurrentCell::Simple | RecurrentCell::Lstm => (walked.sums.clone(), walked.sums.clone()),
    };
    let wants = r.named(wanted.iter().copied());
    let kernel = || -> Result<Tensor> {
        let time = all_h.shape()[0];
        let rows = |t: &Tensor| ops::reshape(t, &[-1, t.shape()[t.rank() - 1] as isize]);
        let product = |before: &Tensor, from: usize, count: usize| {
            let gradient = ops::slice_axis(&of_state, 0, from, count)?;
            ops::matmul_transposed(rows(before)?, rows(&gradient)?, true, false)
        };
        let first = product(given.h, 0, 1)?;
        if time == 1 {
            return Ok(first);
        }
        ops::add(
            product(&ops::slice_axis(all_h, 0, 0, time - 1)?, 1, time - 1)?,
            first,
        )
    };
    let mut grads = Grads::new();
    grads.push(wants.sums.then_some(of_input));
    grads.push(match wants.kernel {
        true if all_h.size() == 0 => Some(ops::zeros_like(given.kernel)?),
        true => Some(kernel()?),
        false => None,
    });
    grads.extend(walked.states.into_iter().map(Some));
    if let Some(is_wanted) = wants.bias {
        let sum = || ops::sum(&of_state, [0, 1]);
        grads.push(is_wanted.then(sum).transpose()?);
    }
    grads.extend(given.mask.map(|_| None));
    Ok(grads)
}

fn in_one(
    r: &Recurrent,
    given: &RecurrentInputs<&Tensor>,
    [all_h, kept]: [&Tensor; 2],
    d_h: &Tensor,
    d_kept: Option<&Tensor>,
) -> Result<Walked> {
    let mut inputs: SmallVec<[&Tensor; 8]> = [given.kernel, given.h].into_iter().collect();
    inputs.extend(given.c);
    inputs.extend(given.mask);
    inputs.extend([all_h, kept, d_h]);
    inputs.extend(d_kept);
    let op = RecurrentGrad {
        recurrent: *r,
        has_kept: d_kept.is_some(),
    };
    let mut results = apply(Op::RecurrentGrad(op), &inputs)?.into_iter();
    Ok(Walked {
        sums: results.next().expect("the op has the sums' gradient"),
        states: results.collect(),
    })
}

/// The same in ops that have derivatives.
fn in_ops(
    r: &Recurrent,
    given: &RecurrentInputs<&Tensor>,
    [all_h, kept]: [&Tensor; 2],
    d_h: &Tensor,
    d_kept: Option<&Tensor>,
) -> Result<Walked> {
    let (time, units) = (all_h.shape()[0], given.h.shape()[1]);
    let at = |all: &Tensor, step: usize| ops::squeeze(ops::slice_axis(all, 0, step, 1)?, 0);
    let mut states = vec![ops::zeros_like(given.h)?];
    if let Some(c) = given.c {
        states.push(ops::zeros_like(c)?);
    }
    let mut sums = Vec::with_capacity(time);
    for step in (0..time).rev() {
        let now = at(kept, step)?;
        let outer = d_kept.map(|d| at(d, step)).transpose()?;
        states[0] = ops::add(&states[0], at(d_h, step)?)?;
        if let (Some(outer), [_, c]) = (&outer, &mut states[..]) {
            *c = ops::add(&*c, ops::slice_axis(outer, -1, 0, units)?)?;
        }
        let before = match step {
            0 => (given.h.clone(), given.c.cloned()),
            _ => {
                let kept = at(kept, step - 1)?;
                let c = given.c.map(|_| ops::slice_axis(kept, -1, 0, units));
                (at(all_h, step - 1)?, c.transpose()?)
            }
        };
        let this = Step {
            r,
            units,
            h: at(all_h, step)?,
            kept: now,
            outer,
            before,
        };
        let (mut of_sums, mut past) = this.backward(&states)?;
        if let Some(mask) = given.mask {
            let here = ops::expand_dims(at(mask, step)?, 1)?;
            of_sums = ops::where_(&here, of_sums, 0.0)?;
            past = past
                .iter()
                .zip(&states)
                .map(|(new, old)| ops::where_(&here, new, old))
                .collect::<Result<_>>()?;
        }
        let of_state = ops::slice_axis(&of_sums, -1, 0, r.cell.gates() * units)?;
        let through = ops::matmul(of_state, ops::transpose(given.kernel, None)?)?;
        past[0] = ops::add(&past[0], through)?;
        states = past;
        sums.push(of_sums);
    }
    sums.reverse();
    let sums = match &sums[..] {
        [] => ops::zeros(
            [0, given.h.shape()[0], r.cell.width() * units],
            given.h.dtype(),
        )?,
        all => ops::stack(&all.iter().collect::<Vec<_>>(), 0)?,
    };
    Ok(Walked { sums, states })
}

/// A step and what was before it.
struct Step<'a> {
    r: &'a Recurrent,
    units: usize,
    h: Tensor,
    kept: Tensor,
    outer: Option<Tensor>,
    before: (Tensor, Option<Tensor>),
}

impl Step<'_> {
    fn part(&self, number: usize) -> Result<Tensor> {
        ops::slice_axis(&self.kept, -1, number * self.units, self.units)
    }

    /// `gradient` and the outer gradient of the kept part `number`, before the activation that gave `y`.
    fn through(
        &self,
        function: Fused,
        gradient: Tensor,
        y: &Tensor,
        number: Option<usize>,
    ) -> Result<Tensor> {
        let gradient = match (&self.outer, number) {
            (Some(outer), Some(number)) => {
                let outer = ops::slice_axis(outer, -1, number * self.units, self.units)?;
                ops::add(gradient, outer)?
            }
            _ => gradient,
        };
        match function {
            Fused::Linear => Ok(gradient),
            _ => apply_one(Op::ActivationGrad(function), &[&gradient, y]),
        }
    }

    /// The gradients of the sums, and of the states before, without what flows through the product.
    fn backward(&self, states: &[Tensor]) -> Result<(Tensor, Vec<Tensor>)> {
        let (new, gate, dh) = (self.r.activation, self.r.recurrent_activation, &states[0]);
        let nothing = || ops::zeros_like(dh);
        match (self.r.cell, &self.before) {
            (RecurrentCell::Lstm, (_, Some(c_before))) => {
                let (i, f, g, o) = (self.part(1)?, self.part(2)?, self.part(3)?, self.part(4)?);
                let activated = ops::activation(&self.part(0)?, new)?;
                let of_activated = self.through(new, ops::multiply(dh, &o)?, &activated, None)?;
                let dc = ops::add(&states[1], of_activated)?;
                let of_gates = [
                    self.through(gate, ops::multiply(&dc, &g)?, &i, Some(1))?,
                    self.through(gate, ops::multiply(&dc, c_before)?, &f, Some(2))?,
                    self.through(new, ops::multiply(&dc, &i)?, &g, Some(3))?,
                    self.through(gate, ops::multiply(dh, &activated)?, &o, Some(4))?,
                ];
                let sums = ops::concatenate(&of_gates.each_ref(), -1)?;
                Ok((sums, vec![nothing()?, ops::multiply(dc, f)?]))
            }
            (RecurrentCell::Gru, (h_before, _)) => {
                let (z, r, n, of_state) =
                    (self.part(0)?, self.part(1)?, self.part(2)?, self.part(3)?);
                let of_update = ops::multiply(dh, ops::subtract(h_before, &n)?)?;
                let of_update = self.through(gate, of_update, &z, Some(0))?;
                let past = ops::multiply(dh, &z)?;
                let of_new = self.through(new, ops::subtract(dh, &past)?, &n, Some(2))?;
                let of_reset = ops::multiply(&of_new, &of_state)?;
                let of_reset = self.through(gate, of_reset, &r, Some(1))?;
                let of_product = ops::multiply(&of_new, &r)?;
                let of_product = self.through(Fused::Linear, of_product, &r, Some(3))?;
                let sums = [&of_update, &of_reset, &of_product, &of_new];
                Ok((ops::concatenate(&sums, -1)?, vec![past]))
            }
            _ => {
                let sums = self.through(new, dh.clone(), &self.h, None)?;
                Ok((sums, vec![nothing()?]))
            }
        }
    }
}
