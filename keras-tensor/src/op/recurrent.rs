//! Recurrent networks over a whole sequence.

use smallvec::smallvec;

use super::{Fused, Spec, Specs};
use crate::{DType, Error, Result, Shape, Tensor};

/// Attributes of [`super::Op::Recurrent`]: one cell, step by step through a sequence `x` `[batch, time, in]`.
///
/// Inputs: `x`, `kernel` `[in, gates * units]`, `recurrent_kernel` `[units, gates * units]`, the first states
/// `[batch, units]` (`h`; of an LSTM also `c`), a bias `[gates * units]` if `has_bias`, of a GRU `[2, gates * units]`: of
/// the input's product and of the state's; and a mask `[time, batch]` of bools if `has_mask`: where it is false, a step
/// leaves the states as they are.
///
/// Results: `h` after each step, `[time, batch, units]`; what the derivative reads, `[time, batch, kept * units]`: of an
/// LSTM `c, i, f, g, o`, of a GRU `z, r, n` and the state's part of `n`, of a simple cell nothing; and the last states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recurrent {
    /// What a step computes.
    pub cell: RecurrentCell,
    /// What is applied to new values.
    pub activation: Fused,
    /// What is applied to gates.
    pub recurrent_activation: Fused,
    /// Whether there is a bias.
    pub has_bias: bool,
    /// Whether there is a mask.
    pub has_mask: bool,
}

/// Attributes of [`super::Op::RecurrentGrad`], the derivative of [`Recurrent`].
///
/// Inputs: those of the op without the bias, its first two results, the gradients with regard to these, where they are
/// given, and those with regard to the last states.
///
/// Results: the gradients with regard to `x` if `of_x`; to the two kernels, one below the other,
/// `[in + units, gates * units]`, and to the bias if there is one, if `of_weights`; and to the first states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecurrentGrad {
    /// The op that is differentiated.
    pub recurrent: Recurrent,
    /// Whether the first result, `h` after each step, has a gradient.
    pub has_all_h: bool,
    /// Whether the second result has a gradient.
    pub has_kept: bool,
    /// Whether the gradient with regard to `x` is wanted.
    pub of_x: bool,
    /// Whether the gradients with regard to the kernels and the bias are wanted.
    pub of_weights: bool,
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

    /// How many parts the gradient of a step's sums has: a GRU's are `z, r`, and then the state's and the input's part of
    /// `n`.
    pub fn width(self) -> usize {
        match self {
            RecurrentCell::Simple => 1,
            RecurrentCell::Lstm | RecurrentCell::Gru => 4,
        }
    }
}

/// The inputs of [`Recurrent`], by name.
pub struct RecurrentInputs<T> {
    /// `[batch, time, in]`.
    pub x: T,
    /// `[in, gates * units]`.
    pub kernel: T,
    /// `[units, gates * units]`.
    pub recurrent_kernel: T,
    /// `[batch, units]`.
    pub h: T,
    /// `[batch, units]`.
    pub c: Option<T>,
    /// `[gates * units]`, of a GRU `[2, gates * units]`.
    pub bias: Option<T>,
    /// `[time, batch]`.
    pub mask: Option<T>,
}

/// The inputs of [`RecurrentGrad`], by name.
pub struct RecurrentGradInputs<T> {
    /// The inputs of the op, without the bias.
    pub given: RecurrentInputs<T>,
    /// The op's first result.
    pub all_h: T,
    /// The op's second result.
    pub kept: T,
    /// The gradient with regard to the first result.
    pub of_all_h: Option<T>,
    /// The gradient with regard to the second result.
    pub of_kept: Option<T>,
    /// The gradient with regard to the last `h`.
    pub of_h: T,
    /// The gradient with regard to the last `c`.
    pub of_c: Option<T>,
}

/// The results of [`RecurrentGrad`], by name: the gradients with regard to what they are called after.
pub struct RecurrentGradients<T> {
    /// `[batch, time, in]`.
    pub x: Option<T>,
    /// Of the kernel, and below it of the recurrent kernel, `[in + units, gates * units]`.
    pub kernels: Option<T>,
    /// As the bias.
    pub bias: Option<T>,
    /// `[batch, units]`.
    pub h: T,
    /// `[batch, units]`.
    pub c: Option<T>,
}

/// The sizes of a recurrent op.
struct Sizes {
    batch: usize,
    time: usize,
    features: usize,
    units: usize,
}

impl Recurrent {
    /// How many inputs it takes.
    pub fn inputs(&self) -> usize {
        3 + self.cell.states() + usize::from(self.has_bias) + usize::from(self.has_mask)
    }

    /// Gives as many inputs as [`Recurrent::inputs`] says their names.
    pub fn named<T>(&self, inputs: impl IntoIterator<Item = T>) -> RecurrentInputs<T> {
        let mut inputs = inputs.into_iter();
        let mut next = || inputs.next().expect("the inputs have been counted");
        RecurrentInputs {
            x: next(),
            kernel: next(),
            recurrent_kernel: next(),
            h: next(),
            c: (self.cell.states() == 2).then(&mut next),
            bias: self.has_bias.then(&mut next),
            mask: self.has_mask.then(&mut next),
        }
    }

    /// The shape of the bias.
    fn bias_shape(&self, units: usize) -> Shape {
        let gates = self.cell.gates() * units;
        match self.cell {
            RecurrentCell::Gru => [2, gates].into(),
            RecurrentCell::Simple | RecurrentCell::Lstm => [gates].into(),
        }
    }

