//! Pooling, written once for one, two and three dimensions.

mod adaptive;
mod global;
mod window;

pub use adaptive::{
    AdaptiveAveragePooling1D, AdaptiveAveragePooling2D, AdaptiveAveragePooling3D,
    AdaptiveMaxPooling1D, AdaptiveMaxPooling2D, AdaptiveMaxPooling3D,
};
pub use global::{
    GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D, GlobalMaxPooling1D,
    GlobalMaxPooling2D, GlobalMaxPooling3D,
};
pub use window::{
    AveragePooling1D, AveragePooling2D, AveragePooling3D, MaxPooling1D, MaxPooling2D, MaxPooling3D,
};

use keras_tensor::registry::Entry;
use keras_tensor::{Error, Result, Tensor};

use super::entry;
use crate::{DataFormat, Layer};

pub(super) const TABLE: &[Entry<dyn Layer>] = &[
    entry::<AdaptiveAveragePooling1D>("AdaptiveAveragePooling1D"),
    entry::<AdaptiveAveragePooling2D>("AdaptiveAveragePooling2D"),
    entry::<AdaptiveAveragePooling3D>("AdaptiveAveragePooling3D"),
    entry::<AdaptiveMaxPooling1D>("AdaptiveMaxPooling1D"),
    entry::<AdaptiveMaxPooling2D>("AdaptiveMaxPooling2D"),
    entry::<AdaptiveMaxPooling3D>("AdaptiveMaxPooling3D"),
    entry::<AveragePooling1D>("AveragePooling1D"),
    entry::<AveragePooling2D>("AveragePooling2D"),
    entry::<AveragePooling3D>("AveragePooling3D"),
    entry::<GlobalAveragePooling1D>("GlobalAveragePooling1D"),
    entry::<GlobalAveragePooling2D>("GlobalAveragePooling2D"),
    entry::<GlobalAveragePooling3D>("GlobalAveragePooling3D"),
    entry::<GlobalMaxPooling1D>("GlobalMaxPooling1D"),
    entry::<GlobalMaxPooling2D>("GlobalMaxPooling2D"),
    entry::<GlobalMaxPooling3D>("GlobalMaxPooling3D"),
    entry::<MaxPooling1D>("MaxPooling1D"),
    entry::<MaxPooling2D>("MaxPooling2D"),
    entry::<MaxPooling3D>("MaxPooling3D"),
];

/// `work` with channels last, on an input with this many axes of space.
fn channels_last(
    x: &Tensor,
    space: usize,
    data_format: &DataFormat,
    work: &mut dyn FnMut(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let rank = space + 2;
    if x.rank() != rank {
        let wanted = format!("{rank} axes: batch, {space} of space, channels");
        return Err(Error::shape("pooling", &[x.shape()], wanted));
    }
    data_format.channels_last(x, work)
}
