use keras_tensor::{Result, Tensor, ops};

use crate::{Call, Layer, Symbolic, operations};

layer! {
    /// Masks the steps of `[batch, time, features]` whose features all have one value, and sets them to 0.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::Masking};
    /// use keras_tensor::Tensor;
    /// let x = Tensor::new(&[1.0f32, 2.0, 0.0, 0.0], [1, 2, 2])?;
    /// let y = LayerRef::from(Masking::new()).call(&x, &Call::inference())?;
    /// assert_eq!(y.mask().unwrap().to_f64_vec()?, [1.0, 0.0]);
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    Masking() {
        /// The value that masked steps have; 0 by default.
        set mask_value: f64 = 0.0,
    } keeps {}
}

impl Layer for Masking {
    fn is_weightless(&self) -> bool {
        true
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        let seen = ops::expand_dims(ops::any(ops::not_equal(x, self.mask_value)?, -1)?, -1)?;
        ops::where_(&seen, x, ops::zeros_like(x)?)
    }

    fn mask(&self, x: &Tensor) -> Result<Option<Tensor>> {
        ops::any(ops::not_equal(x, self.mask_value)?, -1).map(Some)
    }

    fn symbolic_mask(&self, x: &Symbolic) -> Result<Option<Symbolic>> {
        let differs = operations::not_equal(x, self.mask_value)?;
        operations::any(&differs, -1, false).map(Some)
    }
}
