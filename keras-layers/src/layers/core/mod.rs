//! Layers that everything is made of.

mod activation;
mod dense;
mod input;

pub use activation::Activation;
pub use dense::Dense;
pub use input::{Input, InputLayer};

use keras_tensor::registry::Entry;

use super::entry;
use crate::Layer;

pub(super) const TABLE: &[Entry<dyn Layer>] = &[
    entry::<Activation>("Activation"),
    entry::<Dense>("Dense"),
    entry::<InputLayer>("InputLayer"),
];
