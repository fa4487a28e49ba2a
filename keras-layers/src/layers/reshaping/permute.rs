use keras_tensor::{Error, Result, Tensor, ops};

use crate::{Call, Dims, Layer, Weights};

layer! {
    /// Axes of each sample in another order.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::Permute};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(Permute::new([2, 1]));
    /// let y = layer.call(&ops::ones([5, 10, 64], Default::default())?, &Call::inference())?;
    /// assert_eq!(y.shape().to_string(), "(5, 64, 10)");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    Permute(
        /// The axes, without the batch, from 1: `[2, 1]` swaps the two axes of each sample.
        into dims: Vec<usize> = Vec::new(),
    ) {} keeps {}
}

impl Layer for Permute {
    fn is_weightless(&self) -> bool {
        true
    }

    fn build(&self, _: &Dims, _: &mut Weights) -> Result<()> {
        let mut sorted = self.dims.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(1..=self.dims.len()) {
            return Err(Error::argument(
                "dims",
                format!("{:?}", self.dims),
                "each axis of a sample once, counted from 1",
            ));
        }
        Ok(())
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        if x.rank() != self.dims.len() + 1 {
            return Err(Error::shape(
                "permute",
                &[x.shape()],
                format!("an input with {} axes", self.dims.len() + 1),
            ));
        }
        let order: Vec<usize> = std::iter::once(0)
            .chain(self.dims.iter().copied())
            .collect();
        ops::transpose(x, Some(&order))
    }

    fn mask(&self, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }
}
