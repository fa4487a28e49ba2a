//! Convolution, pooling and the normalization that TensorFlow has as one op.

use keras_tensor::ops::{self, Padding, Pooling};
use keras_tensor::{Result, Shape, Tensor};

use super::graph::{Node, WHAT};
use crate::limits::format_error;

fn damaged(problem: &str) -> keras_tensor::Error {
    format_error(WHAT, problem)
}

/// The numbers of a list for the axes of space.
fn of_space(node: &Node<'_>, name: &str, space: usize) -> Result<Vec<usize>> {
    let all = node.integers(name)?;
    if all.is_empty() {
        return Ok(vec![1; space]);
    }
    let inner = all
        .get(1..=space)
        .ok_or_else(|| damaged("a list of another length"))?;
    let positive = |&n: &i64| usize::try_from(n).ok().filter(|&n| n > 0);
    let inner: Option<Vec<usize>> = inner.iter().map(positive).collect();
    inner.ok_or_else(|| damaged("a step or size of 0"))
}

pub(super) fn carry_out(node: &Node<'_>, x: &[&Tensor]) -> Result<Tensor> {
    let first = *x.first().ok_or_else(|| damaged("an input is missing"))?;
    if node.text("data_format", "NHWC")?.starts_with("NC") {
        return Err(damaged("channels that come first are not supported"));
    }
    let padding = || match node.text("padding", "VALID")? {
        "SAME" => Ok(Padding::Same),
        "VALID" => Ok(Padding::Valid),
        _ => Err(damaged("a padding of another kind is not supported")),
    };
    let second = || {
        x.get(1)
            .copied()
            .ok_or_else(|| damaged("an input is missing"))
    };
    let third = || {
        x.get(2)
            .copied()
            .ok_or_else(|| damaged("an input is missing"))
    };
    let space = match node.op {
        "Conv2DBackpropInput" | "Conv3DBackpropInputV2" => second()?.rank(),
        _ => first.rank(),
    };
    let space = space
        .checked_sub(2)
        .ok_or_else(|| damaged("a tensor of fewer axes"))?;
    let (strides, dilation) = (
        of_space(node, "strides", space)?,
        of_space(node, "dilations", space)?,
    );
    match node.op {
        "Conv2D" | "Conv3D" => {
            let kernel = second()?;
            let (channels, of_group) = (first.shape()[space + 1], kernel.shape().get(space));
            let groups = channels / of_group.copied().unwrap_or(1).max(1);
            ops::conv(first, kernel, &strides, padding()?, &dilation, groups)
        }
        "DepthwiseConv2dNative" => {
            // [.., channels, multiplier] as one filter of each channel after the other.
            let kernel = second()?;
            let [rows, columns, channels, multiplier] = kernel.shape()[..] else {
                return Err(damaged("a kernel of another rank"));
            };
            let shape = Shape::from([rows, columns, 1, channels * multiplier]);
            let kernel = ops::reshape_to(kernel, shape)?;
            ops::conv(first, &kernel, &strides, padding()?, &dilation, channels)
        }
        "Conv2DBackpropInput" | "Conv3DBackpropInputV2" => {
            let sizes = first.to_f64_vec()?;
            let sizes = sizes
                .get(1..=space)
                .ok_or_else(|| damaged("sizes of another length"))?;
            let sizes: Vec<usize> = sizes.iter().map(|&n| n.max(0.0) as usize).collect();
            ops::conv_transpose(third()?, second()?, &sizes, &strides, padding()?, &dilation)
        }
        "MaxPool" | "MaxPool3D" | "AvgPool" | "AvgPool3D" => {
            let kind = if node.op.starts_with("Max") {
                Pooling::Max
            } else {
                Pooling::Average
            };
            let window = of_space(node, "ksize", space)?;
            ops::pool(first, kind, &window, &strides, padding()?)
        }
        _ => normalized(node, x),
    }
}

/// `scale * (x - mean) / sqrt(variance + epsilon) + offset`, by the batch's statistics where none are given.
fn normalized(node: &Node<'_>, x: &[&Tensor]) -> Result<Tensor> {
    let [x, scale, offset, mean, variance] = x[..] else {
        return Err(damaged("a normalization of other inputs"));
    };
    let epsilon = node.float("epsilon", 1e-4)?;
    let axes: Vec<usize> = (0..x.rank().saturating_sub(1)).collect();
    let (mean, variance) = match node.flag("is_training", true)? {
        true => ops::moments(
            x,
            axes.iter().copied().collect::<keras_tensor::op::Axes>(),
            false,
        )?,
        false => (mean.clone(), variance.clone()),
    };
    let scale = ops::multiply(scale, ops::rsqrt(ops::add(&variance, epsilon)?)?)?;
    let offset = ops::subtract(offset, ops::multiply(&mean, &scale)?)?;
    ops::add(ops::multiply(x, &scale)?, &offset)
}
