//! Layers that bring data into the form that networks want.

mod image;
mod normalization;
mod numbers;
mod rescaling;

pub use image::{
    Bounds, CenterCrop, RandomFlip, RandomRotation, RandomTranslation, RandomZoom, Resizing,
};
pub use normalization::Normalization;
pub use numbers::Numbers;
pub use rescaling::Rescaling;

use keras_tensor::registry::Entry;

use super::entry;
use crate::Layer;

pub(super) const TABLE: &[Entry<dyn Layer>] = &[
    entry::<CenterCrop>("CenterCrop"),
    entry::<Normalization>("Normalization"),
    entry::<RandomFlip>("RandomFlip"),
    entry::<RandomRotation>("RandomRotation"),
    entry::<RandomTranslation>("RandomTranslation"),
    entry::<RandomZoom>("RandomZoom"),
    entry::<Rescaling>("Rescaling"),
    entry::<Resizing>("Resizing"),
];
