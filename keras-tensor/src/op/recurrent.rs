//! Recurrent networks over a whole sequence.

use smallvec::smallvec;

use super::{Fused, Spec, Specs};
use crate::{DType, Error, Result, Shape, Tensor};

/// Attributes of [`super::Op::Recurrent`]: one cell, step by step through `sums` `[time, batch, gates * units]`, which are
/// the inputs times their kernel, with the bias added.
///
/// Inputs: `sums`, `recurrent_kernel` `[units, gates * units]`, the first states `[batch, units]` (`h`; of an LSTM also
/// `c`), a bias `[gates * units]` of the state's product if `has_bias`, and a mask `[time, batch]` of bools if `has_mask`:
/// where it is false, a step leaves the states as they are.
///
/// Results: `h` after each step, `[time, batch, units]`, and what the derivative reads, `[time, batch, kept * units]`:
/// of an LSTM `c, i, f, g, o`, of a GRU `z, r, n` and the state's part of `n`, of a simple cell nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recurrent {
    /// What a step computes.
    pub cell: RecurrentCell,
    /// What is applied to new values.
    pub activation: Fused,
    /// What is applied to gates.
    pub recurrent_activation: Fused,
    /// Whether the state's product has a bias; only that of a GRU may.
    pub has_bias: bool,
    /// Whether there is a mask.
    pub has_mask: bool,
}

/// Attributes of [`super::Op::RecurrentGrad`], the derivative of [`Recurrent`] with a state for each step.
///
/// Inputs: `recurrent_kernel`, the first states, the mask if there is one, both results of the op, the gradient with
/// regard to the first, and that with regard to the second if `has_kept`.
///
/// Results: the gradients with regard to the sums of each step, `[time, batch, width * units]`, and to the first states.
/// A GRU's have a fourth part: `z, r` and then the state's and the input's part of `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecurrentGrad {
    /// The op that is differentiated.
    pub recurrent: Recurrent,
    /// Whether the second result has a gradient.
    pub has_kept: bool,
}

/// The cells that there is an op for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecurrentCell {
    /// `h' = a(x + h @ kernel)`.
    Simple,
    /// Gates `i, f, g, o`: `c' = s(f) * c + s(i) * a(g)`, `h' = s(o) * a(c')`.
    Lstm,
    /// Gates `z, r, n`, reset after the product: `h' = s(z) * h + (1 - s(z)) * a(xn + s(r) * hn)`.
    Gru,
}

impl RecurrentCell {
    /// How many parts the sums have.
    pub fn gates(self) -> usize {
        match self {
            RecurrentCell::Simple => 1,
            RecurrentCell::Lstm => 4,
            RecurrentCell::Gru => 3,
        }
    }

    /// How many states there are.
    pub fn states(self) -> usize {
        match self {
            RecurrentCell::Lstm => 2,
            RecurrentCell::Simple | RecurrentCell::Gru => 1,
        }
    }

    /// How many parts the second result has.
    pub fn kept(self) -> usize {
        match self {
            RecurrentCell::Simple => 0,
            RecurrentCell::Lstm => 5,
            RecurrentCell::Gru => 4,
        }
    }

    /// How many parts the gradient of a step's sums has.
    pub fn width(self) -> usize {
        match self {
            RecurrentCell::Simple => 1,
            RecurrentCell::Lstm | RecurrentCell::Gru => 4,
        }
    }
}

/// The inputs of [`Recurrent`], by name.
pub struct RecurrentInputs<T> {
    /// `[time, batch, gates * units]`.
    pub sums: T,
    /// `[units, gates * units]`.
    pub kernel: T,
    /// `[batch, units]`.
    pub h: T,
    /// `[batch, units]`.
    pub c: Option<T>,
    /// `[gates * units]`.
    pub bias: Option<T>,
    /// `[time, batch]`.
    pub mask: Option<T>,
}

/// The inputs of [`RecurrentGrad`], by name.
pub struct RecurrentGradInputs<T> {
    /// `[units, gates * units]`.
    pub kernel: T,
    /// `[batch, units]`.
    pub h: T,
    /// `[batch, units]`.
    pub c: Option<T>,
    /// `[time, batch]`.
    pub mask: Option<T>,
    /// The op's first result.
    pub all_h: T,
    /// The op's second result.
    pub kept: T,
    /// The gradient with regard to the first result.
    pub all_h_gradient: T,
    /// The gradient with regard to the second result.
    pub kept_gradient: Option<T>,
}

impl Recurrent {
    /// How many inputs it takes.
    pub fn inputs(&self) -> usize {
        2 + self.cell.states() + usize::from(self.has_bias) + usize::from(self.has_mask)
    }

