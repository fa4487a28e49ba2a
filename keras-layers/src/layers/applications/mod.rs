//! Layers that only networks of `keras.applications` have; they stand here so that files with them open.

mod custom_scale_layer;
mod layer_scale;
mod stochastic_depth;

pub use custom_scale_layer::CustomScaleLayer;
pub use layer_scale::LayerScale;
pub use stochastic_depth::StochasticDepth;

use keras_tensor::registry::Entry;

use super::entry;
use crate::Layer;

pub(super) const TABLE: &[Entry<dyn Layer>] = &[
    entry::<CustomScaleLayer>("CustomScaleLayer"),
    entry::<LayerScale>("LayerScale"),
    entry::<StochasticDepth>("StochasticDepth"),
];

/// Where Keras has the layers of ConvNeXt.
const CONVNEXT: &str = "keras.src.applications.convnext";
