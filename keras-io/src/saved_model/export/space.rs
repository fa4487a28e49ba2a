//! Convolution and pooling. TensorFlow pads by words, so borders are added before; one axis of space is a thin image.

use keras_tensor::op::{Conv, ConvPart, Pool, PoolPart};
use keras_tensor::{DType, Op, Result, Tensor};

use super::function::{Attribute, Function};
use super::nodes::{missing, padded};
use crate::graph::{Node, Size};

const FIXED_ONE: Size = Size {
    per_batch: 0,
    constant: 1,
};

/// Numbers of axes of space, with 1 for the batch and the channels, and for the axis that images have and lines have
/// not.
fn windows(numbers: &[usize]) -> Attribute {
    let thin = (numbers.len() == 1).then_some(1);
    let inner = thin.into_iter().chain(numbers.iter().map(|&n| n as i64));
    Attribute::Ints(std::iter::once(1).chain(inner).chain([1]).collect())
}

fn borders(padding: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let inner = padding.iter().copied();
    std::iter::once((0, 0))
        .chain(inner)
        .chain([(0, 0)])
        .collect()
}

fn reshape(f: &mut Function<'_>, x: &str, sizes: &[Size], dtype: DType) -> Result<String> {
    let shape = f.sizes(sizes)?;
    let attributes = [
        ("T", Attribute::Type(dtype)),
        ("Tshape", Attribute::Type(DType::I32)),
    ];
    f.node("Reshape", &[x, &shape], &attributes)
}

/// With an axis of size 1 put in, where there is one axis of space.
fn thick(sizes: &[Size], at: usize) -> Vec<Size> {
    let (before, after) = sizes.split_at(at);
    [before, &[FIXED_ONE], after].concat()
}

fn fixed(sizes: &[usize]) -> Vec<Size> {
    let size = |&n: &usize| Size {
        per_batch: 0,
        constant: n as i64,
    };
    sizes.iter().map(size).collect()
}

/// The sizes after borders are added.
fn grown(sizes: &[Size], borders: &[(usize, usize)]) -> Vec<Size> {
    let both = sizes.iter().zip(borders);
    both.map(|(s, (before, after))| Size {
        constant: s.constant + (before + after) as i64,
        ..*s
    })
    .collect()
}

pub(super) fn conv(f: &mut Function<'_>, node: &Node, conv: &Conv, x: &[&str]) -> Result<String> {
    let graph = f.graph;
    let [input, kernel] = [0, 1].map(|i| &graph.values[node.inputs[i]].sizes);
    let (output, dtype) = (
        &graph.values[node.outputs[0]].sizes,
        graph.values[node.outputs[0]].dtype,
    );
    let space = input.len() - 2;
    let kernel: Vec<usize> = kernel.iter().map(|s| s.constant as usize).collect();
    let borders = borders(&conv.padding);
    match conv.part {
        ConvPart::Output => {
            let x0 = padded(f, x[0], &borders, 0.0, dtype)?;
            let sizes = grown(input, &borders);
            convolve(f, conv, (&x0, &sizes), (x[1], &kernel), output, dtype)
        }
        ConvPart::Input if conv.groups == 1 => {
            let full = grown(output, &borders);
            let flat = space == 1;
            let (mut g, mut k, mut sizes) = (x[0].to_string(), x[1].to_string(), full.clone());
            let kernel_sizes = fixed(&kernel);
            if flat {
                g = reshape(f, &g, &thick(input, 1), dtype)?;
                k = reshape(f, &k, &thick(&kernel_sizes, 0), dtype)?;
                sizes = thick(&full, 1);
            }
            if conv.dilation.iter().any(|&d| d > 1) {
                return Err(missing(&Op::Conv(conv.clone())));
            }
            let wanted = f.sizes(&sizes)?;
            let op = if space == 3 {
                "Conv3DBackpropInputV2"
            } else {
                "Conv2DBackpropInput"
            };
            let attributes = [
                ("T", Attribute::Type(dtype)),
                ("strides", windows(&conv.strides)),
                ("padding", Attribute::Text("VALID")),
            ];
            let mut y = f.node(op, &[&wanted, &k, &g], &attributes)?;
            if flat {
                y = reshape(f, &y, &full, dtype)?;
            }
            let before: Vec<i64> = borders.iter().map(|b| b.0 as i64).collect();
            let (begin, size) = (f.integers(&before)?, f.sizes(output)?);
            let attributes = [
                ("T", Attribute::Type(dtype)),
                ("Index", Attribute::Type(DType::I32)),
            ];
            f.node("Slice", &[&y, &begin, &size], &attributes)
        }
        ConvPart::Input | ConvPart::Kernel => Err(missing(&node.op)),
    }
}

