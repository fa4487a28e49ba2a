//! Weights files: `.weights.h5` of Keras 3, and the legacy layout of Keras 1, 2 and 3.

mod convert;
pub(crate) mod legacy;
pub(crate) mod optimizer;
mod read;
pub(crate) mod shards;
mod walk;
mod write;

pub(crate) use read::{Plan, Stored, in_layer, numbered, read};
pub(crate) use write::write;

/// The group of a backup that holds where training stands, beside the weights.
pub(crate) const TRAINING_STATE: &str = "training_state";
