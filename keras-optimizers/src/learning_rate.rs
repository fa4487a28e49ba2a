use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::schedules::{Schedule, ScheduleSetting};

/// A learning rate: a number, or a schedule that makes one of the number of steps.
///
/// Functions take `impl Into<LearningRate>`: `0.001`, or `CosineDecay::new(0.1, 1000)`.
#[derive(Clone, Debug)]
pub enum LearningRate {
    /// The same until [`Optimizer::set_learning_rate`](crate::Optimizer::set_learning_rate) changes it.
    Value(f64),
    /// Computed from the number of steps.
    Schedule(ScheduleSetting),
}

impl From<f64> for LearningRate {
    fn from(rate: f64) -> Self {
        LearningRate::Value(rate)
    }
}

impl<S: Schedule> From<S> for LearningRate {
    fn from(schedule: S) -> Self {
        LearningRate::Schedule(schedule.into())
    }
}

impl From<ScheduleSetting> for LearningRate {
    fn from(schedule: ScheduleSetting) -> Self {
        LearningRate::Schedule(schedule)
    }
}

impl Serialize for LearningRate {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            // Keras keeps the rate in a float32 variable and writes what that holds.
            LearningRate::Value(rate) => s.serialize_f64(*rate as f32 as f64),
            LearningRate::Schedule(schedule) => schedule.serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for LearningRate {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let json = Value::deserialize(d)?;
        match json.as_f64() {
            Some(rate) => Ok(LearningRate::Value(rate)),
            None => ScheduleSetting::from_json(&json)
                .map(LearningRate::Schedule)
                .map_err(serde::de::Error::custom),
        }
    }
}
