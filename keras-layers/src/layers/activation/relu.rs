use keras_tensor::op::Fused;
use keras_tensor::{Error, Result, Tensor, ops};
use serde::{Deserialize, Serialize};

use crate::{Call, Dims, Follows, Layer, Weights};

/// `max(x, 0)`, with a slope below the threshold and a largest value if they are given.
///
/// `f(x) = max_value` for `x >= max_value`, `x` for `threshold <= x < max_value`, `negative_slope * (x - threshold)`
/// below.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ReLU {
    max_value: Option<f64>,
    negative_slope: f64,
    threshold: f64,
}

impl ReLU {
    /// The plain function.
    pub fn new() -> Self {
        ReLU::default()
    }

    /// The largest output; unbounded by default.
    pub fn max_value(mut self, max_value: f64) -> Self {
        self.max_value = Some(max_value);
        self
    }

    /// The slope below the threshold; 0 by default.
    pub fn negative_slope(mut self, negative_slope: f64) -> Self {
        self.negative_slope = negative_slope;
        self
    }

    /// Where the function begins to rise; 0 by default.
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }
}

impl Layer for ReLU {
    fn is_weightless(&self) -> bool {
        true
    }

    fn build(&self, _: &Dims, _: &mut Weights) -> Result<()> {
        for (name, value) in [
            ("max_value", self.max_value.unwrap_or(0.0)),
            ("negative_slope", self.negative_slope),
            ("threshold", self.threshold),
        ] {
            if value < 0.0 {
                return Err(Error::argument(name, value, "at least 0"));
            }
        }
        Ok(())
    }

    fn follows(&self) -> Option<Follows> {
        let function = match self.max_value {
            None => Fused::Relu,
            Some(6.0) => Fused::Relu6,
            Some(_) => return None,
        };
        let is_plain = self.negative_slope == 0.0 && self.threshold == 0.0;
        is_plain.then_some(Follows::Activation(function))
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        let positive = if self.threshold == 0.0 {
            ops::relu(x)?
        } else {
            let above = ops::cast(ops::greater(x, self.threshold)?, x.dtype())?;
            ops::multiply(x, above)?
        };
        let bounded = match self.max_value {
            Some(max) => ops::clip(&positive, 0.0, max)?,
            None => positive,
        };
        if self.negative_slope == 0.0 {
            return Ok(bounded);
        }
        let below = ops::relu(ops::subtract(self.threshold, x)?)?;
        ops::subtract(&bounded, ops::multiply(&below, self.negative_slope)?)
    }
}
