use keras_tensor::{Result, Tensor};

use super::noise::{check_rate, decisions, dropped};
use crate::{Call, Dims, Layer, Seed, Weights};

layer! {
    /// Sets a share `rate` of the elements to 0 in training, and scales the others by `1 / (1 - rate)`.
    ///
    /// The same seed drops the same elements as Keras on TensorFlow. Paper: Srivastava et al., 2014.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::Dropout};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(Dropout::new(0.5).seed(1));
    /// let y = layer.call(&ops::ones([2, 4], Default::default())?, &Call::training())?;
    /// assert!(y.to_vec::<f32>()?.iter().all(|&v| v == 0.0 || v == 2.0));
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    Dropout(
        /// The share that is dropped, from 0 to 1.
        set rate: f64 = 0.0,
    ) {
        /// Fixes what is dropped.
        into seed: Option<u32> = None,
        /// Drops whole slices: axes of size 1 share one decision, `None` takes the input's size.
        some noise_shape: Option<Dims> = None,
    } keeps {
        state: Seed,
    }
}

impl Layer for Dropout {
    fn is_weightless(&self) -> bool {
        true
    }

    fn build(&self, _: &Dims, w: &mut Weights) -> Result<()> {
        check_rate(self.rate)?;
        if self.rate > 0.0 {
            w.add_seed(&self.state, self.seed)?;
        }
        Ok(())
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        if !cx.is_training() || self.rate == 0.0 {
            return Ok(x.clone());
        }
        let decisions = decisions(self.noise_shape.as_ref(), x.shape())?;
        dropped(x, &decisions, self.rate, &self.state)
    }
}
