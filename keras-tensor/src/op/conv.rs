//! Convolution, and its two reverses.

use smallvec::SmallVec;

use super::Fused;
use crate::{Error, Result, Shape, Tensor};

/// A number for each axis of space.
pub type Spatial<T = usize> = SmallVec<[T; 3]>;

/// Attributes of [`super::Op::Conv`]: `y[o] = sum over taps t of x[o * stride + t * dilation - before] kernel[t]`.
///
/// For `x` `[batch, ..space, in]`, `kernel` `[..taps, in / groups, out]` and `y` `[batch, ..space, out]`, with one to three
/// axes of space. The sum of `y * g` is linear in each of `x`, `kernel` and `g`; the op computes its derivative with
/// regard to one of them from the two others.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// What is computed.
    pub part: ConvPart,
    /// Steps of the window.
    pub strides: Spatial,
    /// Zeros before and after each axis.
    pub padding: Spatial<(usize, usize)>,
    /// Distance of taps.
    pub dilation: Spatial,
    /// Groups of channels that are convolved apart.
    pub groups: usize,
    /// Sizes in space of the result, where inputs do not tell them: those of `x`, or how many taps the kernel has.
    pub sizes: Spatial,
}

/// Which of its three tensors a [`Conv`] computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvPart {
    /// `y` from `x` and `kernel`: convolution.
    Output,
    /// The derivative by `x` from `g` and `kernel`: transposed convolution.
    Input,
    /// The derivative by `kernel` from `x` and `g`.
    Kernel,
}

impl ConvPart {
    /// The name that errors and profiles show.
    pub(super) fn name(self) -> &'static str {
        match self {
            ConvPart::Output => "conv",
            ConvPart::Input => "conv_transpose",
            ConvPart::Kernel => "conv_kernel_gradient",
        }
    }
}

impl Conv {
    /// The same geometry, for another part.
    pub fn with(&self, part: ConvPart, sizes: &[usize]) -> Self {
        Conv {
            part,
            sizes: sizes.into(),
            ..self.clone()
        }
    }

    /// How many places the window has along each axis of `x`, from the sizes of `x` and the numbers of taps.
    ///
    /// # Errors
    /// The window does not fit anywhere.
    pub fn places(&self, sizes: &[usize], taps: &[usize]) -> Result<Spatial> {
        places(
            "convolution",
            sizes,
            taps,
            &self.dilation,
            &self.strides,
            &self.padding,
        )
    }
}

/// Attributes of [`super::Op::ConvFused`]: `activation(conv(x, kernel) * scale + bias + residual)`, in one pass.
///
/// Inputs are `x`, `kernel`, and those of `scale` `[out]`, `bias` `[out]` and `residual`, which has the shape of the result,
/// that there are, in this order.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvFused {
    /// The convolution; it computes [`ConvPart::Output`].
    pub conv: Conv,
    /// What is applied to the sum.
    pub activation: Fused,
    /// Whether each filter's sums are multiplied by a number.
    pub has_scale: bool,
    /// Whether a number is added to those of each filter.
    pub has_bias: bool,
    /// Whether a tensor is added before the activation.
    pub has_residual: bool,
}

/// The inputs of [`ConvFused`], by name.
pub struct ConvFusedInputs<T> {
    /// `[batch, ..space, in]`.
    pub x: T,
    /// `[..taps, in / groups, out]`.
    pub kernel: T,
    /// `[out]`.
    pub scale: Option<T>,
    /// `[out]`.
    pub bias: Option<T>,
    /// `[batch, ..space, out]`.
    pub residual: Option<T>,
}

impl ConvFused {
    /// How many inputs it takes.
    pub fn inputs(&self) -> usize {
        let further = [self.has_scale, self.has_bias, self.has_residual];
        2 + further.into_iter().filter(|&has| has).count()
    }

    /// Gives as many inputs as [`ConvFused::inputs`] says their names.
    pub fn named<T>(&self, inputs: impl IntoIterator<Item = T>) -> ConvFusedInputs<T> {
        let mut inputs = inputs.into_iter();
        let mut next = || inputs.next().expect("the inputs have been counted");
        ConvFusedInputs {
            x: next(),
            kernel: next(),
            scale: self.has_scale.then(&mut next),
            bias: self.has_bias.then(&mut next),
            residual: self.has_residual.then(&mut next),
        }
    }
}