/// A convolution of what has its borders already.
fn convolve(
    f: &mut Function<'_>,
    conv: &Conv,
    (x, sizes): (&str, &[Size]),
    (kernel, taps): (&str, &[usize]),
    output: &[Size],
    dtype: DType,
) -> Result<String> {
    let space = sizes.len() - 2;
    if conv.groups > 1 {
        return grouped(f, conv, (x, sizes), (kernel, taps), output, dtype);
    }
    let (mut x, mut kernel) = (x.to_string(), kernel.to_string());
    if space == 1 {
        x = reshape(f, &x, &thick(sizes, 1), dtype)?;
        kernel = reshape(f, &kernel, &thick(&fixed(taps), 0), dtype)?;
    }
    let op = if space == 3 { "Conv3D" } else { "Conv2D" };
    let attributes = [
        ("T", Attribute::Type(dtype)),
        ("strides", windows(&conv.strides)),
        ("dilations", windows(&conv.dilation)),
        ("padding", Attribute::Text("VALID")),
    ];
    let y = f.node(op, &[&x, &kernel], &attributes)?;
    match space {
        1 => reshape(f, &y, output, dtype),
        _ => Ok(y),
    }
}

/// Each group by itself, or all at once where each is one channel.
fn grouped(
    f: &mut Function<'_>,
    conv: &Conv,
    (x, sizes): (&str, &[Size]),
    (kernel, taps): (&str, &[usize]),
    output: &[Size],
    dtype: DType,
) -> Result<String> {
    let (space, groups) = (sizes.len() - 2, conv.groups);
    let (of_group, filters) = (taps[space], taps[space + 1]);
    let even = conv.strides.iter().all(|&s| s == conv.strides[0]);
    // TensorFlow's kernel for processors has no dilation.
    let dense = conv.dilation.iter().all(|&d| d == 1);
    if of_group == 1 && space < 3 && even && dense {
        let mut shape = fixed(&taps[..space]);
        shape.extend(fixed(&[groups, filters / groups]));
        let (mut strides, mut x) = (conv.strides.to_vec(), x.to_string());
        if space == 1 {
            shape.insert(0, FIXED_ONE);
            strides = vec![conv.strides[0]; 2];
            x = reshape(f, &x, &thick(sizes, 1), dtype)?;
        }
        let kernel = reshape(f, kernel, &shape, dtype)?;
        let attributes = [
            ("T", Attribute::Type(dtype)),
            ("strides", windows(&strides)),
            ("dilations", windows(&conv.dilation)),
            ("padding", Attribute::Text("VALID")),
        ];
        let y = f.node("DepthwiseConv2dNative", &[&x, &kernel], &attributes)?;
        return match space {
            1 => reshape(f, &y, output, dtype),
            _ => Ok(y),
        };
    }
    let alone = Conv {
        groups: 1,
        ..conv.clone()
    };
    let ends = |f: &mut Function<'_>, x: &str, axis: usize| -> Result<Vec<String>> {
        let axis = f.number(axis as f64, DType::I32)?;
        let attributes = [
            ("T", Attribute::Type(dtype)),
            ("num_split", Attribute::Int(groups as i64)),
        ];
        let first = f.node("Split", &[&axis, x], &attributes)?;
        let stem = first.strip_suffix('0').unwrap_or(&first).to_string();
        Ok((0..groups).map(|i| format!("{stem}{i}")).collect())
    };
    let (xs, kernels) = (ends(f, x, space + 1)?, ends(f, kernel, space + 1)?);
    let share = |sizes: &[Size], n: usize| {
        let mut sizes = sizes.to_vec();
        sizes[space + 1].constant = n as i64;
        sizes
    };
    let (sizes, output) = (share(sizes, of_group), share(output, filters / groups));
    let taps = [&taps[..=space], &[filters / groups]].concat();
    let mut parts = Vec::new();
    for (x, kernel) in xs.iter().zip(&kernels) {
        parts.push(convolve(
            f,
            &alone,
            (x, &sizes),
            (kernel, &taps),
            &output,
            dtype,
        )?);
    }
    let axis = f.number((space + 1) as f64, DType::I32)?;
    let inputs: Vec<&str> = parts.iter().map(String::as_str).chain([&*axis]).collect();
    let attributes = [
        ("N", Attribute::Int(groups as i64)),
        ("T", Attribute::Type(dtype)),
        ("Tidx", Attribute::Type(DType::I32)),
    ];
    f.node("ConcatV2", &inputs, &attributes)
}

