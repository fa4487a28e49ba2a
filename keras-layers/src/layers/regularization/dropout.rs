use keras_tensor::{Distribution, Error, Result, Shape, Tensor, ops};
use serde::{Deserialize, Serialize};

use crate::{Call, Dims, Layer, Seed, Weights};

/// Sets a share `rate` of the elements to 0 in training, and scales the others by `1 / (1 - rate)`.
///
/// The same seed drops the same elements as Keras on TensorFlow.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Dropout {
    rate: f64,
    seed: Option<u32>,
    noise_shape: Option<Dims>,
    #[serde(skip)]
    state: Seed,
}

impl Dropout {
    /// Drops a share from 0 to 1.
    pub fn new(rate: f64) -> Self {
        Dropout {
            rate,
            ..Dropout::default()
        }
    }

    /// Drops whole slices: axes of size 1 share one decision, `None` takes the input's size.
    pub fn noise_shape(mut self, noise_shape: impl Into<Dims>) -> Self {
        self.noise_shape = Some(noise_shape.into());
        self
    }

    /// Fixes what is dropped.
    pub fn seed(mut self, seed: u32) -> Self {
        self.seed = Some(seed);
        self
    }

    fn decisions(&self, x: &Shape) -> Result<Shape> {
        let Some(noise) = &self.noise_shape else {
            return Ok(x.clone());
        };
        if noise.len() != x.rank() {
            return Err(Error::argument(
                "noise_shape",
                noise,
                format!("as many axes as the input {x} has"),
            ));
        }
        Ok(noise
            .iter()
            .zip(x.iter())
            .map(|(d, &n)| d.unwrap_or(n))
            .collect())
    }
}

impl Layer for Dropout {
    fn is_weightless(&self) -> bool {
        true
    }

    fn build(&self, _: &Dims, w: &mut Weights) -> Result<()> {
        if !(0.0..=1.0).contains(&self.rate) {
            return Err(Error::argument("rate", self.rate, "a share from 0 to 1"));
        }
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
            return ops::multiply(x, 0.0);
        }
        dropped(x, &self.decisions(x.shape())?, self.rate, &self.state)
    }
}

/// `x` with a share `rate` of its elements, below 1, set to 0 and the others scaled; decisions are of shape `decisions`
/// and broadcast.
pub(crate) fn dropped(x: &Tensor, decisions: &Shape, rate: f64, seed: &Seed) -> Result<Tensor> {
    let even = Distribution::Uniform {
        low: 0.0,
        high: 1.0,
    };
    let draws = ops::random(even, decisions.clone(), x.dtype(), &seed.next()?)?;
    let kept = ops::greater_equal(&draws, rate)?;
    let scaled = ops::multiply(x, 1.0 / (1.0 - rate))?;
    ops::where_(&kept, &scaled, ops::zeros_like(x)?)
}
