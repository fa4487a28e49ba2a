//! Convolution and pooling, which ONNX has with channels first.

use keras_tensor::op::{Conv, ConvPart, Pool, PoolPart};
use keras_tensor::{Op, Result};

use super::builder::Attribute::{Int, Ints};
use super::builder::{Attribute, Builder};
use super::nodes::{missing, transpose};
use crate::graph::Node;

fn numbers(all: &[usize]) -> Vec<i64> {
    all.iter().map(|&n| n as i64).collect()
}

/// Padding before each axis, then after each.
fn pads(padding: &[(usize, usize)]) -> Vec<i64> {
    let before = padding.iter().map(|p| p.0 as i64);
    before.chain(padding.iter().map(|p| p.1 as i64)).collect()
}

/// Channels to their place behind the batch, and back.
fn channels_first(rank: usize) -> Vec<usize> {
    [0, rank - 1].into_iter().chain(1..rank - 1).collect()
}

fn channels_last(rank: usize) -> Vec<usize> {
    std::iter::once(0).chain(2..rank).chain([1]).collect()
}

pub(super) fn conv(b: &mut Builder<'_>, node: &Node, conv: &Conv, x: &[&str]) -> Result<String> {
    let sizes_of = |i: usize| &b.graph.values[node.inputs[i]].sizes;
    let rank = sizes_of(0).len();
    let space = rank - 2;
    let kernel: Vec<i64> = sizes_of(1).iter().map(|s| s.constant).collect();
    let input: Vec<i64> = sizes_of(0).iter().map(|s| s.constant).collect();
    let taps = &kernel[..space];
    let (strides, dilation) = (numbers(&conv.strides), numbers(&conv.dilation));
    let pads = pads(&conv.padding);
    let mut attributes: Vec<(&str, Attribute<'_>)> = vec![
        ("kernel_shape", Ints(taps)),
        ("strides", Ints(&strides)),
        ("dilations", Ints(&dilation)),
        ("pads", Ints(&pads)),
        ("group", Int(conv.groups as i64)),
    ];
    // Both have the output channels of the convolution first.
    let order: Vec<usize> = [rank - 1, rank - 2].into_iter().chain(0..space).collect();
    let kernel = transpose(b, x[1], &order);
    let x = transpose(b, x[0], &channels_first(rank));
    let output_padding: Vec<i64> = (0..space)
        .map(|axis| {
            let window = (taps[axis] - 1) * dilation[axis] + 1;
            let reached = (input[axis + 1] - 1) * strides[axis] + window;
            conv.sizes.get(axis).map_or(0, |&n| n as i64) + pads[axis] + pads[space + axis]
                - reached
        })
        .collect();
    let name = match conv.part {
        ConvPart::Output => "Conv",
        ConvPart::Input => {
            attributes.push(("output_padding", Ints(&output_padding)));
            "ConvTranspose"
        }
        ConvPart::Kernel => return Err(missing(&node.op)),
    };
    let y = b.node(name, &[&x, &kernel], &attributes);
    Ok(transpose(b, &y, &channels_last(rank)))
}

pub(super) fn pool(b: &mut Builder<'_>, pool: &Pool, x: &str, rank: usize) -> Result<String> {
    let name = match pool.part {
        PoolPart::Max => "MaxPool",
        PoolPart::Mean => "AveragePool",
        PoolPart::Pick | PoolPart::Spread | PoolPart::Share => {
            return Err(missing(&Op::Pool(pool.clone())));
        }
    };
    let (window, strides) = (numbers(&pool.window), numbers(&pool.strides));
    let pads = pads(&pool.padding);
    let attributes = [
        ("kernel_shape", Ints(&window)),
        ("strides", Ints(&strides)),
        ("pads", Ints(&pads)),
    ];
    let x = transpose(b, x, &channels_first(rank));
    let y = b.node(name, &[&x], &attributes);
    Ok(transpose(b, &y, &channels_last(rank)))
}
