use keras_tensor::{Error, Result, Tensor, ops};
use serde::{Deserialize, Serialize};

use crate::{Call, Dims, Layer, Weights};

/// `x` where it is positive, `negative_slope * x` elsewhere.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct LeakyReLU {
    negative_slope: f64,
}

impl Default for LeakyReLU {
    fn default() -> Self {
        LeakyReLU {
            negative_slope: 0.3,
        }
    }
}

impl LeakyReLU {
    /// The function with a slope of 0.3.
    pub fn new() -> Self {
        LeakyReLU::default()
    }

    /// The slope below 0.
    pub fn negative_slope(mut self, negative_slope: f64) -> Self {
        self.negative_slope = negative_slope;
        self
    }
}

impl Layer for LeakyReLU {
    fn is_weightless(&self) -> bool {
        true
    }

    fn build(&self, _: &Dims, _: &mut Weights) -> Result<()> {
        if self.negative_slope < 0.0 {
            return Err(Error::argument(
                "negative_slope",
                self.negative_slope,
                "at least 0",
            ));
        }
        Ok(())
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        ops::where_(
            ops::greater(x, 0.0)?,
            x,
            ops::multiply(x, self.negative_slope)?,
        )
    }
}