/// The shape of the result of [`ConvFused`].
pub(super) fn infer_fused(fused: &ConvFused, inputs: &[&Tensor]) -> Result<Shape> {
    if fused.conv.part != ConvPart::Output {
        return Err(Error::argument(
            "convolution.part",
            format!("{:?}", fused.conv.part),
            "the output; the other parts are not fused",
        ));
    }
    let given = fused.named(inputs.iter().copied());
    let shape = infer(&fused.conv, given.x, given.kernel)?;
    let filters = &shape[shape.rank() - 1..];
    for (name, got, wanted) in [
        ("scale", given.scale, filters),
        ("bias", given.bias, filters),
        ("residual", given.residual, &shape[..]),
    ] {
        if let Some(got) = got.filter(|got| got.shape()[..] != *wanted) {
            let wanted = format!("the shape {}", Shape::from(wanted));
            let what = format!("the {name} of a convolution");
            return Err(Error::shape(what, &[got.shape()], wanted));
        }
    }
    Ok(shape)
}

/// How many places a window has along each axis.
pub(super) fn places(
    op: &str,
    sizes: &[usize],
    taps: &[usize],
    dilation: &[usize],
    strides: &[usize],
    padding: &[(usize, usize)],
) -> Result<Spatial> {
    let along = |axis: usize| {
        let (before, after) = padding[axis];
        let window = (taps[axis].max(1) - 1) * dilation[axis] + 1;
        let room = sizes[axis] + before + after;
        match room.checked_sub(window) {
            Some(rest) if taps[axis] > 0 => Ok(rest / strides[axis] + 1),
            _ => Err(Error::argument(
                op,
                format!("an axis of {room} elements, with its padding"),
                format!("at least {window}, the size of the window"),
            )),
        }
    };
    (0..sizes.len()).map(along).collect()
}

/// The shape of the result.
pub(super) fn infer(conv: &Conv, a: &Tensor, b: &Tensor) -> Result<Shape> {
    let rank = a.rank();
    let wrong = |wanted: &str| Err(Error::shape("convolution", &[a.shape(), b.shape()], wanted));
    if !(3..=5).contains(&rank) || b.rank() != rank {
        return wrong("tensors of equal rank, with one to three axes of space");
    }
    let space = rank - 2;
    let lists = [conv.strides.len(), conv.padding.len(), conv.dilation.len()];
    let positive = conv.strides.iter().chain(&conv.dilation).all(|&n| n > 0);
    if lists.iter().any(|&n| n != space) || !positive || conv.groups == 0 {
        return Err(Error::argument(
            "convolution",
            format!("{conv:?}"),
            format!("positive strides, dilation and groups, for {space} axes of space"),
        ));
    }
    if conv.part != ConvPart::Output && conv.sizes.len() != space {
        return Err(Error::argument(
            "convolution.sizes",
            format!("{:?}", conv.sizes),
            format!("{space} of them"),
        ));
    }
    let inside = |t: &Tensor| -> Spatial { t.shape()[1..rank - 1].into() };
    let last = |t: &Tensor| t.shape()[rank - 1];
    let groups = conv.groups;
    let result = |first: Option<usize>, sizes: &[usize], ends: &[usize]| -> Shape {
        first
            .into_iter()
            .chain(sizes.iter().copied())
            .chain(ends.iter().copied())
            .collect()
    };
    match conv.part {
        ConvPart::Output => {
            let (taps, of_group, out) = (&b.shape()[..space], b.shape()[space], last(b));
            if last(a) != of_group * groups || !out.is_multiple_of(groups) {
                return wrong(
                    "channels that fit the kernel, and a number of them that groups divide",
                );
            }
            let places = conv.places(&inside(a), taps)?;
            Ok(result(Some(a.shape()[0]), &places, &[out]))
        }
        ConvPart::Input => {
            let (taps, of_group, out) = (&b.shape()[..space], b.shape()[space], last(b));
            let places = conv.places(&conv.sizes, taps)?;
            if last(a) != out || inside(a) != places || !out.is_multiple_of(groups) {
                return wrong("what a convolution of this size makes");
            }
            Ok(result(
                Some(a.shape()[0]),
                &conv.sizes,
                &[of_group * groups],
            ))
        }
        ConvPart::Kernel => {
            let places = conv.places(&inside(a), &conv.sizes)?;
            let fits = last(a).is_multiple_of(groups) && last(b).is_multiple_of(groups);
            if a.shape()[0] != b.shape()[0] || inside(b) != places || !fits {
                return wrong("an input, and what its convolution makes");
            }
            Ok(result(None, &conv.sizes, &[last(a) / groups, last(b)]))
        }
    }
}
