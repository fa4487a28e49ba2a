//! Layers that bring values to a common scale.

mod batch_normalization;

pub use batch_normalization::BatchNormalization;

use keras_tensor::registry::Entry;

use super::entry;
use crate::Layer;

pub(super) const TABLE: &[Entry<dyn Layer>] = &[entry::<BatchNormalization>("BatchNormalization")];
