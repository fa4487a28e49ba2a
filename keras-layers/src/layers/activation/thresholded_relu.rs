use keras_tensor::{Error, Result, Tensor, ops};

use crate::{Call, Dims, Layer, Weights};

layer! {
    /// `x` where it is above `theta`, 0 elsewhere. Keras 3 has dropped this class; models of Keras 2 hold it.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::ThresholdedReLU};
    /// use keras_tensor::Tensor;
    /// let layer = LayerRef::from(ThresholdedReLU::new());
    /// let y = layer.call(&Tensor::new(&[0.5f32, 1.0, 2.0], [3])?, &Call::inference())?;
    /// assert_eq!(y.to_string(), "[0 0 2]");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    ThresholdedReLU() {
        /// The threshold; 1 by default.
        set theta: f64 = 1.0,
    } keeps {}
}

impl Layer for ThresholdedReLU {
    fn is_weightless(&self) -> bool {
        true
    }

    fn build(&self, _: &Dims, _: &mut Weights) -> Result<()> {
        if self.theta < 0.0 {
            return Err(Error::argument("theta", self.theta, "at least 0"));
        }
        Ok(())
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        ops::multiply(x, ops::cast(ops::greater(x, self.theta)?, x.dtype())?)
    }
}
