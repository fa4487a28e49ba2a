use keras_tensor::{Result, Tensor};

use crate::activations;
use crate::{Call, Layer};

layer! {
    /// `x` where it is positive, `alpha * (e^x - 1)` elsewhere. Paper: Clevert et al., 2015.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::ELU};
    /// use keras_tensor::Tensor;
    /// let layer = LayerRef::from(ELU::new());
    /// let y = layer.call(&Tensor::new(&[-1e9f32, 2.0], [2])?, &Call::inference())?;
    /// assert_eq!(y.to_string(), "[-1 2]");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    ELU() {
        /// What is approached far below 0, with the sign turned; 1 by default.
        set alpha: f64 = 1.0,
    } keeps {}
}

impl Layer for ELU {
    fn is_weightless(&self) -> bool {
        true
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        activations::elu(x, self.alpha)
    }
}
