//! Pictures brought to one size.

use keras_tensor::ops::{self, Interpolation};
use keras_tensor::{DType, Result, Tensor};

/// What becomes of pictures whose sides have another ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ratio {
    /// They are stretched.
    Stretched,
    /// The largest part in the middle with the right ratio is taken.
    Cropped,
    /// They lie in the middle of black.
    Padded,
}

/// A picture `[rows, columns, channels]` in another size, as float32.
pub(super) fn fitted(
    pixels: &Tensor,
    size: [usize; 2],
    interpolation: Interpolation,
    ratio: Ratio,
) -> Result<Tensor> {
    let (rows, columns) = (pixels.shape()[0], pixels.shape()[1]);
    let pixels = ops::expand_dims(ops::cast(pixels, DType::F32)?, 0)?;
    let resized = match ratio {
        Ratio::Stretched => ops::resize(pixels, size, interpolation),
        Ratio::Cropped => ops::resize(ops::crop_to_ratio(pixels, size)?, size, interpolation),
        Ratio::Padded => {
            let inner = within([rows, columns], size);
            let around = [0, 1].map(|i| {
                let (inner, before) = inner[i];
                let before = before.min(size[i] - inner);
                (before, size[i] - inner - before)
            });
            let pixels = ops::resize(pixels, inner.map(|(inner, _)| inner), interpolation)?;
            ops::pad(pixels, &[(0, 0), around[0], around[1], (0, 0)], 0.0)
        }
    };
    ops::squeeze(resized?, 0)
}

/// The largest size within `size` that has the ratio of a picture, and how far from the edge it begins.
fn within(picture: [usize; 2], size: [usize; 2]) -> [(usize, usize); 2] {
    // In 32 bits, as TensorFlow does it.
    let ratio = [0, 1].map(|i| picture[i] as f32 / size[i] as f32);
    let largest = ratio[0].max(ratio[1]);
    [0, 1].map(|i| {
        let inner = picture[i] as f32 / largest;
        let before = ((size[i] as f32 - inner) / 2.0).max(0.0);
        ((inner as usize).clamp(1, size[i]), before as usize)
    })
}
