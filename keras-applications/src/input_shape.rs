//! What shape the images have, and which ones an architecture can take.

use keras_layers::Dims;
use keras_tensor::Result;

use crate::Application;

/// The shape of an image, `[rows, columns, channels]`, as Keras finds it for these arguments.
///
/// # Errors
/// A shape that is not that of an image, too small, or not what the weights were trained on.
pub(crate) fn obtain(a: &Application) -> Result<Dims> {
    let size = (a.architecture.default_size)(a);
    let needs_size = a.include_top && !a.architecture.any_size;
    let wrong = |got: &Dims, wanted: String| a.wrong("input_shape", got, wanted);
    let Some(shape) = &a.input_shape else {
        return Ok(match needs_size || a.architecture.sized_anyway {
            true => [size, size, 3].into(),
            false => [None, None, Some(3)].into(),
        });
    };
    let &[rows, columns, channels] = &**shape else {
        let wanted = "three sizes: rows, columns, channels; the batch axis is not among them";
        return Err(wrong(shape, wanted.into()));
    };
    if channels.is_none_or(|n| n == 0) {
        let wanted = "a known number of channels, because kernels have that size";
        return Err(wrong(shape, wanted.into()));
    }
    if a.is_imagenet() {
        let trained: Dims = [size, size, 3].into();
        if needs_size && *shape != trained {
            let wanted = format!(
                "{trained}, because the top was trained on ImageNet at this size; other sizes need `include_top(false)` or `weights(None)`"
            );
            return Err(wrong(shape, wanted));
        }
        if channels != Some(3) {
            return Err(wrong(
                shape,
                "3 channels, because the images of ImageNet have as many".into(),
            ));
        }
    }
    let least = a.architecture.min_size;
    if [rows, columns].into_iter().flatten().any(|n| n < least) {
        let wanted = format!(
            "at least {least} rows and columns, because the network halves them again and again"
        );
        return Err(wrong(shape, wanted));
    }
    if needs_size && [rows, columns].contains(&None) {
        return Err(wrong(
            shape,
            "known sizes, because the top is included".into(),
        ));
    }
    Ok(shape.clone())
}
