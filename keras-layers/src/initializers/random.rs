use keras_tensor::random::next_seed;
use keras_tensor::{DType, Distribution, Result, Shape, Tensor, ops};
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

use super::Initialize;

/// The seed of an initializer: the one that was given, or one that is drawn once.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InitialSeed {
    given: Option<u32>,
    #[serde(skip)]
    drawn: OnceLock<u32>,
}

/// A clone without a given seed draws its own.
impl Clone for InitialSeed {
    fn clone(&self) -> Self {
        InitialSeed::from(self.given)
    }
}

impl From<Option<u32>> for InitialSeed {
    fn from(given: Option<u32>) -> Self {
        InitialSeed {
            given,
            drawn: OnceLock::new(),
        }
    }
}

impl InitialSeed {
    /// The seed.
    pub fn get(&self) -> u32 {
        self.given
            .unwrap_or_else(|| *self.drawn.get_or_init(next_seed))
    }

    /// Random values; the same ones whenever it is asked.
    pub(super) fn draw(
        &self,
        distribution: Distribution,
        shape: &Shape,
        dtype: DType,
    ) -> Result<Tensor> {
        let seed = Tensor::new(&[self.get(), 0], [2])?;
        ops::random(distribution, shape, dtype, &seed)
    }
}

/// The bell curve.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct RandomNormal {
    mean: f64,
    stddev: f64,
    seed: InitialSeed,
}

impl Default for RandomNormal {
    fn default() -> Self {
        RandomNormal::new(0.0, 0.05)
    }
}

impl RandomNormal {
    /// Its middle and width; Keras's defaults are 0 and 0.05.
    pub fn new(mean: f64, stddev: f64) -> Self {
        RandomNormal {
            mean,
            stddev,
            seed: None.into(),
        }
    }

    /// Fixes the values.
    pub fn seed(mut self, seed: u32) -> Self {
        self.seed = Some(seed).into();
        self
    }
}

impl Initialize for RandomNormal {
    fn initialize(&self, shape: &Shape, dtype: DType) -> Result<Tensor> {
        let (mean, stddev) = (self.mean, self.stddev);
        self.seed
            .draw(Distribution::Normal { mean, stddev }, shape, dtype)
    }

    fn fix_seed(&self) {
        self.seed.get();
    }
}

/// The bell curve cut at two standard deviations.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct TruncatedNormal {
    mean: f64,
    stddev: f64,
    seed: InitialSeed,
}

impl Default for TruncatedNormal {
    fn default() -> Self {
        TruncatedNormal::new(0.0, 0.05)
    }
}

impl TruncatedNormal {
    /// Its middle and width before the cut; Keras's defaults are 0 and 0.05.
    pub fn new(mean: f64, stddev: f64) -> Self {
        TruncatedNormal {
            mean,
            stddev,
            seed: None.into(),
        }
    }

    /// Fixes the values.
    pub fn seed(mut self, seed: u32) -> Self {
        self.seed = Some(seed).into();
        self
    }
}

impl Initialize for TruncatedNormal {
    fn initialize(&self, shape: &Shape, dtype: DType) -> Result<Tensor> {
        let (mean, stddev) = (self.mean, self.stddev);
        self.seed
            .draw(Distribution::TruncatedNormal { mean, stddev }, shape, dtype)
    }

    fn fix_seed(&self) {
        self.seed.get();
    }
}

/// Even between two bounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct RandomUniform {
    minval: f64,
    maxval: f64,
    seed: InitialSeed,
}

impl Default for RandomUniform {
    fn default() -> Self {
        RandomUniform::new(-0.05, 0.05)
    }
}

impl RandomUniform {
    /// The bounds; Keras's defaults are -0.05 and 0.05.
    pub fn new(minval: f64, maxval: f64) -> Self {
        RandomUniform {
            minval,
            maxval,
            seed: None.into(),
        }
    }

    /// Fixes the values.
    pub fn seed(mut self, seed: u32) -> Self {
        self.seed = Some(seed).into();
        self
    }
}

impl Initialize for RandomUniform {
    fn initialize(&self, shape: &Shape, dtype: DType) -> Result<Tensor> {
        let (low, high) = (self.minval, self.maxval);
        self.seed
            .draw(Distribution::Uniform { low, high }, shape, dtype)
    }

    fn fix_seed(&self) {
        self.seed.get();
    }
}
