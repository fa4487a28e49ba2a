use keras_tensor::Result;
use serde::{Deserialize, Serialize};

use super::{Schedule, check_steps, write_steps};

/// `(initial - end) * (1 - min(step, decay_steps) / decay_steps) ^ power + end`
///
/// With `cycle`, the rate starts again above `end` after each multiple of `decay_steps`: `decay_steps` is replaced by its
/// smallest multiple that is not less than `step`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PolynomialDecay {
    initial_learning_rate: f64,
    #[serde(serialize_with = "write_steps")]
    decay_steps: f64,
    #[serde(default = "default_end")]
    end_learning_rate: f64,
    #[serde(default = "default_power")]
    power: f64,
    #[serde(default)]
    cycle: bool,
    #[serde(default = "polynomial_name")]
    name: String,
}

fn default_end() -> f64 {
    0.0001
}

fn default_power() -> f64 {
    1.0
}

fn polynomial_name() -> String {
    "PolynomialDecay".into()
}

impl PolynomialDecay {
    /// The first rate, and the number of steps, at least 1, that the decay takes.
    pub fn new(initial_learning_rate: f64, decay_steps: u64) -> Self {
        PolynomialDecay {
            initial_learning_rate,
            decay_steps: decay_steps as f64,
            end_learning_rate: default_end(),
            power: default_power(),
            cycle: false,
            name: polynomial_name(),
        }
    }

    /// The last rate; default 0.0001.
    pub fn end_learning_rate(mut self, end_learning_rate: f64) -> Self {
        self.end_learning_rate = end_learning_rate;
        self
    }

    /// The power; default 1, a straight line.
    pub fn power(mut self, power: f64) -> Self {
        self.power = power;
        self
    }

    /// Whether the rate rises again after the decay; default false.
    pub fn cycle(mut self, cycle: bool) -> Self {
        self.cycle = cycle;
        self
    }
}

impl Schedule for PolynomialDecay {
    fn learning_rate(&self, step: u64) -> f64 {
        let step = step as f64;
        let part = if self.cycle {
            let times = (step / self.decay_steps).ceil().max(1.0);
            step / (self.decay_steps * times)
        } else {
            step.min(self.decay_steps) / self.decay_steps
        };
        let above = self.initial_learning_rate - self.end_learning_rate;
        above * (1.0 - part).powf(self.power) + self.end_learning_rate
    }

    fn check(&self) -> Result<()> {
        check_steps("PolynomialDecay.decay_steps", self.decay_steps)
    }
}
