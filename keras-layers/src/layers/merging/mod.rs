//! Layers that make one tensor of several.

mod concatenate;
mod dot;
mod elementwise;
mod merge;

pub use concatenate::Concatenate;
pub use dot::{Dot, DotAxes};
pub use elementwise::{Add, Average, Maximum, Minimum, Multiply, Subtract};

use keras_tensor::registry::Entry;

use super::entry;
use crate::Layer;

pub(super) const TABLE: &[Entry<dyn Layer>] = &[
    entry::<Add>("Add"),
    entry::<Average>("Average"),
    entry::<Concatenate>("Concatenate"),
    entry::<Dot>("Dot"),
    entry::<Maximum>("Maximum"),
    entry::<Minimum>("Minimum"),
    entry::<Multiply>("Multiply"),
    entry::<Subtract>("Subtract"),
];
