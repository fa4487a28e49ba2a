use keras_tensor::{Result, Tensor, ops};

use crate::{Axes, Call, Layer};

layer! {
    /// Brings vectors to length 1: `x / max(|x|, 1e-12)`.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::UnitNormalization};
    /// use keras_tensor::Tensor;
    /// let x = Tensor::new(&[3.0f32, 0.0], [1, 2])?;
    /// let y = LayerRef::from(UnitNormalization::new()).call(&x, &Call::inference())?;
    /// assert_eq!(y.to_string(), "[[1 0]]");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    UnitNormalization() {
        /// The axis that vectors lie along, or several; -1 by default.
        into axis: Axes = (-1).into(),
    } keeps {}
}

impl Layer for UnitNormalization {
    fn is_weightless(&self) -> bool {
        true
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        ops::normalize(x, &self.axis, 1e-12)
    }
}