    /// The sizes, if the inputs fit each other.
    fn sizes(&self, given: &RecurrentInputs<&Tensor>) -> Option<Sizes> {
        let dtype = given.x.dtype();
        let (&[batch, time, features], &[units, _]) =
            (&given.x.shape()[..], &given.recurrent_kernel.shape()[..])
        else {
            return None;
        };
        let gates = self.cell.gates() * units;
        let fits = |t: &Tensor, shape: &[usize]| t.shape()[..] == *shape && t.dtype() == dtype;
        let state = [batch, units];
        let is_right = fits(given.kernel, &[features, gates])
            && fits(given.recurrent_kernel, &[units, gates])
            && fits(given.h, &state)
            && given.c.is_none_or(|c| fits(c, &state))
            && given.bias.is_none_or(|b| fits(b, &self.bias_shape(units)))
            && given
                .mask
                .is_none_or(|m| m.shape()[..] == [time, batch] && m.dtype() == DType::Bool);
        is_right.then_some(Sizes {
            batch,
            time,
            features,
            units,
        })
    }

    pub(super) fn infer(&self, inputs: &[&Tensor]) -> Result<Specs> {
        let sizes = self.sizes(&self.named(inputs.iter().copied()));
        let Some(Sizes {
            batch, time, units, ..
        }) = sizes
        else {
            return Err(self.misfit(inputs));
        };
        let spec = |shape: Shape| Spec {
            dtype: inputs[0].dtype(),
            shape,
        };
        let steps = |parts: usize| spec([time, batch, parts * units].into());
        let mut specs = smallvec![steps(1), steps(self.cell.kept())];
        specs.extend((0..self.cell.states()).map(|_| spec([batch, units].into())));
        Ok(specs)
    }

    fn misfit(&self, inputs: &[&Tensor]) -> Error {
        let shapes: Vec<&Shape> = inputs.iter().map(|t| t.shape()).collect();
        let gates = self.cell.gates();
        let rows = if self.cell == RecurrentCell::Gru {
            "2, "
        } else {
            ""
        };
        Error::shape(
            "a recurrent op",
            &shapes.iter().map(|s| &s[..]).collect::<Vec<_>>(),
            format!(
                "[batch, time, in], [in, {gates} * units], [units, {gates} * units], {} x [batch, units], then a bias \
                 [{rows}{gates} * units] and a mask [time, batch] of bools where there are such; all others of one dtype",
                self.cell.states()
            ),
        )
    }
}

impl RecurrentGrad {
    /// The op whose inputs are given.
    fn without_bias(&self) -> Recurrent {
        Recurrent {
            has_bias: false,
            ..self.recurrent
        }
    }

    /// How many inputs it takes.
    pub fn inputs(&self) -> usize {
        let given = self.without_bias().inputs() + self.recurrent.cell.states();
        given + 2 + usize::from(self.has_all_h) + usize::from(self.has_kept)
    }

    /// Gives as many inputs as [`RecurrentGrad::inputs`] says their names.
    pub fn named<T>(&self, inputs: impl IntoIterator<Item = T>) -> RecurrentGradInputs<T> {
        let mut inputs = inputs.into_iter();
        let given = self.without_bias().named(&mut inputs);
        let mut next = || inputs.next().expect("the inputs have been counted");
        RecurrentGradInputs {
            all_h: next(),
            kept: next(),
            of_all_h: self.has_all_h.then(&mut next),
            of_kept: self.has_kept.then(&mut next),
            of_h: next(),
            of_c: given.c.is_some().then(&mut next),
            given,
        }
    }

    /// Gives the results their names.
    pub fn results<T>(&self, results: impl IntoIterator<Item = T>) -> RecurrentGradients<T> {
        let mut results = results.into_iter();
        let mut next = || results.next().expect("the op has these results");
        RecurrentGradients {
            x: self.of_x.then(&mut next),
            kernels: self.of_weights.then(&mut next),
            bias: (self.of_weights && self.recurrent.has_bias).then(&mut next),
            h: next(),
            c: (self.recurrent.cell.states() == 2).then(&mut next),
        }
    }

    pub(super) fn infer(&self, inputs: &[&Tensor]) -> Result<Specs> {
        let named = self.named(inputs.iter().copied());
        let (cell, dtype) = (self.recurrent.cell, inputs[0].dtype());
        let misfit = || self.recurrent.misfit(inputs);
        let sizes = self.without_bias().sizes(&named.given).ok_or_else(misfit)?;
        let Sizes {
            batch,
            time,
            features,
            units,
        } = sizes;
        let fits = |t: &Tensor, shape: &[usize]| t.shape()[..] == *shape && t.dtype() == dtype;
        let (all_h, kept) = ([time, batch, units], [time, batch, cell.kept() * units]);
        let is_right = fits(named.all_h, &all_h)
            && fits(named.kept, &kept)
            && named.of_all_h.is_none_or(|g| fits(g, &all_h))
            && named.of_kept.is_none_or(|g| fits(g, &kept))
            && fits(named.of_h, &[batch, units])
            && named.of_c.is_none_or(|g| fits(g, &[batch, units]));
        if !is_right {
            return Err(misfit());
        }
        let spec = |shape: Shape| Spec { dtype, shape };
        let mut specs = Specs::new();
        if self.of_x {
            specs.push(spec([batch, time, features].into()));
        }
        if self.of_weights {
            specs.push(spec([features + units, cell.gates() * units].into()));
            if self.recurrent.has_bias {
                specs.push(spec(self.recurrent.bias_shape(units)));
            }
        }
        specs.extend((0..cell.states()).map(|_| spec([batch, units].into())));
        Ok(specs)
    }
}
