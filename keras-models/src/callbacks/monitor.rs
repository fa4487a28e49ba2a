//! Watching one number for getting better.

use keras_metrics::metrics::Direction;
use keras_tensor::{Error, Result};

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

/// The number that is watched, and the best that it has been.
#[derive(Clone, Debug)]
pub(super) struct Monitor {
    pub(super) name: String,
    pub(super) mode: Mode,
    pub(super) min_delta: f64,
    up: bool,
}

impl Monitor {
    pub(super) fn new(name: &str) -> Self {
        Monitor {
            name: name.to_string(),
            mode: Mode::Auto,
            min_delta: 0.0,
            up: false,
        }
    }

    /// Finds out which way is better, where that is left to the metric.
    pub(super) fn decide(&mut self, callback: &str, model: &Model) -> Result<()> {
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
    pub(super) fn is_better(&self, value: f64, best: Option<f64>) -> bool {
        match best {
            None => !value.is_nan(),
            Some(best) if self.up => value - self.min_delta.abs() > best,
            Some(best) => value + self.min_delta.abs() < best,
        }
    }

    /// The watched number of this epoch.
    pub(super) fn value(&self, logs: &Logs) -> Option<f64> {
        logs.get(&self.name)
    }

    /// The error for a name that no epoch ever had.
    pub(super) fn missing(&self, callback: &str, logs: &Logs) -> Error {
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
