//! Images whose sides have another ratio than is wanted.

use super::super::{Operand, pad, slice_axis};
use super::images;
use crate::{Result, Tensor};

/// The largest part in the middle of images `[batch, rows, columns, channels]` with the ratio of `size`, `[rows, columns]`.
///
/// ```
/// use keras_tensor::{DType, ops};
/// let x = ops::zeros([1, 10, 4, 3], DType::F32)?;
/// assert_eq!(ops::crop_to_ratio(&x, [1, 2])?.shape().to_string(), "(1, 2, 4, 3)");
/// # Ok::<(), keras_tensor::Error>(())
/// ```
///
/// # Errors
/// No images.
pub fn crop_to_ratio(x: impl Operand, size: [usize; 2]) -> Result<Tensor> {
    let x = x.tensor()?;
    let [_, rows, columns, _] = images(&x, "crop_to_ratio")?;
    let [new_rows, new_columns] = other_sides([rows, columns], size);
    let (new_rows, new_columns) = (new_rows.min(rows).max(1), new_columns.min(columns).max(1));
    let x = slice_axis(&*x, 1, (rows - new_rows) / 2, new_rows)?;
    slice_axis(&x, 2, (columns - new_columns) / 2, new_columns)
}

/// Images `[batch, rows, columns, channels]` in the middle of a value, so that their sides have the ratio of `size`,
/// `[rows, columns]`.
///
/// # Errors
/// No images.
pub fn pad_to_ratio(x: impl Operand, size: [usize; 2], value: f64) -> Result<Tensor> {
    let x = x.tensor()?;
    let [_, rows, columns, _] = images(&x, "pad_to_ratio")?;
    let [new_rows, new_columns] = other_sides([rows, columns], size);
    // Where the sum is odd, Keras leaves the last one out.
    let around = |old: usize, new: usize| [new.saturating_sub(old) / 2; 2].into();
    let widths = [
        (0, 0),
        around(rows, new_rows),
        around(columns, new_columns),
        (0, 0),
    ];
    pad(&*x, &widths, value)
}

/// Each side as it would have to be beside the other one; in 32 bits, as Keras computes it.
fn other_sides([rows, columns]: [usize; 2], size: [usize; 2]) -> [usize; 2] {
    let side = |other: usize, of: usize, to: usize| ((other * of) as f32 / to as f32) as usize;
    [
        side(columns, size[0], size[1]),
        side(rows, size[1], size[0]),
    ]
}
