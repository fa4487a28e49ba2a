//! Layers that move elements and compute nothing.

mod border;
mod cropping;
mod flatten;
mod permute;
mod repeat_vector;
mod reshape;
mod up_sampling;
mod zero_padding;

pub use border::Border;
pub use cropping::{Cropping1D, Cropping2D, Cropping3D};
pub use flatten::Flatten;
pub use permute::Permute;
pub use repeat_vector::RepeatVector;
pub use reshape::Reshape;
pub use up_sampling::{UpSampling1D, UpSampling2D, UpSampling3D};
pub use zero_padding::{ZeroPadding1D, ZeroPadding2D, ZeroPadding3D};

use keras_tensor::registry::Entry;

use super::entry;
use crate::Layer;

pub(super) const TABLE: &[Entry<dyn Layer>] = &[
    entry::<Cropping1D>("Cropping1D"),
    entry::<Cropping2D>("Cropping2D"),
    entry::<Cropping3D>("Cropping3D"),
    entry::<Flatten>("Flatten"),
    entry::<Permute>("Permute"),
    entry::<RepeatVector>("RepeatVector"),
    entry::<Reshape>("Reshape"),
    entry::<ZeroPadding1D>("ZeroPadding1D"),
    entry::<ZeroPadding2D>("ZeroPadding2D"),
    entry::<ZeroPadding3D>("ZeroPadding3D"),
    entry::<UpSampling1D>("UpSampling1D"),
    entry::<UpSampling2D>("UpSampling2D"),
    entry::<UpSampling3D>("UpSampling3D"),
];
