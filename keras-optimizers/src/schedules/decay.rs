use keras_tensor::Result;
use serde::{Deserialize, Serialize};

use super::{Schedule, check_steps, write_steps};

/// `initial_learning_rate * decay_rate ^ (step / decay_steps)`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExponentialDecay {
    initial_learning_rate: f64,
    #[serde(serialize_with = "write_steps")]
    decay_steps: f64,
    decay_rate: f64,
    #[serde(default)]
    staircase: bool,
    #[serde(default = "exponential_name")]
    name: String,
}

fn exponential_name() -> String {
    "ExponentialDecay".into()
}

impl ExponentialDecay {
    /// The first rate, the number of steps, at least 1, of one decay, and what a decay multiplies the rate by.
    pub fn new(initial_learning_rate: f64, decay_steps: u64, decay_rate: f64) -> Self {
        ExponentialDecay {
            initial_learning_rate,
            decay_steps: decay_steps as f64,
            decay_rate,
            staircase: false,
            name: exponential_name(),
        }
    }

    /// Whether the rate falls only where a whole decay is over; default false.
    pub fn staircase(mut self, staircase: bool) -> Self {
        self.staircase = staircase;
        self
    }
}

impl Schedule for ExponentialDecay {
    fn learning_rate(&self, step: u64) -> f64 {
        let decays = decays(step, self.decay_steps, self.staircase);
        self.initial_learning_rate * self.decay_rate.powf(decays)
    }

    fn check(&self) -> Result<()> {
        check_steps("ExponentialDecay.decay_steps", self.decay_steps)
    }
}

/// `initial_learning_rate / (1 + decay_rate * step / decay_steps)`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InverseTimeDecay {
    initial_learning_rate: f64,
    #[serde(serialize_with = "write_steps")]
    decay_steps: f64,
    decay_rate: f64,
    #[serde(default)]
    staircase: bool,
    #[serde(default = "inverse_time_name")]
    name: String,
}

fn inverse_time_name() -> String {
    "InverseTimeDecay".into()
}

impl InverseTimeDecay {
    /// The first rate, the number of steps, at least 1, of one decay, and what a decay adds to the divisor.
    pub fn new(initial_learning_rate: f64, decay_steps: u64, decay_rate: f64) -> Self {
        InverseTimeDecay {
            initial_learning_rate,
            decay_steps: decay_steps as f64,
            decay_rate,
            staircase: false,
            name: inverse_time_name(),
        }
    }

    /// Whether the rate falls only where a whole decay is over; default false.
    pub fn staircase(mut self, staircase: bool) -> Self {
        self.staircase = staircase;
        self
    }
}

impl Schedule for InverseTimeDecay {
    fn learning_rate(&self, step: u64) -> f64 {
        let decays = decays(step, self.decay_steps, self.staircase);
        self.initial_learning_rate / (1.0 + self.decay_rate * decays)
    }

    fn check(&self) -> Result<()> {
        check_steps("InverseTimeDecay.decay_steps", self.decay_steps)
    }
}

fn decays(step: u64, decay_steps: f64, staircase: bool) -> f64 {
    let decays = step as f64 / decay_steps;
    if staircase { decays.floor() } else { decays }
}
