//! Convolution.

use super::operand::{floating, meet};
use super::{Operand, cast};
use crate::op::{Conv, ConvFused, ConvPart, Fused, Spatial};
use crate::{Error, Op, Result, Tensor, apply_one};

/// What lies around the input of a convolution or a pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Nothing: windows lie inside.
    Valid,
    /// As many zeros as make `ceil(size / stride)` windows, the odd one at the end, as TensorFlow pads.
    Same,
    /// All zeros before, so that no window sees what comes after it.
    Causal,
}

impl Padding {
    /// The zeros before and after each axis, for these sizes, taps, strides and dilations.
    pub fn amounts(
        self,
        sizes: &[usize],
        taps: &[usize],
        strides: &[usize],
        dilation: &[usize],
    ) -> Spatial<(usize, usize)> {
        let along = |i: usize| {
            let reach = taps[i].saturating_sub(1) * dilation[i];
            match self {
                Padding::Valid => (0, 0),
                Padding::Causal => (reach, 0),
                Padding::Same => {
                    let places = sizes[i].div_ceil(strides[i].max(1));
                    let needed = places.saturating_sub(1) * strides[i] + reach + 1;
                    let total = needed.saturating_sub(sizes[i]);
                    (total / 2, total - total / 2)
                }
            }
        };
        (0..taps.len()).map(along).collect()
    }
}

/// `sum over taps t and channels c of x[o * stride + t * dilation - before, c] * kernel[t, c]`, for `x`
/// `[batch, ..space, in]` and `kernel` `[..taps, in / groups, out]`, with one to three axes of space.
///
/// ```
/// use keras_tensor::ops::{self, Padding};
/// let x = ops::ones([1, 5, 5, 1], Default::default())?;
/// let kernel = ops::ones([3, 3, 1, 2], Default::default())?;
/// let y = ops::conv(&x, &kernel, &[1, 1], Padding::Valid, &[1, 1], 1)?;
/// assert_eq!(y.shape(), &[1, 3, 3, 2]);
/// assert_eq!(ops::max(&y, None)?.item()?, 9.0);
/// # Ok::<(), keras_tensor::Error>(())
/// ```
///
/// # Errors
/// Shapes that do not fit, or a window that does not fit anywhere.
pub fn conv(
    x: impl Operand,
    kernel: impl Operand,
    strides: &[usize],
    padding: Padding,
    dilation: &[usize],
    groups: usize,
) -> Result<Tensor> {
    let window = ConvWindow {
        strides,
        padding,
        dilation,
        groups,
    };
    conv_fused(x, kernel, window, None, Fused::Linear)
}

/// How the window of a convolution moves.
#[derive(Clone, Copy, Debug)]
pub struct ConvWindow<'a> {
    /// Steps along each axis of space.
    pub strides: &'a [usize],
    /// What lies around the input.
    pub padding: Padding,
    /// Distance of taps along each axis of space.
    pub dilation: &'a [usize],
    /// Groups of channels that are convolved apart.
    pub groups: usize,
}

/// `activation(conv(x, kernel) + bias)` for what [`conv`] takes and a `bias` `[out]`, in one pass.
///
/// # Errors
/// Shapes that do not fit, or a window that does not fit anywhere.
pub fn conv_fused(
    x: impl Operand,
    kernel: impl Operand,
    window: ConvWindow,
    bias: Option<&dyn Operand>,
    activation: Fused,
) -> Result<Tensor> {
    fn inner(
        x: &dyn Operand,
        kernel: &dyn Operand,
        window: ConvWindow,
        bias: Option<&dyn Operand>,
        activation: Fused,
    ) -> Result<Tensor> {
        let (x, kernel) = meet(x, kernel)?;
        let (x, kernel) = (floating(&*x)?, floating(&*kernel)?);
        let (strides, dilation) = (window.strides, window.dilation);
        let space = axes_of_space(&[&x, &kernel], &[strides, dilation])?;
        let (sizes, taps) = (&x.shape()[1..=space], &kernel.shape()[..space]);
        let conv = Conv {
            part: ConvPart::Output,
            strides: strides.into(),
            padding: window.padding.amounts(sizes, taps, strides, dilation),
            dilation: dilation.into(),
            groups: window.groups,
            sizes: Spatial::new(),
        };
        if bias.is_none() && activation == Fused::Linear {
            return apply_one(Op::Conv(conv), &[&x, &kernel]);
        }
        let fused = ConvFused {
            conv,
            activation,
            has_scale: false,
            has_bias: bias.is_some(),
            has_residual: false,
        };
        match bias {
            Some(bias) => {
                let bias = cast(&*bias.tensor()?, x.dtype())?;
                apply_one(Op::ConvFused(fused), &[&x, &kernel, &bias])
            }
            None => apply_one(Op::ConvFused(fused), &[&x, &kernel]),
        }
    }
    inner(&x, &kernel, window, bias, activation)
}

/// The transpose of [`conv`]: what it would have to be given for `y` to come out, spread over `sizes` places in space.
///
/// `y` is `[batch, ..space, in]` and `kernel` `[..taps, out, in]`.
///
/// # Errors
/// Shapes that do not fit, or sizes of which a convolution does not make those of `y`.
pub fn conv_transpose(
    y: impl Operand,
    kernel: impl Operand,
    sizes: &[usize],
    strides: &[usize],
    padding: Padding,
    dilation: &[usize],
) -> Result<Tensor> {
    let (y, kernel) = meet(&y, &kernel)?;
    let (y, kernel) = (floating(&*y)?, floating(&*kernel)?);
    let space = axes_of_space(&[&y, &kernel], &[sizes, strides, dilation])?;
    let conv = Conv {
        part: ConvPart::Input,
        strides: strides.into(),
        padding: padding.amounts(sizes, &kernel.shape()[..space], strides, dilation),
        dilation: dilation.into(),
        groups: 1,
        sizes: sizes.into(),
    };
    apply_one(Op::Conv(conv), &[&y, &kernel])
}

fn axes_of_space(tensors: &[&Tensor], lists: &[&[usize]]) -> Result<usize> {
    let rank = tensors[0].rank();
    let space = rank.saturating_sub(2);
    let fits = tensors.iter().all(|t| t.rank() == rank) && lists.iter().all(|l| l.len() == space);
    if fits && (1..=3).contains(&space) {
        Ok(space)
    } else {
        let shapes: Vec<&[usize]> = tensors.iter().map(|t| &t.shape()[..]).collect();
        let wanted = "an input and a kernel of equal rank, with as many axes of space as there are strides, one to three";
        Err(Error::shape("convolution", &shapes, wanted))
    }
}
