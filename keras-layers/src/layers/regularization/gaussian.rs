use keras_tensor::{Error, Result, Tensor, ops};

use super::noise::{check_rate, normal};
use crate::{Call, Dims, Layer, Seed, Weights};

layer! {
    /// Multiplies by noise of mean 1 and deviation `sqrt(rate / (1 - rate))` in training.
    ///
    /// Paper: Srivastava et al., 2014.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::GaussianDropout};
    /// use keras_tensor::ops;
    /// let (layer, x) = (LayerRef::from(GaussianDropout::new(0.5)), ops::ones([2, 3], Default::default())?);
    /// assert_eq!(layer.call(&x, &Call::inference())?.to_string(), x.to_string());
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    GaussianDropout(
        /// The strength of the noise, from 0 to 1 as the share that dropout drops.
        set rate: f64 = 0.0,
    ) {
        /// Fixes the noise.
        into seed: Option<u32> = None,
    } keeps {
        state: Seed,
    }
}

impl Layer for GaussianDropout {
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
        let stddev = (self.rate / (1.0 - self.rate)).sqrt();
        ops::multiply(x, normal(x, 1.0, stddev, &self.state)?)
    }
}

layer! {
    /// Adds noise of mean 0 in training.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::GaussianNoise};
    /// use keras_tensor::ops;
    /// let (layer, x) = (LayerRef::from(GaussianNoise::new(0.1)), ops::ones([2, 3], Default::default())?);
    /// assert_eq!(layer.call(&x, &Call::inference())?.to_string(), x.to_string());
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    GaussianNoise(
        /// The standard deviation, from 0 to 1.
        set stddev: f64 = 0.0,
    ) {
        /// Fixes the noise.
        into seed: Option<u32> = None,
    } keeps {
        state: Seed,
    }
}

impl Layer for GaussianNoise {
    fn is_weightless(&self) -> bool {
        true
    }

    fn build(&self, _: &Dims, w: &mut Weights) -> Result<()> {
        if !(0.0..=1.0).contains(&self.stddev) {
            return Err(Error::argument("stddev", self.stddev, "from 0 to 1"));
        }
        if self.stddev > 0.0 {
            w.add_seed(&self.state, self.seed)?;
        }
        Ok(())
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        if !cx.is_training() || self.stddev == 0.0 {
            return Ok(x.clone());
        }
        ops::add(x, normal(x, 0.0, self.stddev, &self.state)?)
    }
}
