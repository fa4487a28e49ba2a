//! Pooling.

use super::operand::floating;
use super::{Operand, Padding, concatenate, max, mean, slice_axis};
use crate::op::{Pool, PoolPart, Spatial};
use crate::{Error, Op, Result, Tensor, apply_one};

/// How a window is folded to one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The largest.
    Max,
    /// The mean of those that are there; padding does not count.
    Average,
}

/// Windows of `x` `[batch, ..space, channels]` folded to one element each, with one to three axes of space.
///
/// ```
/// use keras_tensor::Tensor;
/// use keras_tensor::ops::{Padding, Pooling, pool};
/// let x = Tensor::new(&[1.0f32, 5.0, 3.0], [1, 3, 1])?;
/// let y = pool(&x, Pooling::Average, &[2], &[2], Padding::Same)?;
/// assert_eq!(y.to_f64_vec()?, [3.0, 3.0]); // the second window has one element
/// # Ok::<(), keras_tensor::Error>(())
/// ```
///
/// # Errors
/// A window that does not fit anywhere, or not one size for each axis of space.
pub fn pool(
    x: impl Operand,
    pooling: Pooling,
    window: &[usize],
    strides: &[usize],
    padding: Padding,
) -> Result<Tensor> {
    let x = floating(&x)?;
    let space = x.rank().saturating_sub(2);
    if window.len() != space || strides.len() != space || window.contains(&0) {
        return Err(Error::shape(
            "pooling",
            &[x.shape()],
            format!(
                "as many axes of space as the window {window:?} and the strides {strides:?} have"
            ),
        ));
    }
    let once = Spatial::from_elem(1, space);
    let pool = Pool {
        part: match pooling {
            Pooling::Max => PoolPart::Max,
            Pooling::Average => PoolPart::Mean,
        },
        window: window.into(),
        strides: strides.into(),
        padding: padding.amounts(&x.shape()[1..=space], window, strides, &once),
        sizes: Spatial::new(),
    };
    apply_one(Op::Pool(pool), &[&x])
}

/// Windows of `x` `[batch, ..space, channels]` that are as even as they can be for an output of these sizes in space:
/// along an axis of `n` elements, window `i` of `size` reaches from `floor(i n / size)` to `ceil((i + 1) n / size)`.
///
/// # Errors
/// Not one size for each axis of space, or a size of 0.
pub fn adaptive_pool(x: impl Operand, pooling: Pooling, sizes: &[usize]) -> Result<Tensor> {
    let mut y = x.tensor()?.into_owned();
    if y.rank() != sizes.len() + 2 || sizes.contains(&0) {
        let wanted = format!("as many axes of space as there are output sizes, {sizes:?}");
        return Err(Error::shape("adaptive pooling", &[y.shape()], wanted));
    }
    for (i, &size) in sizes.iter().enumerate() {
        let axis = i + 1;
        let n = y.shape()[axis];
        let window = |i: usize| {
            let (begin, end) = (i * n / size, ((i + 1) * n).div_ceil(size));
            let part = slice_axis(&y, axis as isize, begin, end - begin)?;
            let folded = match pooling {
                Pooling::Max => max(&part, axis as isize)?,
                Pooling::Average => mean(&part, axis as isize)?,
            };
            super::expand_dims(folded, axis as isize)
        };
        let windows = (0..size).map(window).collect::<Result<Vec<_>>>()?;
        let windows: Vec<&Tensor> = windows.iter().collect();
        y = concatenate(&windows, axis as isize)?;
    }
    Ok(y)
}
