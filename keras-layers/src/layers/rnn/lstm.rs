use keras_tensor::op::RecurrentCell;
use keras_tensor::ops::Operand;
use keras_tensor::{DType, Error, Outputs, Result, Shape, Tensor, ops};

use super::cell::{self, Noise, Rates, RnnCell, Whole, products, projected, state_shape};
use super::recurrent::{Gated, Recurrent};
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::{Initialize, Initializer};
use crate::regularizers::Regularizer;
use crate::{Arguments, Call, Declare, Dims, Layer, Seed, Weight, Weights};

recurrent! {
    /// A step of [`LSTM`], with states `h` and `c` `[batch, units]` and an input `[batch, in]`.
    ///
    /// `i, f, g, o = x @ kernel + bias + h @ recurrent_kernel`, then with the recurrent activation `s` and the activation
    /// `a`: `c' = s(f) * c + s(i) * a(g)`, and `h' = s(o) * a(c')`, which is the output.
    cell LSTMCell "lstm_cell";
    /// Long short-term memory (Hochreiter and Schmidhuber, 1997): each step is [`LSTMCell`].
    ///
    /// ```
    /// use keras_layers::{Arguments, Call, LayerRef, layers::LSTM};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(LSTM::new(4).return_sequences(true).return_state(true));
    /// let x = ops::ones([2, 5, 3], Default::default())?;
    /// let all = layer.call_many(Arguments::new(x), &Call::inference())?;
    /// let shapes: Vec<String> = all.iter().map(|y| y.shape().to_string()).collect();
    /// assert_eq!(shapes, ["(2, 5, 4)", "(2, 4)", "(2, 4)"]);
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    layer LSTM without [] {
        /// What is applied to the new values; `tanh` by default.
        into activation: Activation = "tanh".into(),
        /// What is applied to the gates; `sigmoid` by default.
        into recurrent_activation: Activation = "sigmoid".into(),
        /// Whether the bias of the forget gate begins with 1; it does by default.
        set unit_forget_bias: bool = true,
    }
}

/// The bias of four gates, with 1 for that which forgets.
pub(super) struct ForgetLittle(pub(super) Initializer, pub(super) usize);

impl Initialize for ForgetLittle {
    fn initialize(&self, _: &Shape, dtype: DType) -> Result<Tensor> {
        let (others, units) = (self.0.resolve()?, self.1);
        let first = others.initialize(&[units].into(), dtype)?;
        let last = others.initialize(&[2 * units].into(), dtype)?;
        ops::concatenate(&[&first, &ops::ones([units], dtype)?, &last], 0)
    }
}

impl Layer for LSTMCell {
    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        let bias = if self.unit_forget_bias {
            ForgetLittle(self.bias_initializer.clone(), self.units).into()
        } else {
            self.bias_initializer.clone()
        };
        self.declare(input, 4, &[4 * self.units], &bias, w)
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        Ok(self.call_many(&x.into(), cx)?.swap_remove(0))
    }

    fn call_many(&self, inputs: &Arguments<Tensor>, cx: &Call) -> Result<Outputs> {
        cell::call(self, inputs, cx)
    }

    fn cell(&self) -> Option<&dyn RnnCell> {
        Some(self)
    }
}

impl RnnCell for LSTMCell {
    fn state_count(&self) -> usize {
        2
    }

    fn state_shapes(&self, step: &Shape) -> Result<Vec<Shape>> {
        let shape = state_shape(step, self.units)?;
        Ok(vec![shape.clone(), shape])
    }

    fn noise(&self, step: &Shape, dtype: DType, cx: &Call) -> Result<Noise> {
        self.factors(4, step, dtype, cx)
    }

    fn project(&self, steps: &Tensor, noise: &Noise) -> Result<Tensor> {
        let bias: Option<&dyn Operand> = if self.use_bias {
            Some(&self.bias)
        } else {
            None
        };
        projected(steps, &self.kernel, bias, &noise.input, 4)
    }

    fn step(
        &self,
        x: &Tensor,
        states: &[Tensor],
        noise: &Noise,
        _: &Call,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        let recurrent = products(&states[0], &self.recurrent_kernel, &noise.recurrent, 4)?;
        let all = ops::add(x, &recurrent)?;
        let functions = [&self.activation, &self.recurrent_activation];
        lstm_step(&all, &states[1], -1, self.units, functions)
    }

    fn whole(&self) -> Result<Option<Whole>> {
        let functions = [self.activation.fused()?, self.recurrent_activation.fused()?];
        let bias = self.use_bias.then_some(&self.bias);
        let kernels = [&self.kernel, &self.recurrent_kernel];
        Whole::of(RecurrentCell::Lstm, functions, kernels, bias)
    }
}

/// The output and the states after a step, from the sums `i, f, g, o` that lie side by side along an axis.
pub(super) fn lstm_step(
    sums: &Tensor,
    c: &Tensor,
    axis: isize,
    units: usize,
    [activation, recurrent_activation]: [&Activation; 2],
) -> Result<(Tensor, Vec<Tensor>)> {
    let gate = |number: usize| ops::slice_axis(sums, axis, number * units, units);
    let opened = |number| recurrent_activation.call(&gate(number)?);
    let new = activation.call(&gate(2)?)?;
    let kept = ops::multiply(opened(1)?, c)?;
    let c = ops::add(kept, ops::multiply(opened(0)?, new)?)?;
    let h = ops::multiply(opened(3)?, activation.call(&c)?)?;
    Ok((h.clone(), vec![h, c]))
}
