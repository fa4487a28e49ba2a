//! The rule of recurrent cells: step by step backwards, by one op, or in tensor ops where an outer tape listens.

use keras_tensor::op::{Fused, Recurrent, RecurrentCell, RecurrentGrad, RecurrentInputs};
use keras_tensor::{Op, Result, SmallVec, Tensor, apply, apply_one, observe, ops};

use super::Grads;
use crate::tape::Record;

/// What is differentiated: the op's inputs and first two results, the gradients with regard to these, and to the states
/// after the last step.
struct Given<'a> {
    r: &'a Recurrent,
    inputs: RecurrentInputs<&'a Tensor>,
    wants: RecurrentInputs<bool>,
    all_h: &'a Tensor,
    kept: &'a Tensor,
    of_all_h: Option<&'a Tensor>,
    of_kept: Option<&'a Tensor>,
    of_states: Vec<Tensor>,
}

/// The gradients with regard to the inputs; a kernel's may be there though it is not wanted.
#[derive(Default)]
struct Gradients {
    x: Option<Tensor>,
    kernel: Option<Tensor>,
    recurrent_kernel: Option<Tensor>,
    bias: Option<Tensor>,
    states: Vec<Tensor>,
}

pub(super) fn recurrent(
    r: &Recurrent,
    record: &Record,
    outer: &[Option<Tensor>],
    wanted: &[bool],
) -> Result<Grads> {
    let of_states = outer[2..].iter().zip(&record.outputs[2..]);
    let of_states = of_states.map(|(gradient, state)| match gradient {
        Some(gradient) => Ok(gradient.clone()),
        None => ops::zeros_like(state),
    });
    let given = Given {
        r,
        inputs: r.named(record.inputs.iter()),
        wants: r.named(wanted.iter().copied()),
        all_h: &record.outputs[0],
        kept: &record.outputs[1],
        of_all_h: outer[0].as_ref(),
        of_kept: outer[1].as_ref(),
        of_states: of_states.collect::<Result<_>>()?,
    };
    let all = match observe::anybody() {
        true => given.in_ops()?,
        false => given.in_one()?,
    };
    let mut grads: Grads = [all.x, all.kernel, all.recurrent_kernel]
        .into_iter()
        .collect();
    grads.extend(all.states.into_iter().map(Some));
    grads.extend(given.inputs.bias.map(|_| all.bias));
    grads.extend(given.inputs.mask.map(|_| None));
    Ok(grads)
}

