//! Activation functions with arguments, as layers.

mod leaky_relu;
mod relu;
mod softmax;

pub use leaky_relu::LeakyReLU;
pub use relu::ReLU;
pub use softmax::Softmax;

use keras_tensor::registry::Entry;

use super::entry;
use crate::Layer;

pub(super) const TABLE: &[Entry<dyn Layer>] = &[
    entry::<LeakyReLU>("LeakyReLU"),
    entry::<ReLU>("ReLU"),
    entry::<Softmax>("Softmax"),
];
