use keras_tensor::names::auto_name;
use keras_tensor::{Result, Tensor, ops};

use super::CONVNEXT;
use crate::initializers::Constant;
use crate::{Call, Dims, Layer, Weight, Weights};

layer! {
    /// Multiplies each channel by a weight of its own, which begins small.
    ///
    /// Paper: Touvron et al., Going deeper with Image Transformers, 2021.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::LayerScale};
    /// use keras_tensor::Tensor;
    /// let x = Tensor::new(&[2.0f32, 4.0], [1, 2])?;
    /// let y = LayerRef::from(LayerScale::new(0.5, 2)).call(&x, &Call::inference())?;
    /// assert_eq!(y.to_string(), "[[1 2]]");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    LayerScale(
        /// What the weights begin as.
        set init_values: f64 = 1e-6,
        /// How many channels there are.
        set projection_dim: usize = 0,
    ) {} keeps {
        gamma: Weight,
    }
}

impl Layer for LayerScale {
    fn module(&self) -> &'static str {
        CONVNEXT
    }

    fn build(&self, _: &Dims, w: &mut Weights) -> Result<()> {
        let initializer = Constant::new(self.init_values);
        // Keras gives this weight no name of its own.
        w.add(
            &self.gamma,
            &auto_name("variable"),
            [self.projection_dim],
            initializer,
        )
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        ops::multiply(x, &self.gamma)
    }
}
