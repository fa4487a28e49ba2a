//! Functions on images `[batch, rows, columns, channels]`, as in `keras.ops.image`.

mod affine;
mod ratio;
mod resize;

pub use affine::{FillMode, affine_transform};
pub use ratio::{crop_to_ratio, pad_to_ratio};
pub use resize::{Interpolation, resize, resize_antialiased};

use crate::{Error, Result, Tensor};

/// The axes of images, which there must be four of.
fn images(x: &Tensor, what: &'static str) -> Result<[usize; 4]> {
    x.shape()[..].try_into().map_err(|_| {
        let wanted = "images of shape [batch, rows, columns, channels]";
        Error::shape(what, &[x.shape()], wanted)
    })
}
