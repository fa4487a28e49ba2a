//! Counts of hits and misses at thresholds, and what is made of them.

mod at;
mod auc;
mod cells;
mod count;
mod precision_recall;

pub use at::{
    PrecisionAtRecall, RecallAtPrecision, SensitivityAtSpecificity, SpecificityAtSensitivity,
};
pub use auc::{AUC, Curve, Summation};
pub use cells::{FalseNegatives, FalsePositives, TrueNegatives, TruePositives};
pub use precision_recall::{Precision, Recall};

use keras_tensor::{DType, Error, Result, Tensor, Variable, ops};
use serde::{Deserialize, Serialize};

use super::state::{State, add_to};
use count::Count;

/// Thresholds as Keras writes them: none for the default, one, or several.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Thresholds {
    /// The default.
    #[default]
    Default,
    /// One.
    One(f64),
    /// Several; the result then has one number for each.
    Several(Vec<f64>),
}

impl From<f64> for Thresholds {
    fn from(threshold: f64) -> Self {
        Thresholds::One(threshold)
    }
}

impl From<&[f64]> for Thresholds {
    fn from(thresholds: &[f64]) -> Self {
        Thresholds::Several(thresholds.to_vec())
    }
}

impl<const N: usize> From<[f64; N]> for Thresholds {
    fn from(thresholds: [f64; N]) -> Self {
        Thresholds::Several(thresholds.to_vec())
    }
}

impl Thresholds {
    /// The numbers, the default where none were given.
    fn values<'a>(&'a self, default: &'a f64) -> Result<&'a [f64]> {
        let values = match self {
            Thresholds::Default => return Ok(std::slice::from_ref(default)),
            Thresholds::One(t) => std::slice::from_ref(t),
            Thresholds::Several(all) => all,
        };
        match values.iter().find(|t| !(0.0..=1.0).contains(*t)) {
            Some(t) => Err(Error::argument("thresholds", t, "numbers from 0 to 1")),
            None => Ok(values),
        }
    }
}

/// The four counts of a metric, as many of them as it keeps.
#[derive(Debug, Default, Clone)]
struct Cells {
    true_positives: State,
    false_positives: State,
    true_negatives: State,
    false_negatives: State,
}

/// The variables of [`Cells`].
struct Variables<'a> {
    true_positives: &'a Variable,
    false_positives: &'a Variable,
    true_negatives: &'a Variable,
    false_negatives: &'a Variable,
}

impl Cells {
    fn of(&self, owner: &str, shape: &[usize], dtype: DType) -> Variables<'_> {
        let v = |state, name| State::variable(state, owner, name, shape, dtype);
        Variables {
            true_positives: v(&self.true_positives, "true_positives"),
            false_positives: v(&self.false_positives, "false_positives"),
            true_negatives: v(&self.true_negatives, "true_negatives"),
            false_negatives: v(&self.false_negatives, "false_negatives"),
        }
    }

    /// Those that were made, in Keras's order.
    fn made(&self) -> Vec<Variable> {
        let all = [
            &self.true_positives,
            &self.false_positives,
            &self.true_negatives,
            &self.false_negatives,
        ];
        all.into_iter().filter_map(State::made).cloned().collect()
    }
}

impl Variables<'_> {
    fn add(&self, count: &Count) -> Result<()> {
        add_to(self.true_positives, &count.true_positives)?;
        add_to(self.false_positives, &count.false_positives)?;
        add_to(self.true_negatives, &count.true_negatives()?)?;
        add_to(self.false_negatives, &count.false_negatives()?)
    }

    /// How many of the positives were found, also called sensitivity.
    fn recall(&self) -> Result<Tensor> {
        share(self.true_positives, self.false_negatives)
    }

    fn precision(&self) -> Result<Tensor> {
        share(self.true_positives, self.false_positives)
    }

    fn specificity(&self) -> Result<Tensor> {
        share(self.true_negatives, self.false_positives)
    }
}

/// `part / (part + rest)`, 0 where both are 0.
fn share(part: &Variable, rest: &Variable) -> Result<Tensor> {
    ops::divide_no_nan(part, ops::add(part, rest)?)
}

/// One number for one threshold, else one for each.
fn single_or_all(t: Tensor) -> Result<Tensor> {
    if t.shape()[..] == [1] {
        ops::reshape(&t, &[])
    } else {
        Ok(t)
    }
}
