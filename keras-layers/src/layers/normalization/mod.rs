//! Layers that bring values to a common scale.

mod batch_normalization;
mod group_normalization;
mod layer_normalization;
mod renorm;
mod rms_normalization;
mod scale;
mod spectral_normalization;
mod unit_normalization;

pub use batch_normalization::BatchNormalization;
pub use group_normalization::GroupNormalization;
pub use layer_normalization::LayerNormalization;
pub use renorm::RenormClipping;
pub use rms_normalization::RMSNormalization;
pub(super) use scale::{sizes, spread};
pub use spectral_normalization::SpectralNormalization;
pub use unit_normalization::UnitNormalization;

use keras_tensor::registry::Entry;

use super::entry;
use crate::Layer;

pub(super) const TABLE: &[Entry<dyn Layer>] = &[
    entry::<BatchNormalization>("BatchNormalization"),
    entry::<GroupNormalization>("GroupNormalization"),
    entry::<LayerNormalization>("LayerNormalization"),
    entry::<RMSNormalization>("RMSNormalization"),
    entry::<SpectralNormalization>("SpectralNormalization"),
    entry::<UnitNormalization>("UnitNormalization"),
];
