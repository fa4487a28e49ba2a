//! Layers that keep a network from learning its training data by heart.

mod dropout;

pub use dropout::Dropout;
pub(super) use dropout::dropped;

use keras_tensor::registry::Entry;

use super::entry;
use crate::Layer;

pub(super) const TABLE: &[Entry<dyn Layer>] = &[entry::<Dropout>("Dropout")];
