//! Activation functions with arguments, as layers.

mod elu;
mod leaky_relu;
mod prelu;
mod relu;
mod softmax;
mod thresholded_relu;

pub use elu::ELU;
pub use leaky_relu::LeakyReLU;
pub use prelu::PReLU;
pub use relu::ReLU;
pub use softmax::Softmax;
pub use thresholded_relu::ThresholdedReLU;

use keras_tensor::registry::Entry;

use super::entry;
use crate::Layer;

pub(super) const TABLE: &[Entry<dyn Layer>] = &[
    entry::<ELU>("ELU"),
    entry::<LeakyReLU>("LeakyReLU"),
    entry::<PReLU>("PReLU"),
    entry::<ReLU>("ReLU"),
    entry::<Softmax>("Softmax"),
    entry::<ThresholdedReLU>("ThresholdedReLU"),
];
