//! Layers on images `[batch, rows, columns, channels]` or on a single one; those that draw do nothing at inference.

mod bounds;
mod center_crop;
mod random_flip;
mod random_rotation;
mod random_translation;
mod random_zoom;
mod resizing;

pub use bounds::Bounds;
pub use center_crop::CenterCrop;
pub use random_flip::RandomFlip;
pub use random_rotation::RandomRotation;
pub use random_translation::RandomTranslation;
pub use random_zoom::RandomZoom;
pub use resizing::Resizing;

use keras_tensor::ops::{FillMode, Interpolation};
use keras_tensor::{DType, Distribution, Error, Result, Tensor, ops};

use crate::{DataFormat, Seed};

/// The same work on a batch of images whose channels come last, whatever the form of `x`.
fn on_images(
    x: &Tensor,
    data_format: &DataFormat,
    work: &mut dyn FnMut(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let is_single = x.rank() == 3;
    let x = match x.rank() {
        3 => ops::expand_dims(x, 0)?,
        4 => x.clone(),
        _ => {
            let wanted =
                "images of shape [batch, rows, columns, channels], or one without the batch axis";
            return Err(Error::shape("an image layer", &[x.shape()], wanted));
        }
    };
    let y = data_format.channels_last(&x, work)?;
    match is_single {
        true => ops::squeeze(y, 0),
        false => Ok(y),
    }
}

/// A number for each image, even between the bounds.
fn drawn(x: &Tensor, [low, high]: [f64; 2], seed: &Seed) -> Result<Vec<f32>> {
    let even = Distribution::Uniform { low, high };
    ops::random(even, [x.shape()[0]], DType::F32, &seed.next()?)?.to_vec()
}

/// The names of a layer that moves images, which must be known.
fn moving(interpolation: &str, fill_mode: &str) -> Result<(Interpolation, FillMode)> {
    let found = interpolation.parse()?;
    if !matches!(found, Interpolation::Nearest | Interpolation::Bilinear) {
        let wanted = "nearest or bilinear";
        return Err(Error::argument("interpolation", interpolation, wanted));
    }
    Ok((found, fill_mode.parse()?))
}
