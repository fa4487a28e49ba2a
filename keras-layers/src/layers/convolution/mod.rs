//! Convolutions, written once for one, two and three dimensions.

mod conv;
mod depthwise;
mod local;
mod locally_connected;
mod separable;
mod transpose;
mod window;

pub use conv::{Conv1D, Conv2D, Conv3D};
pub use depthwise::{DepthwiseConv1D, DepthwiseConv2D};
pub use locally_connected::{LocallyConnected1D, LocallyConnected2D};
pub use separable::{SeparableConv1D, SeparableConv2D};
pub use transpose::{Conv1DTranspose, Conv2DTranspose, Conv3DTranspose};

use keras_tensor::registry::Entry;

use super::entry;
use crate::Layer;

pub(super) const TABLE: &[Entry<dyn Layer>] = &[
    entry::<Conv1D>("Conv1D"),
    entry::<Conv2D>("Conv2D"),
    entry::<Conv3D>("Conv3D"),
    entry::<Conv1DTranspose>("Conv1DTranspose"),
    entry::<Conv2DTranspose>("Conv2DTranspose"),
    entry::<Conv3DTranspose>("Conv3DTranspose"),
    entry::<DepthwiseConv1D>("DepthwiseConv1D"),
    entry::<DepthwiseConv2D>("DepthwiseConv2D"),
    entry::<LocallyConnected1D>("LocallyConnected1D"),
    entry::<LocallyConnected2D>("LocallyConnected2D"),
    entry::<SeparableConv1D>("SeparableConv1D"),
    entry::<SeparableConv2D>("SeparableConv2D"),
];
