use keras_tensor::op::{Fused, RecurrentCell};
use keras_tensor::ops::Operand;
use keras_tensor::{DType, Error, Outputs, Result, Shape, Tensor, ops};

use super::cell::{self, Noise, Rates, RnnCell, Whole, products, projected, state_shape};
use super::recurrent::{Gated, Recurrent};
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Arguments, Call, Declare, Dims, Layer, Seed, Weight, Weights};

recurrent! {
    /// A step of [`SimpleRNN`]: `h' = activation(x @ kernel + bias + h @ recurrent_kernel)`.
    ///
    /// `x` is `[batch, in]`, the state and the output `[batch, units]`.
    cell SimpleRNNCell "simple_rnn_cell";
    /// A fully connected recurrent layer: each step is [`SimpleRNNCell`].
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::SimpleRNN};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(SimpleRNN::new(4).return_sequences(true));
    /// let y = layer.call(&ops::ones([2, 5, 3], Default::default())?, &Call::inference())?;
    /// assert_eq!(y.shape().to_string(), "(2, 5, 4)");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    layer SimpleRNN without ["seed"] {
        /// What is applied to the sum; `tanh` by default.
        into activation: Activation = "tanh".into(),
    }
}

impl Layer for SimpleRNNCell {
    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        self.declare(input, 1, &[self.units], &self.bias_initializer, w)
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

impl RnnCell for SimpleRNNCell {
    fn state_shapes(&self, step: &Shape) -> Result<Vec<Shape>> {
        Ok(vec![state_shape(step, self.units)?])
    }

    fn noise(&self, step: &Shape, dtype: DType, cx: &Call) -> Result<Noise> {
        self.factors(1, step, dtype, cx)
    }

    fn project(&self, steps: &Tensor, noise: &Noise) -> Result<Tensor> {
        let bias: Option<&dyn Operand> = if self.use_bias {
            Some(&self.bias)
        } else {
            None
        };
        projected(steps, &self.kernel, bias, &noise.input, 1)
    }

    fn step(
        &self,
        x: &Tensor,
        states: &[Tensor],
        noise: &Noise,
        _: &Call,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        let recurrent = products(&states[0], &self.recurrent_kernel, &noise.recurrent, 1)?;
        let h = self.activation.call(&ops::add(x, &recurrent)?)?;
        Ok((h.clone(), vec![h]))
    }

    fn whole(&self) -> Result<Option<Whole>> {
        let functions = [self.activation.fused()?, Some(Fused::Linear)];
        let bias = self.use_bias.then_some(&self.bias);
        let kernels = [&self.kernel, &self.recurrent_kernel];
        Whole::of(RecurrentCell::Simple, functions, kernels, bias)
    }
}
