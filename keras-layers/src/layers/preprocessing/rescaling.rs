use keras_tensor::{Result, Tensor, ops};

use super::Numbers;
use crate::{Call, Layer};

layer! {
    /// `x * scale + offset`: pixels of 0 to 255 become numbers near 0.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::Rescaling};
    /// use keras_tensor::Tensor;
    /// let layer = LayerRef::from(Rescaling::new(1.0 / 127.5).offset(-1.0));
    /// let y = layer.call(&Tensor::new(&[0.0f32, 255.0], [1, 2])?, &Call::inference())?;
    /// assert_eq!(y.to_vec::<f32>()?, [-1.0, 1.0]);
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    Rescaling(
        /// What is multiplied by: a number, or one for each channel.
        into scale: Numbers = Numbers::One(1.0),
    ) {
        /// What is added then: a number, or one for each channel; 0 by default.
        into offset: Numbers = Numbers::One(0.0),
    } keeps {}
}

impl Layer for Rescaling {
    fn is_weightless(&self) -> bool {
        true
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        let dtype = cx.compute_dtype();
        let scaled = ops::multiply(ops::cast(x, dtype)?, self.scale.tensor(dtype)?)?;
        ops::add(scaled, self.offset.tensor(dtype)?)
    }
}