impl Given<'_> {
    fn wants_weights(&self) -> bool {
        let wants = &self.wants;
        wants.kernel || wants.recurrent_kernel || wants.bias == Some(true)
    }

    fn in_one(&self) -> Result<Gradients> {
        let given = &self.inputs;
        let op = RecurrentGrad {
            recurrent: *self.r,
            has_all_h: self.of_all_h.is_some(),
            has_kept: self.of_kept.is_some(),
            of_x: self.wants.x,
            of_weights: self.wants_weights(),
        };
        let mut inputs: SmallVec<[&Tensor; 12]> = SmallVec::new();
        inputs.extend([given.x, given.kernel, given.recurrent_kernel, given.h]);
        inputs.extend(given.c);
        inputs.extend(given.mask);
        inputs.extend([self.all_h, self.kept]);
        inputs.extend(self.of_all_h);
        inputs.extend(self.of_kept);
        inputs.extend(&self.of_states);
        let results = op.results(apply(Op::RecurrentGrad(op), &inputs)?);
        let rows = |from: usize, count: usize| {
            let rows = |all| ops::slice_axis(all, 0, from, count);
            results.kernels.as_ref().map(rows).transpose()
        };
        let (features, units) = (given.kernel.shape()[0], given.h.shape()[1]);
        Ok(Gradients {
            kernel: rows(0, features)?,
            recurrent_kernel: rows(features, units)?,
            x: results.x,
            bias: results.bias,
            states: std::iter::once(results.h).chain(results.c).collect(),
        })
    }

    /// The same in ops that have derivatives.
    fn in_ops(&self) -> Result<Gradients> {
        let given = &self.inputs;
        let (sums, states) = self.walk()?;
        let units = given.h.shape()[1];
        let part =
            |from: usize, count: usize| ops::slice_axis(&sums, -1, from * units, count * units);
        let (of_input, of_state) = match self.r.cell {
            RecurrentCell::Gru => (
                ops::concatenate(&[&part(0, 2)?, &part(3, 1)?], -1)?,
                part(0, 3)?,
            ),
            RecurrentCell::Simple | RecurrentCell::Lstm => (sums.clone(), sums.clone()),
        };
        let swapped = |x: &Tensor| ops::transpose(x, Some(&[1, 0, 2]));
        let rows = |t: &Tensor| {
            let [time, batch, columns] = [0, 1, 2].map(|axis| t.shape()[axis]);
            ops::reshape_to(t, [time * batch, columns].into())
        };
        let product = |factor: &Tensor, gradient: &Tensor| {
            ops::matmul_transposed(rows(factor)?, rows(gradient)?, true, false)
        };
        let mut all = Gradients {
            states,
            ..Gradients::default()
        };
        if self.wants.x {
            let of_x = ops::matmul(&of_input, ops::transpose(given.kernel, None)?)?;
            all.x = Some(swapped(&of_x)?);
        }
        if self.wants_weights() {
            all.kernel = Some(product(&swapped(given.x)?, &of_input)?);
            let time = self.all_h.shape()[0];
            let first = ops::expand_dims(given.h, 0)?;
            let before = ops::slice_axis(self.all_h, 0, 0, time.saturating_sub(1))?;
            let before = ops::slice_axis(ops::concatenate(&[&first, &before], 0)?, 0, 0, time)?;
            all.recurrent_kernel = Some(product(&before, &of_state)?);
            let sum = |of: &Tensor| ops::sum(of, [0, 1]);
            all.bias = Some(match self.r.cell {
                RecurrentCell::Gru => ops::stack(&[&sum(&of_input)?, &sum(&of_state)?], 0)?,
                RecurrentCell::Simple | RecurrentCell::Lstm => sum(&of_input)?,
            });
        }
        Ok(all)
    }

    /// The gradients with regard to the sums of all steps, `[time, batch, width * units]`, and to the first states, in ops
    /// that have derivatives.
    fn walk(&self) -> Result<(Tensor, Vec<Tensor>)> {
        let (r, given) = (self.r, &self.inputs);
        let (time, units) = (self.all_h.shape()[0], given.h.shape()[1]);
        let at = |all: &Tensor, step: usize| ops::squeeze(ops::slice_axis(all, 0, step, 1)?, 0);
        let mut states = self.of_states.clone();
        let mut sums = Vec::with_capacity(time);
        for step in (0..time).rev() {
            let outer = self.of_kept.map(|d| at(d, step)).transpose()?;
            if let Some(of_all_h) = self.of_all_h {
                states[0] = ops::add(&states[0], at(of_all_h, step)?)?;
            }
            if let (Some(outer), [_, c]) = (&outer, &mut states[..]) {
                *c = ops::add(&*c, ops::slice_axis(outer, -1, 0, units)?)?;
            }
            let before = match step {
                0 => (given.h.clone(), given.c.cloned()),
                _ => {
                    let kept = at(self.kept, step - 1)?;
                    let c = given.c.map(|_| ops::slice_axis(kept, -1, 0, units));
                    (at(self.all_h, step - 1)?, c.transpose()?)
                }
            };
            let this = Step {
                r,
                units,
                h: at(self.all_h, step)?,
                kept: at(self.kept, step)?,
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
            let through = ops::matmul(of_state, ops::transpose(given.recurrent_kernel, None)?)?;
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
        Ok((sums, states))
    }
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