pub(super) fn pool(f: &mut Function<'_>, node: &Node, pool: &Pool, x: &str) -> Result<String> {
    let graph = f.graph;
    let (sizes, output) = (
        &graph.values[node.inputs[0]].sizes,
        &graph.values[node.outputs[0]],
    );
    let dtype = output.dtype;
    let (name, empty) = match pool.part {
        PoolPart::Max => ("Max", f64::NEG_INFINITY),
        PoolPart::Mean => ("Avg", 0.0),
        PoolPart::Pick | PoolPart::Spread | PoolPart::Share => return Err(missing(&node.op)),
    };
    let borders = borders(&pool.padding);
    let x = padded(f, x, &borders, empty, dtype)?;
    let y = folded(
        f,
        name,
        pool,
        (&x, &grown(sizes, &borders)),
        &output.sizes,
        dtype,
    )?;
    if pool.part == PoolPart::Max || borders.iter().all(|&(a, b)| a + b == 0) {
        return Ok(y);
    }
    // The border takes no part in a mean: what share of each window is no border?
    let mut inner: Vec<usize> = sizes.iter().map(|s| s.constant as usize).collect();
    let (last, one) = (inner.len() - 1, |sizes: &[Size]| {
        let mut sizes = sizes.to_vec();
        sizes[0] = FIXED_ONE;
        *sizes.last_mut().expect("it has channels") = FIXED_ONE;
        sizes
    });
    (inner[0], inner[last]) = (1, 1);
    let count = inner.iter().product();
    let ones = f.constant(&Tensor::from_f64(&vec![1.0; count], inner.clone(), dtype)?)?;
    let ones = padded(f, &ones, &borders, 0.0, dtype)?;
    let within = grown(&one(sizes), &borders);
    let share = folded(f, name, pool, (&ones, &within), &one(&output.sizes), dtype)?;
    f.typed("RealDiv", &[&y, &share], dtype)
}

fn folded(
    f: &mut Function<'_>,
    name: &str,
    pool: &Pool,
    (x, sizes): (&str, &[Size]),
    output: &[Size],
    dtype: DType,
) -> Result<String> {
    let space = sizes.len() - 2;
    let mut x = x.to_string();
    if space == 1 {
        x = reshape(f, &x, &thick(sizes, 1), dtype)?;
    }
    let op = format!("{name}Pool{}", if space == 3 { "3D" } else { "" });
    let attributes = [
        ("T", Attribute::Type(dtype)),
        ("ksize", windows(&pool.window)),
        ("strides", windows(&pool.strides)),
        ("padding", Attribute::Text("VALID")),
    ];
    let y = f.node(&op, &[&x], &attributes)?;
    match space {
        1 => reshape(f, &y, output, dtype),
        _ => Ok(y),
    }
}
