use keras_tensor::op::{Fused, Recurrent, RecurrentCell};
use keras_tensor::ops::{self, Operand};
use keras_tensor::{DType, Error, Outputs, Result, Shape, Tensor};

use crate::layers::regularization::dropped;
use crate::{Arguments, Call, Seed, Weight};

/// One step of a recurrent layer: a layer that says so in [`crate::Layer::cell`].
///
/// [`crate::layers::RNN`] runs any cell; `SimpleRNNCell`, `LSTMCell`, `GRUCell` and `StackedRNNCells` are cells, and so
/// may be a layer of one's own.
pub trait RnnCell: Send + Sync {
    /// The shapes of the states `[batch, ..]` for the input of a step `[batch, ..]`; the first is that of the output.
    ///
    /// # Errors
    /// A shape that the cell cannot take.
    fn state_shapes(&self, step: &Shape) -> Result<Vec<Shape>>;

    /// How many states there are; one by default.
    fn state_count(&self) -> usize {
        1
    }

    /// What is drawn once for all steps of a call, for the input of a step `[batch, ..]`; nothing by default.
    ///
    /// # Errors
    /// The cell is not built.
    fn noise(&self, _step: &Shape, _dtype: DType, _cx: &Call) -> Result<Noise> {
        Ok(Noise::default())
    }

    /// What does not depend on states, for all steps `[time, batch, ..]` at once; by default the inputs as they are.
    ///
    /// # Errors
    /// Inputs that the cell cannot take.
    fn project(&self, steps: &Tensor, _noise: &Noise) -> Result<Tensor> {
        Ok(steps.clone())
    }

    /// The output of a step and the states after it, from one step of [`RnnCell::project`] and the states before.
    ///
    /// # Errors
    /// Inputs or states that the cell cannot take.
    fn step(
        &self,
        x: &Tensor,
        states: &[Tensor],
        noise: &Noise,
        cx: &Call,
    ) -> Result<(Tensor, Vec<Tensor>)>;

    /// The op that takes all steps at once, where there is one and nothing of the state is dropped; none by default.
    ///
    /// # Errors
    /// The cell is not built.
    fn whole(&self) -> Result<Option<Whole>> {
        Ok(None)
    }
}

/// A cell as one op over a sequence.
pub struct Whole {
    /// The op, for sequences without a mask.
    pub op: Recurrent,
    /// The kernel `[in, gates * units]`.
    pub kernel: Tensor,
    /// The recurrent kernel `[units, gates * units]`.
    pub recurrent_kernel: Tensor,
    /// The bias, as [`Recurrent`] takes it, of cells that have one.
    pub bias: Option<Tensor>,
}

impl Whole {
    /// The op of a cell, unless its activations are none that kernels know.
    pub(super) fn of(
        cell: RecurrentCell,
        [activation, recurrent_activation]: [Option<Fused>; 2],
        [kernel, recurrent_kernel]: [&Weight; 2],
        bias: Option<&Weight>,
    ) -> Result<Option<Self>> {
        let (Some(activation), Some(recurrent_activation)) = (activation, recurrent_activation)
        else {
            return Ok(None);
        };
        let op = Recurrent {
            cell,
            activation,
            recurrent_activation,
            has_bias: bias.is_some(),
            has_mask: false,
        };
        let read = |weight: &Weight| Ok(weight.tensor()?.into_owned());
        Ok(Some(Whole {
            op,
            kernel: read(kernel)?,
            recurrent_kernel: read(recurrent_kernel)?,
            bias: bias.map(read).transpose()?,
        }))
    }
}

/// The dropout of a call: factors that are the same at every step.
#[derive(Debug, Clone, Default)]
pub struct Noise {
    /// Factors of the input `[batch, in]`: none, one, or one for each gate.
    pub input: Vec<Tensor>,
    /// Factors of the first state `[batch, units]`: none, one, or one for each gate.
    pub recurrent: Vec<Tensor>,
    /// The noise of cells in the cell.
    pub inner: Vec<Noise>,
}

/// The shares that a cell drops, and where its random numbers come from.
pub(super) struct Rates<'a> {
    pub(super) dropout: f64,
    pub(super) recurrent_dropout: f64,
    pub(super) seed: &'a Seed,
}

impl Rates<'_> {
    /// Draws the factors of a cell with so many gates, for an input and a state of these shapes.
    ///
    /// As in Keras, gates have factors of their own only where the recurrent input is dropped, too.
    pub(super) fn noise(
        &self,
        gates: usize,
        [input, state]: [&Shape; 2],
        dtype: DType,
        cx: &Call,
    ) -> Result<Noise> {
        if !cx.is_training() {
            return Ok(Noise::default());
        }
        let count = if self.recurrent_dropout > 0.0 {
            gates
        } else {
            1
        };
        let draw = |rate: f64, shape: &Shape| -> Result<Vec<Tensor>> {
            // Keras leaves out nothing where it should leave out everything.
            let drops = rate > 0.0 && rate < 1.0;
            let one = |_| dropped(&ops::ones(shape, dtype)?, shape, rate, self.seed);
            (0..if drops { count } else { 0 }).map(one).collect()
        };
        Ok(Noise {
            input: draw(self.dropout, input)?,
            recurrent: draw(self.recurrent_dropout, state)?,
            inner: Vec::new(),
        })
    }
}

