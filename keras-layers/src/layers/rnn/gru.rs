use keras_tensor::op::RecurrentCell;
use keras_tensor::ops::Operand;
use keras_tensor::{DType, Error, Outputs, Result, Shape, Tensor, ops};

use super::cell::{self, Noise, Rates, RnnCell, Whole, gate, products, projected, state_shape};
use super::recurrent::{Gated, Recurrent};
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Arguments, Call, Declare, Dims, Layer, Seed, Weight, Weights};

recurrent! {
    /// A step of [`GRU`], with a state `h` `[batch, units]` and an input `[batch, in]`.
    ///
    /// `x @ kernel` and `h @ recurrent_kernel` each have parts `z`, `r` and `n`. With the recurrent activation `s` and the
    /// activation `a`: `z = s(xz + hz)`, `r = s(xr + hr)`, `n = a(xn + r * hn)`, `h' = z * h + (1 - z) * n`, which is the
    /// output. Both products have a bias, `[2, 3 * units]` together. With `reset_after` false, `hn` is
    /// `(r * h) @ recurrent_kernel`, and only `x @ kernel` has a bias, `[3 * units]`.
    cell GRUCell "gru_cell";
    /// Gated recurrent units (Cho et al., 2014): each step is [`GRUCell`].
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::GRU};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(GRU::new(4));
    /// let y = layer.call(&ops::ones([2, 5, 3], Default::default())?, &Call::inference())?;
    /// assert_eq!((y.shape().to_string(), layer.count_params()), ("(2, 4)".into(), 108));
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    layer GRU without [] {
        /// What is applied to the new values; `tanh` by default.
        into activation: Activation = "tanh".into(),
        /// What is applied to the gates; `sigmoid` by default.
        into recurrent_activation: Activation = "sigmoid".into(),
        /// Whether the state is reset after it is multiplied, not before; it is by default.
        set reset_after: bool = true,
    }
}

impl Layer for GRUCell {
    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        let width = 3 * self.units;
        let both = [2, width];
        let shape = if self.reset_after {
            &both[..]
        } else {
            &both[1..]
        };
        self.declare(input, 3, shape, &self.bias_initializer, w)
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

impl GRUCell {
    /// The bias `[3 * units]` of the input's product, or of the state's.
    fn bias_of(&self, recurrent: bool) -> Result<Option<Tensor>> {
        match (self.use_bias, self.reset_after) {
            (true, true) => {
                let row = ops::slice_axis(&self.bias, 0, usize::from(recurrent), 1)?;
                Ok(Some(ops::squeeze(row, 0)?))
            }
            (true, false) if !recurrent => Ok(Some(ops::reshape(&self.bias, &[-1])?)),
            _ => Ok(None),
        }
    }
}

impl RnnCell for GRUCell {
    fn state_shapes(&self, step: &Shape) -> Result<Vec<Shape>> {
        Ok(vec![state_shape(step, self.units)?])
    }

    fn noise(&self, step: &Shape, dtype: DType, cx: &Call) -> Result<Noise> {
        self.factors(3, step, dtype, cx)
    }

    fn project(&self, steps: &Tensor, noise: &Noise) -> Result<Tensor> {
        let bias = self.bias_of(false)?;
        let bias = bias.as_ref().map(|b| b as &dyn Operand);
        projected(steps, &self.kernel, bias, &noise.input, 3)
    }

    fn step(
        &self,
        x: &Tensor,
        states: &[Tensor],
        noise: &Noise,
        _: &Call,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        let (h, units, factors) = (&states[0], self.units, &noise.recurrent[..]);
        let opened = |number, recurrent: &Tensor| {
            let sum = ops::add(gate(x, number, units)?, gate(recurrent, number, units)?)?;
            self.recurrent_activation.call(&sum)
        };
        let (z, new) = if self.reset_after {
            let mut all = products(h, &self.recurrent_kernel, factors, 3)?;
            if let Some(bias) = self.bias_of(true)? {
                all = ops::add(&all, &bias)?;
            }
            let r = opened(1, &all)?;
            (opened(0, &all)?, ops::multiply(r, gate(&all, 2, units)?)?)
        } else {
            let gates = ops::slice_axis(&self.recurrent_kernel, 1, 0, 2 * units)?;
            let all = products(h, &gates, &factors[..factors.len().min(2)], 2)?;
            let reset = ops::multiply(opened(1, &all)?, h)?;
            let last = gate(&self.recurrent_kernel, 2, units)?;
            let factor = &factors[factors.len().min(2)..];
            (opened(0, &all)?, products(&reset, &last, factor, 1)?)
        };
        let new = self.activation.call(&ops::add(gate(x, 2, units)?, new)?)?;
        // z * h + (1 - z) * new
        let y = ops::add(&new, ops::multiply(z, ops::subtract(h, &new)?)?)?;
        Ok((y.clone(), vec![y]))
    }

    fn whole(&self) -> Result<Option<Whole>> {
        if !self.reset_after {
            return Ok(None);
        }
        let functions = [self.activation.fused()?, self.recurrent_activation.fused()?];
        let bias = self.use_bias.then_some(&self.bias);
        let kernels = [&self.kernel, &self.recurrent_kernel];
        Whole::of(RecurrentCell::Gru, functions, kernels, bias)
    }
}
