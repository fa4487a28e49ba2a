use keras_tensor::{Error, Result};
use serde::{Deserialize, Serialize, Serializer};

use super::Schedule;

/// `values[0]` up to and with step `boundaries[0]`, then `values[1]` up to and with step `boundaries[1]`, and so on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PiecewiseConstantDecay {
    #[serde(serialize_with = "write_boundaries")]
    boundaries: Vec<f64>,
    values: Vec<f64>,
    #[serde(default = "piecewise_name")]
    name: String,
}

fn piecewise_name() -> String {
    "PiecewiseConstant".into()
}

fn write_boundaries<S: Serializer>(boundaries: &[f64], s: S) -> Result<S::Ok, S::Error> {
    /// A number that is written as Keras writes steps.
    #[derive(Serialize)]
    #[serde(transparent)]
    struct Steps(#[serde(serialize_with = "super::write_steps")] f64);
    s.collect_seq(boundaries.iter().map(|b| Steps(*b)))
}

impl PiecewiseConstantDecay {
    /// Steps in increasing order, and the rates between them: one more than there are boundaries.
    pub fn new(boundaries: &[u64], values: &[f64]) -> Self {
        PiecewiseConstantDecay {
            boundaries: boundaries.iter().map(|b| *b as f64).collect(),
            values: values.to_vec(),
            name: piecewise_name(),
        }
    }
}

impl Schedule for PiecewiseConstantDecay {
    fn learning_rate(&self, step: u64) -> f64 {
        // Keras cuts boundaries off to the integer dtype of the step.
        let passed = |b: &&f64| step as f64 > b.trunc();
        self.values[self.boundaries.iter().filter(passed).count()]
    }

    fn check(&self) -> Result<()> {
        if self.values.len() == self.boundaries.len() + 1 {
            return Ok(());
        }
        Err(Error::argument(
            "PiecewiseConstantDecay.values",
            format!("{} values", self.values.len()),
            format!("one more than the {} boundaries", self.boundaries.len()),
        ))
    }
}
