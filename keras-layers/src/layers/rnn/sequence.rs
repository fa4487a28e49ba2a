use keras_tensor::{
    DType, Error, Op, Outputs, Result, Shape, SmallVec, Tensor, Variable, apply, observe, ops,
};
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

use super::cell::{Whole, given_states, zeros};
use crate::{Arguments, Call, Dims, LayerRef, dtype_policy};

/// How a cell goes through a sequence; what every recurrent layer's config holds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Options {
    pub(super) return_sequences: bool,
    pub(super) return_state: bool,
    pub(super) go_backwards: bool,
    pub(super) stateful: bool,
    pub(super) unroll: bool,
    pub(super) zero_output_for_mask: bool,
}

/// The setters of [`Options`], for the layers that hold them as `options`.
macro_rules! sequence_setters {
    () => {
        sequence_setters! {
            /// Whether the outputs of all steps come back, `[batch, time, ..]`, not that of the last; false by default.
            return_sequences
            /// Whether the last states come back after the output; false by default.
            return_state
            /// Whether steps are taken from the last to the first; outputs stand in that order, too. False by default.
            go_backwards
            /// Whether a call begins with the states in which the one before ended, see [`crate::LayerRef::reset_state`];
            /// the size of the batch is then fixed. False by default.
            stateful
            /// Accepted for Keras's sake: there is no graph that could be unrolled.
            unroll
            /// Whether outputs of masked steps are 0, not those of the step before; false by default.
            zero_output_for_mask
        }
    };
    ($($(#[doc = $doc:literal])+ $name:ident)+) => {
        $(
            $(#[doc = $doc])+
            pub fn $name(mut self, $name: bool) -> Self {
                self.options.$name = $name;
                self
            }
        )+
    };
}
pub(super) use sequence_setters;

/// The states of a stateful layer; as in Keras, they are no weights and no part of a file. Clones are empty.
#[derive(Debug, Default)]
pub(super) struct States(OnceLock<Vec<Variable>>);

impl Clone for States {
    fn clone(&self) -> Self {
        States::default()
    }
}

impl States {
    /// Sets all to 0.
    pub(super) fn reset(&self) -> Result<()> {
        let all = self.0.get().map_or(&[][..], |all| all);
        all.iter()
            .try_for_each(|s| s.assign(&ops::zeros(s.shape(), s.dtype())?))
    }

    fn begin(&self, shapes: &[Shape], dtype: DType) {
        let make = |shape: &Shape| {
            let first = shape.clone();
            let state = Variable::lazy(first.clone(), dtype, "rnn_state", move || {
                ops::zeros(&first, dtype)
            });
            state.set_trainable(false);
            state
        };
        self.0.get_or_init(|| shapes.iter().map(make).collect());
    }
}

/// The shape of a step `[batch, ..]` of a sequence `[batch, time, ..]`.
fn step_shape(x: &[usize]) -> Result<Shape> {
    match x {
        [batch, time, rest @ ..] if !rest.is_empty() && *time > 0 => {
            Ok(std::iter::once(batch).chain(rest).copied().collect())
        }
        _ => Err(Error::shape(
            "a recurrent layer",
            &[x],
            "a sequence [batch, time, ..] of one step or more",
        )),
    }
}

/// Without the axis of time: `[batch, ..]` of `[batch, time, ..]`.
pub(super) fn without_time(input: &Dims) -> Dims {
    let axes = input.iter().enumerate().filter(|(axis, _)| *axis != 1);
    axes.map(|(_, n)| *n).collect()
}

impl Options {
    /// Builds the cell, and the states of a stateful layer.
    pub(super) fn build(&self, cell: &LayerRef, states: &States, input: &Dims) -> Result<()> {
        if input.len() < 3 {
            return Err(Error::argument(
                "input shape",
                input,
                "a sequence [batch, time, ..]",
            ));
        }
        let step = without_time(input);
        cell.build(step.clone())?;
        if self.stateful {
            let step = step.known().ok_or_else(|| {
                Error::argument(
                    "input shape",
                    input,
                    "a batch of known size, because the layer is stateful",
                )
            })?;
            states.begin(&cell.as_cell()?.state_shapes(&step)?, cell.compute_dtype());
        }
        Ok(())
    }

    /// Runs the cell through the sequence: the output, then the states if they are wanted.
    pub(super) fn run(
        &self,
        cell: &LayerRef,
        kept: &States,
        inputs: &Arguments<Tensor>,
        cx: &Call,
    ) -> Result<Outputs> {
        let x = inputs.first()?;
        let step = step_shape(x.shape())?;
        let shapes = cell.as_cell()?.state_shapes(&step)?;
        let dtype = cell.compute_dtype();
        let kept = kept.0.get().filter(|_| self.stateful);
        if let Some(all) = kept {
            let fit = |(s, shape): (&Variable, &Shape)| s.shape() == shape;
            if !x.is_meta() && !all.iter().zip(&shapes).all(fit) {
                let batch = all.first().map_or(0, |s| s.shape()[0]);
                return Err(Error::shape(
                    "a stateful layer",
                    &[x.shape()],
                    format!("a batch of {batch}, for which it was built"),
                ));
            }
        }
        let states = match (
            given_states(inputs.list(1, "initial_state"), &shapes, "initial_state")?,
            kept,
        ) {
            (Some(given), _) => given,
            (None, Some(kept)) if !x.is_meta() => {
                kept.iter().map(Variable::value).collect::<Result<_>>()?
            }
            (None, _) => zeros(&shapes, dtype)?,
        };
        let cast = |s: &Tensor| ops::cast(s, dtype);
        let states = states.iter().map(cast).collect::<Result<Vec<_>>>()?;
        let x_cast = cast(x)?.with_mask(x.mask().cloned());
        // The cell's weights are read in what the cell computes in.
        let (output, states) = dtype_policy::scope(cell.dtype_policy(), || {
            self.scan(cell, &x_cast, states, &step, cx)
        })?;
        if let Some(kept) = kept.filter(|_| !x.is_meta()) {
            for (variable, state) in kept.iter().zip(&states) {
                variable.assign(&ops::stop_gradient(state)?)?;
            }
        }
        let output = match self.return_sequences {
            true => output.with_mask(x.mask().cloned()),
            false => output,
        };
        let states = states.into_iter().filter(|_| self.return_state);
        Ok(std::iter::once(output).chain(states).collect())
    }

    /// The output and the last states.
    fn scan(
        &self,
        cell: &LayerRef,
        x: &Tensor,
        states: Vec<Tensor>,
        step: &Shape,
        cx: &Call,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        let cell = cell.as_cell()?;
        let noise = cell.noise(step, x.dtype(), cx)?;
        let in_order = |x: &Tensor| match self.go_backwards && !x.is_meta() {
            true => reversed(x),
            false => Ok(x.clone()),
        };
        let mask = x.mask().map(|m| time_first(&in_order(&mask_of(m, x)?)?));
        let (x, mask) = (in_order(x)?, mask.transpose()?);
        let is_alike = noise.recurrent.is_empty() && noise.input.len() <= 1;
        let can_be_whole = is_alike && !x.is_meta() && !observe::small_ops();
        let whole = if can_be_whole { cell.whole()? } else { None };
        match (whole, noise.input.first()) {
            (None, _) => {
                let projected = cell.project(&time_first(&x)?, &noise)?;
                let take = |x: &Tensor, states: &[Tensor]| cell.step(x, states, &noise, cx);
                self.one_by_one(take, &projected, states, mask.as_ref())
            }
            (Some(whole), None) => self.at_once(&whole, &x, states, mask.as_ref()),
            (Some(whole), Some(factor)) => {
                let x = ops::multiply(x, ops::expand_dims(factor, 1)?)?;
                self.at_once(&whole, &x, states, mask.as_ref())
            }
        }
    }

    /// All steps of `[batch, time, features]` by one op.
    fn at_once(
        &self,
        whole: &Whole,
        x: &Tensor,
        states: Vec<Tensor>,
        mask: Option<&Tensor>,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        let mut op = whole.op;
        op.has_mask = mask.is_some();
        let mut inputs = vec![x, &whole.kernel, &whole.recurrent_kernel];
        inputs.extend(&states);
        inputs.extend(&whole.bias);
        inputs.extend(mask);
        let results = apply(Op::Recurrent(op), &inputs)?;
        let (all, after) = (&results[0], results[2..].to_vec());
        let shown = match mask {
            None => None,
            Some(mask) if self.zero_output_for_mask => Some(mask.clone()),
            // Before the first step that is not masked, outputs are 0 and not the first state.
            Some(mask) => {
                let count = ops::cumsum(ops::cast(mask, DType::I32)?, 0)?;
                Some(ops::greater(count, 0)?)
            }
        };
        let output = match self.return_sequences {
            true => time_first(&seen(all, shown.as_ref())?)?,
            false => {
                let last = |shown| at(shown, all.shape()[0] - 1);
                let shown = shown.as_ref().map(last).transpose()?;
                seen(&after[0], shown.as_ref())?
            }
        };
        Ok((output, after))
    }

    /// One step after the other.
    fn one_by_one(
        &self,
        take: impl Fn(&Tensor, &[Tensor]) -> Result<(Tensor, Vec<Tensor>)>,
        projected: &Tensor,
        mut states: Vec<Tensor>,
        mask: Option<&Tensor>,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        // While shapes are inferred, one step stands for all.
        let time = projected.shape()[0];
        let count = if projected.is_meta() { 1 } else { time };
        let mut outputs: Vec<Tensor> = Vec::with_capacity(count);
        for t in 0..count {
            let (mut y, mut after) = take(&at(projected, t)?, &states)?;
            if after.len() != states.len() {
                let wanted = format!("the {} that it said", states.len());
                return Err(Error::argument("states of the cell", after.len(), wanted));
            }
            if let Some(mask) = mask {
                let here = at(mask, t)?;
                let before = match outputs.last() {
                    Some(last) if !self.zero_output_for_mask => last.clone(),
                    _ => ops::zeros_like(&y)?,
                };
                y = keep(&here, &y, &before)?;
                let pairs = after.iter().zip(&states);
                after = pairs
                    .map(|(new, old)| keep(&here, new, old))
                    .collect::<Result<_>>()?;
            }
            states = after;
            if !self.return_sequences {
                outputs.clear();
            }
            outputs.push(y);
        }
        let last = outputs.len() - 1;
        let output = match self.return_sequences {
            true if projected.is_meta() => {
                let mut shape = SmallVec::<[usize; 6]>::from_slice(outputs[last].shape());
                shape.insert(1, time);
                ops::broadcast_to(ops::expand_dims(&outputs[last], 1)?, &shape[..])?
            }
            true => ops::stack(&outputs.iter().collect::<Vec<_>>(), 1)?,
            false => outputs.swap_remove(last),
        };
        Ok((output, states))
    }
}

/// One step of `[time, batch, ..]`.
fn at(all: &Tensor, step: usize) -> Result<Tensor> {
    ops::squeeze(ops::slice_axis(all, 0, step, 1)?, 0)
}

/// Outputs `[.., units]`, and 0 where they are not to be seen.
fn seen(outputs: &Tensor, shown: Option<&Tensor>) -> Result<Tensor> {
    match shown {
        Some(shown) => ops::where_(ops::expand_dims(shown, -1)?, outputs, 0.0),
        None => Ok(outputs.clone()),
    }
}

/// The steps of `[batch, time, ..]` in the opposite order.
pub(super) fn reversed(x: &Tensor) -> Result<Tensor> {
    let time = x.shape()[1] as i64;
    let places = ops::subtract(time - 1, ops::arange(0, time, DType::I32)?)?;
    ops::take(x, places, 1)
}

/// `[time, batch, ..]` of `[batch, time, ..]`.
fn time_first(x: &Tensor) -> Result<Tensor> {
    let order: Vec<usize> = [1, 0].into_iter().chain(2..x.rank()).collect();
    ops::transpose(x, Some(&order))
}

/// A mask `[batch, time]` or `[batch, time, 1]` as `[batch, time]` of bools.
fn mask_of(mask: &Tensor, x: &Tensor) -> Result<Tensor> {
    let (batch, time) = (x.shape()[0], x.shape()[1]);
    let fits = match &mask.shape()[..] {
        [b, t] | [b, t, 1] => (*b, *t) == (batch, time),
        _ => false,
    };
    if !fits {
        return Err(Error::shape(
            "a recurrent layer",
            &[x.shape(), mask.shape()],
            "a mask [batch, time]",
        ));
    }
    ops::cast(ops::reshape_to(mask, [batch, time].into())?, DType::Bool)
}

/// `new` where the mask `[batch]` is true, `old` elsewhere.
fn keep(mask: &Tensor, new: &Tensor, old: &Tensor) -> Result<Tensor> {
    let mut shape: Shape = std::iter::repeat_n(1, new.rank()).collect();
    shape[0] = mask.size();
    ops::where_(ops::reshape_to(mask, shape)?, new, old)
}
