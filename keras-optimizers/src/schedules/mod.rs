//! Learning rates that change with the number of steps.

mod cosine;
mod decay;
mod piecewise;
mod polynomial;

pub use cosine::{CosineDecay, CosineDecayRestarts};
pub use decay::{ExponentialDecay, InverseTimeDecay};
pub use piecewise::PiecewiseConstantDecay;
pub use polynomial::PolynomialDecay;

use keras_tensor::registry::Entry;
use keras_tensor::{Error, Result, family};
use serde::Serializer;
use std::any::Any;

/// Makes a learning rate of the number of steps so far.
pub trait Schedule: Any + Send + Sync {
    /// The learning rate of the step that follows `step` others.
    fn learning_rate(&self, step: u64) -> f64;

    /// Checks the arguments, before an optimizer first uses the schedule.
    ///
    /// # Errors
    /// An argument out of its range.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

family! {
    /// A schedule, as a value or from a config.
    ScheduleSetting of Schedule, "learning-rate schedule", "keras.optimizers.schedules", &[TABLE]
}

const TABLE: &[Entry<dyn Schedule>] = &[
    entry::<CosineDecay>("CosineDecay", &[]),
    entry::<CosineDecayRestarts>("CosineDecayRestarts", &[]),
    entry::<ExponentialDecay>("ExponentialDecay", &[]),
    entry::<InverseTimeDecay>("InverseTimeDecay", &[]),
    entry::<PiecewiseConstantDecay>("PiecewiseConstantDecay", &[]),
    entry::<PolynomialDecay>("PolynomialDecay", &[]),
];

fn check_steps(argument: &str, steps: f64) -> Result<()> {
    if steps > 0.0 {
        return Ok(());
    }
    Err(Error::argument(argument, steps, "a number above 0"))
}

/// Writes a number of steps as Keras does, which mostly has an integer there.
fn write_steps<S: Serializer>(steps: &f64, s: S) -> std::result::Result<S::Ok, S::Error> {
    if steps.fract() == 0.0 && (0.0..9e15).contains(steps) {
        s.serialize_u64(*steps as u64)
    } else {
        s.serialize_f64(*steps)
    }
}
