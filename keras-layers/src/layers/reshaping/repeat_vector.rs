use keras_tensor::{Error, Result, Tensor, ops};

use crate::{Call, Dims, Layer, Weights};

layer! {
    /// `[batch, features]` repeated as `[batch, n, features]`.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::RepeatVector};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(RepeatVector::new(3));
    /// let y = layer.call(&ops::ones([2, 32], Default::default())?, &Call::inference())?;
    /// assert_eq!(y.shape().to_string(), "(2, 3, 32)");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    RepeatVector(
        /// How many times.
        set n: usize = 0,
    ) {} keeps {}
}

impl Layer for RepeatVector {
    fn is_weightless(&self) -> bool {
        true
    }

    fn build(&self, _: &Dims, _: &mut Weights) -> Result<()> {
        if self.n == 0 {
            return Err(Error::argument("n", self.n, "at least 1"));
        }
        Ok(())
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        let [batch, features] = x.shape()[..] else {
            return Err(Error::shape(
                "repeat_vector",
                &[x.shape()],
                "[batch, features]",
            ));
        };
        ops::broadcast_to(ops::expand_dims(x, 1)?, [batch, self.n, features])
    }

    fn mask(&self, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }
}