    /// Gives as many inputs as [`Recurrent::inputs`] says their names.
    pub fn named<T>(&self, inputs: impl IntoIterator<Item = T>) -> RecurrentInputs<T> {
        let mut inputs = inputs.into_iter();
        let mut next = || inputs.next().expect("the inputs have been counted");
        RecurrentInputs {
            sums: next(),
            kernel: next(),
            h: next(),
            c: (self.cell.states() == 2).then(&mut next),
            bias: self.has_bias.then(&mut next),
            mask: self.has_mask.then(&mut next),
        }
    }

    pub(super) fn infer(&self, inputs: &[&Tensor]) -> Result<Specs> {
        let named = self.named(inputs.iter().copied());
        let (dtype, gates) = (named.sums.dtype(), self.cell.gates());
        let units = named.kernel.shape().first().copied().unwrap_or(0);
        let state: Shape = match &named.sums.shape()[..] {
            [_, batch, width] if *width == gates * units => [*batch, units].into(),
            _ => return Err(self.misfit(inputs)),
        };
        let time = named.sums.shape()[0];
        let fits = |t: &Tensor, shape: &[usize]| t.shape()[..] == *shape && t.dtype() == dtype;
        let is_right = fits(named.kernel, &[units, gates * units])
            && fits(named.h, &state)
            && named.c.is_none_or(|c| fits(c, &state))
            && named.bias.is_none_or(|b| fits(b, &[gates * units]))
            && named
                .mask
                .is_none_or(|m| m.shape()[..] == [time, state[0]] && m.dtype() == DType::Bool);
        if !is_right || (self.has_bias && self.cell != RecurrentCell::Gru) {
            return Err(self.misfit(inputs));
        }
        let result = |parts: usize| Spec {
            dtype,
            shape: [time, state[0], parts * units].into(),
        };
        Ok(smallvec![result(1), result(self.cell.kept())])
    }

    fn misfit(&self, inputs: &[&Tensor]) -> Error {
        let shapes: Vec<&Shape> = inputs.iter().map(|t| t.shape()).collect();
        let gates = self.cell.gates();
        Error::shape(
            "a recurrent op",
            &shapes.iter().map(|s| &s[..]).collect::<Vec<_>>(),
            format!(
                "[time, batch, {gates} * units], [units, {gates} * units], {} x [batch, units], then a bias \
                 [{gates} * units] where a GRU has one, and a mask [time, batch] of bools where there is one; all others \
                 of one dtype",
                self.cell.states()
            ),
        )
    }
}

impl RecurrentGrad {
    /// How many inputs it takes.
    pub fn inputs(&self) -> usize {
        let recurrent = &self.recurrent;
        let has = |there| usize::from(there);
        4 + recurrent.cell.states() + has(recurrent.has_mask) + has(self.has_kept)
    }

    /// Gives as many inputs as [`RecurrentGrad::inputs`] says their names.
    pub fn named<T>(&self, inputs: impl IntoIterator<Item = T>) -> RecurrentGradInputs<T> {
        let mut inputs = inputs.into_iter();
        let mut next = || inputs.next().expect("the inputs have been counted");
        RecurrentGradInputs {
            kernel: next(),
            h: next(),
            c: (self.recurrent.cell.states() == 2).then(&mut next),
            mask: self.recurrent.has_mask.then(&mut next),
            all_h: next(),
            kept: next(),
            all_h_gradient: next(),
            kept_gradient: self.has_kept.then(&mut next),
        }
    }

    pub(super) fn infer(&self, inputs: &[&Tensor]) -> Result<Specs> {
        let named = self.named(inputs.iter().copied());
        let cell = self.recurrent.cell;
        let dtype = named.h.dtype();
        let [time, batch, units] = match &named.all_h.shape()[..] {
            [time, batch, units] => [*time, *batch, *units],
            _ => return Err(self.recurrent.misfit(inputs)),
        };
        let fits = |t: &Tensor, shape: &[usize]| t.shape()[..] == *shape && t.dtype() == dtype;
        let (state, kept) = ([batch, units], [time, batch, cell.kept() * units]);
        let is_right = fits(named.kernel, &[units, cell.gates() * units])
            && fits(named.h, &state)
            && named.c.is_none_or(|c| fits(c, &state))
            && fits(named.all_h, &[time, batch, units])
            && fits(named.kept, &kept)
            && fits(named.all_h_gradient, &[time, batch, units])
            && named.kept_gradient.is_none_or(|g| fits(g, &kept))
            && named
                .mask
                .is_none_or(|m| m.shape()[..] == [time, batch] && m.dtype() == DType::Bool);
        if !is_right {
            return Err(self.recurrent.misfit(inputs));
        }
        let spec = |shape: Shape| Spec {
            dtype: named.h.dtype(),
            shape,
        };
        let [time, batch, units] = [0, 1, 2].map(|axis| named.all_h.shape()[axis]);
        let mut specs = smallvec![spec(
            [time, batch, self.recurrent.cell.width() * units].into()
        )];
        specs.extend((0..self.recurrent.cell.states()).map(|_| spec([batch, units].into())));
        Ok(specs)
    }
}
