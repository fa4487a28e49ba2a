use keras_tensor::{DType, Error, Result, Tensor, ops};

use super::noise::{check_rate, decisions, kept};
use crate::{Call, Dims, Layer, Seed, Weights};

/// What SELU approaches far below 0.
const FLOOR: f64 = -1.673_263_242_354_377_2 * 1.050_700_987_355_480_5;

layer! {
    /// Dropout for networks of SELU: sets a share of the elements to what SELU approaches far below 0, then scales and
    /// shifts all, so that mean and variance stay. Paper: Klambauer et al., 2017.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::AlphaDropout};
    /// use keras_tensor::ops;
    /// let (layer, x) = (LayerRef::from(AlphaDropout::new(0.2)), ops::ones([2, 3], Default::default())?);
    /// assert_eq!(layer.call(&x, &Call::inference())?.to_string(), x.to_string());
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    AlphaDropout(
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

impl Layer for AlphaDropout {
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
        if self.rate == 1.0 {
            return Err(Error::argument(
                "rate",
                self.rate,
                "less than 1 in training",
            ));
        }
        // Keras draws these in float32 for inputs of any dtype.
        let shape = decisions(self.noise_shape.as_ref(), x.shape())?;
        let kept = kept(shape, self.rate, DType::F32, &self.state)?;
        let x = ops::where_(&kept, x, ops::full([], FLOOR, x.dtype())?)?;
        let scale = ((1.0 - self.rate) * (1.0 + self.rate * FLOOR * FLOOR)).powf(-0.5);
        ops::add(ops::multiply(&x, scale)?, -scale * FLOOR * self.rate)
    }
}
