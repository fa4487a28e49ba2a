//! Layers that move elements and compute nothing.

mod flatten;
mod reshape;

pub use flatten::Flatten;
pub use reshape::Reshape;

use keras_tensor::registry::Entry;

use super::entry;
use crate::Layer;

pub(super) const TABLE: &[Entry<dyn Layer>] =
    &[entry::<Flatten>("Flatten"), entry::<Reshape>("Reshape")];