/// The shape `[batch, units]` of a state for a step `[batch, in]`.
pub(super) fn state_shape(step: &Shape, units: usize) -> Result<Shape> {
    match &step[..] {
        [batch, _] => Ok([*batch, units].into()),
        _ => Err(Error::shape(
            "a recurrent cell",
            &[step],
            "steps [batch, features]",
        )),
    }
}

/// `x @ kernel` for `kernel` `[in, gates * units]`, with the input of each gate times its factor.
pub(super) fn products(
    x: &Tensor,
    kernel: &impl Operand,
    factors: &[Tensor],
    gates: usize,
) -> Result<Tensor> {
    match factors {
        [] => ops::matmul(x, kernel),
        [one] => ops::matmul(ops::multiply(x, one)?, kernel),
        _ => {
            let kernel = kernel.tensor()?;
            let units = kernel.shape().last().map_or(0, |n| n / gates);
            let products = (0..gates).zip(factors).map(|(gate, factor)| {
                let part = ops::slice_axis(&*kernel, -1, gate * units, units)?;
                ops::matmul(ops::multiply(x, factor)?, part)
            });
            let products = products.collect::<Result<Vec<_>>>()?;
            ops::concatenate(&products.iter().collect::<Vec<_>>(), -1)
        }
    }
}

/// [`products`] with a bias `[gates * units]` added, if there is one.
pub(super) fn projected(
    x: &Tensor,
    kernel: &impl Operand,
    bias: Option<&dyn Operand>,
    factors: &[Tensor],
    gates: usize,
) -> Result<Tensor> {
    match (factors, bias) {
        ([], _) => ops::dense(x, kernel, bias, Fused::Linear),
        ([one], _) => ops::dense(ops::multiply(x, one)?, kernel, bias, Fused::Linear),
        (_, Some(bias)) => ops::add(products(x, kernel, factors, gates)?, bias),
        (_, None) => products(x, kernel, factors, gates),
    }
}

/// The places of one gate in `x` `[batch, gates * units]`.
pub(super) fn gate(x: &impl Operand, number: usize, units: usize) -> Result<Tensor> {
    ops::slice_axis(x, -1, number * units, units)
}

/// A cell that is called by itself: with an input `[batch, ..]` and `states`.
pub(super) fn call(cell: &dyn RnnCell, inputs: &Arguments<Tensor>, cx: &Call) -> Result<Outputs> {
    let x = inputs.first()?;
    let shapes = cell.state_shapes(x.shape())?;
    let states = given_states(inputs.list(1, "states"), &shapes, "states")?;
    let states = match states {
        Some(states) => states,
        None => zeros(&shapes, x.dtype())?,
    };
    let noise = cell.noise(x.shape(), x.dtype(), cx)?;
    let (y, states) = step(cell, x, &states, &noise, cx)?;
    Ok(std::iter::once(y).chain(states).collect())
}

/// One step from an input that is not projected yet.
pub(super) fn step(
    cell: &dyn RnnCell,
    x: &Tensor,
    states: &[Tensor],
    noise: &Noise,
    cx: &Call,
) -> Result<(Tensor, Vec<Tensor>)> {
    let projected = cell.project(&ops::expand_dims(x, 0)?, noise)?;
    cell.step(&ops::squeeze(projected, 0)?, states, noise, cx)
}

pub(super) fn zeros(shapes: &[Shape], dtype: DType) -> Result<Vec<Tensor>> {
    shapes.iter().map(|s| ops::zeros(s, dtype)).collect()
}

/// The states that a caller gave, if any, of these shapes.
pub(super) fn given_states(
    given: &[Tensor],
    shapes: &[Shape],
    argument: &str,
) -> Result<Option<Vec<Tensor>>> {
    if given.is_empty() {
        return Ok(None);
    }
    let fit = |(s, shape): (&Tensor, &Shape)| s.shape() == shape;
    if given.len() != shapes.len() || !given.iter().zip(shapes).all(fit) {
        let list = |all: &mut dyn Iterator<Item = String>| all.collect::<Vec<_>>().join(", ");
        return Err(Error::argument(
            argument,
            format!(
                "shapes {}",
                list(&mut given.iter().map(|s| s.shape().to_string()))
            ),
            format!("shapes {}", list(&mut shapes.iter().map(Shape::to_string))),
        ));
    }
    Ok(Some(given.to_vec()))
}
