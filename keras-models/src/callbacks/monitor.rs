//! Watching one number for getting better.

use keras_metrics::metrics::Direction;
use keras_tensor::{Error, Result};
use serde_json::Value;

use crate::{Logs, Model};

/// Which way is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Told by the metric of the monitored name; losses down. An error where the metric does not know.
    #[default]
    Auto,
    /// Down.
    Min,
    /// Up.
    Max,
}

/// A number that a callback watches, and which way it gets better.
#[derive(Clone, Debug)]
pub struct Monitor {
    /// The name in the logs.
    pub name: String,
    /// Which way is better.
    pub mode: Mode,
    /// What counts as better: more than this.
    pub min_delta: f64,
    up: bool,
}

impl Monitor {
    /// Any change of this number counts; its metric tells which way is better.
    pub fn new(name: &str) -> Self {
        Monitor {
            name: name.to_string(),
            mode: Mode::Auto,
            min_delta: 0.0,
            up: false,
        }
    }

    /// Finds out which way is better, where that is left to the metric.
    ///
    /// # Errors
    /// The metric does not know, or the model is not compiled; the message names the callback.
    pub fn decide(&mut self, callback: &str, model: &Model) -> Result<()> {
        self.up = match self.mode {
            Mode::Min => false,
            Mode::Max => true,
            Mode::Auto => {
                let name = self.name.strip_prefix("val_").unwrap_or(&self.name);
                let direction = match name {
                    "loss" => Some(Direction::Down),
                    name => model.compiled()?.watched.direction(name),
                };
                direction.ok_or_else(|| self.undecided(callback))? == Direction::Up
            }
        };
        Ok(())
    }

    fn undecided(&self, callback: &str) -> Error {
        Error::argument(
            format!("{callback}.monitor"),
            format!("{:?}", self.name),
            "the name of a metric that knows which way is better, or a `mode`: Mode::Min or Mode::Max",
        )
    }

    /// Whether `value` is better than `best` by more than `min_delta`; anything is better than nothing.
    pub fn is_better(&self, value: f64, best: Option<f64>) -> bool {
        match best {
            None => !value.is_nan(),
            Some(best) if self.up => value - self.min_delta.abs() > best,
            Some(best) => value + self.min_delta.abs() < best,
        }
    }

    /// The watched number of this epoch.
    pub fn value(&self, logs: &Logs) -> Option<f64> {
        logs.get(&self.name)
    }

    /// The error for a name that no epoch ever had.
    pub fn missing(&self, callback: &str, logs: &Logs) -> Error {
        let known: Vec<&str> = logs.names().collect();
        Error::argument(
            format!("{callback}.monitor"),
            format!("{:?}", self.name),
            format!(
                "one of the numbers that training makes: {}",
                known.join(", ")
            ),
        )
    }
}

/// The best number in a callback's state, every bit of it.
pub(super) fn to_bits(best: Option<f64>) -> Value {
    best.map(f64::to_bits).into()
}

/// The best number that a callback's state holds.
pub(super) fn from_bits(best: &Value) -> Option<f64> {
    best.as_u64().map(f64::from_bits)
}

/// A count that a callback's state holds.
pub(super) fn count(value: &Value) -> usize {
    value.as_u64().unwrap_or(0) as usize
}
