//! Layers that bring data into the form that networks want.

mod normalization;
mod numbers;
mod rescaling;

pub use normalization::Normalization;
pub use numbers::Numbers;
pub use rescaling::Rescaling;

use keras_tensor::registry::Entry;

use super::entry;
use crate::Layer;

pub(super) const TABLE: &[Entry<dyn Layer>] = &[
    entry::<Normalization>("Normalization"),
    entry::<Rescaling>("Rescaling"),
];
