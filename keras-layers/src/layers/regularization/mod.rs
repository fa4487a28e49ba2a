//! Layers that keep a network from learning its training data by heart.

mod activity_regularization;
mod alpha_dropout;
mod dropout;
mod gaussian;
mod noise;
mod spatial_dropout;

pub use activity_regularization::ActivityRegularization;
pub use alpha_dropout::AlphaDropout;
pub use dropout::Dropout;
pub use gaussian::{GaussianDropout, GaussianNoise};
pub(super) use noise::dropped;
pub use spatial_dropout::{SpatialDropout1D, SpatialDropout2D, SpatialDropout3D};

use keras_tensor::registry::Entry;

use super::entry;
use crate::Layer;

pub(super) const TABLE: &[Entry<dyn Layer>] = &[
    entry::<ActivityRegularization>("ActivityRegularization"),
    entry::<AlphaDropout>("AlphaDropout"),
    entry::<Dropout>("Dropout"),
    entry::<GaussianDropout>("GaussianDropout"),
    entry::<GaussianNoise>("GaussianNoise"),
    entry::<SpatialDropout1D>("SpatialDropout1D"),
    entry::<SpatialDropout2D>("SpatialDropout2D"),
    entry::<SpatialDropout3D>("SpatialDropout3D"),
];
