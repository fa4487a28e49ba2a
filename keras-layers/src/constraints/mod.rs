//! What holds for a weight after each update.

mod norms;

pub use norms::{MaxNorm, MinMaxNorm, NonNeg, UnitNorm};

use keras_tensor::registry::Entry;
use keras_tensor::{Result, Tensor, family};
use std::any::Any;

/// Brings a weight back to where it must be.
pub trait Constrain: Any + Send + Sync {
    /// The weight, changed as little as is needed.
    ///
    /// # Errors
    /// An axis that the weight does not have.
    fn constrain(&self, weight: &Tensor) -> Result<Tensor>;
}

family! {
    /// A constraint, by name (`"non_neg"`) or as a value.
    Constraint of Constrain, "constraint", "keras.constraints", &[TABLE]
}

const TABLE: &[Entry<dyn Constrain>] = &[
    entry::<MaxNorm>("MaxNorm", &["max_norm"]),
    entry::<MinMaxNorm>("MinMaxNorm", &["min_max_norm"]),
    entry::<NonNeg>("NonNeg", &["non_neg", "nonneg"]),
    entry::<UnitNorm>("UnitNorm", &["unit_norm"]),
];
