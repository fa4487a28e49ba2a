//! ResNet: He et al., Deep Residual Learning for Image Recognition, 2015.

pub use crate::imagenet_utils::{bgr as preprocess_input, decode_predictions};
use keras_layers::layers::{Add, Conv2D, MaxPooling2D, ZeroPadding2D};
use keras_layers::{LayerExt, Symbolic};
use keras_tensor::Result;

use crate::blocks::{activated, normalized};
use crate::{Application, Published};

family! {
    /// ResNet of 50 layers.
    ResNet50 {
        body: |a, x| network(a, x, [3, 4, 6, 3]),
        published: |a, _| Published::kernels(a, "resnet/resnet50", ["4d473c1dd8becc155b73f8504c6f6626", "2cb95161c43110f7111970584f804107"]),
        takes: &["v1_5"],
        torchvision: Some(module),
    }
    /// ResNet of 101 layers.
    ResNet101 {
        body: |a, x| network(a, x, [3, 4, 23, 3]),
        published: |a, _| Published::kernels(a, "resnet/resnet101", ["88cf7a10940856eca736dc7b7e228a21", "f1aeb4b969a6efcfb50fad2f0c20cfc5"]),
        takes: &["v1_5"],
        torchvision: Some(module),
    }
    /// ResNet of 152 layers.
    ResNet152 {
        body: |a, x| network(a, x, [3, 8, 36, 3]),
        published: |a, _| Published::kernels(a, "resnet/resnet152", ["ee4c566cf9a93f14d82f913c2dc6dd0c", "100835be76be38e30d865e96f2aaae62"]),
        takes: &["v1_5"],
        torchvision: Some(module),
    }
}

/// What torchvision calls a layer.
fn module(layer: &str) -> Option<String> {
    let one = match layer {
        "conv1_conv" => "conv1",
        "conv1_bn" => "bn1",
        "predictions" => "fc",
        _ => "",
    };
    if !one.is_empty() {
        return Some(one.to_string());
    }
    // `conv2_block1_0_bn`
    let (stage, rest) = layer.strip_prefix("conv")?.split_once("_block")?;
    let (block, part) = rest.split_once('_')?;
    let (stage, block): (usize, usize) = (stage.parse().ok()?, block.parse().ok()?);
    let part = match part.split_once('_')? {
        ("0", "conv") => "downsample.0".to_string(),
        ("0", "bn") => "downsample.1".to_string(),
        (number, kind) => format!("{kind}{number}"),
    };
    Some(format!("layer{}.{}.{part}", stage - 1, block - 1))
}

pub(super) const EPSILON: f64 = 1.001e-5;

/// The first convolution, of 7 by 7 pixels.
pub(super) fn stem(a: &Application, x: &Symbolic) -> Result<Symbolic> {
    let x = ZeroPadding2D::new(3).name("conv1_pad").on(x)?;
    conv(a, 64, 7).strides(2).name("conv1_conv").on(&x)
}

/// A convolution; torch's have no bias, because batch normalization follows.
fn conv(a: &Application, filters: usize, kernel: usize) -> Conv2D {
    Conv2D::new(filters, kernel).use_bias(!a.is_torchvision())
}

/// The first pooling.
pub(super) fn stem_pool(x: &Symbolic) -> Result<Symbolic> {
    let x = ZeroPadding2D::new(1).name("pool1_pad").on(x)?;
    MaxPooling2D::new(3).strides(2).name("pool1_pool").on(&x)
}

fn network(a: &Application, x: &Symbolic, depths: [usize; 4]) -> Result<Symbolic> {
    let x = stem(a, x)?;
    let x = normalized(&x, a.epsilon(EPSILON), "conv1_bn")?;
    let x = activated(&x, "relu", "conv1_relu")?;
    let mut x = stem_pool(&x)?;
    for (stage, depth) in depths.into_iter().enumerate() {
        for block in 0..depth {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let name = format!("conv{}_block{}", stage + 2, block + 1);
            x = residual(a, &x, 64 << stage, stride, block == 0, &name)?;
        }
    }
    a.ended(&x)
}

/// Three convolutions beside the input, or beside one convolution of it.
fn residual(
    a: &Application,
    x: &Symbolic,
    filters: usize,
    stride: usize,
    conv_shortcut: bool,
    name: &str,
) -> Result<Symbolic> {
    let named = |part: &str| format!("{name}_{part}");
    let shortcut = if conv_shortcut {
        let shortcut = conv(a, 4 * filters, 1).strides(stride);
        let x = shortcut.name(&named("0_conv")).on(x)?;
        normalized(&x, a.epsilon(EPSILON), named("0_bn"))?
    } else {
        x.clone()
    };
    let (first, second) = match a.is_v1_5() {
        true => (1, stride),
        false => (stride, 1),
    };
    let x = conv(a, filters, 1)
        .strides(first)
        .name(&named("1_conv"))
        .on(x)?;
    let x = normalized(&x, a.epsilon(EPSILON), named("1_bn"))?;
    let x = activated(&x, "relu", named("1_relu"))?;
    // "same" would pad after only where the stride is 2, torch pads before, too.
    let (x, padding) = match second {
        1 => (x, "same"),
        _ => (ZeroPadding2D::new(1).name(&named("2_pad")).on(&x)?, "valid"),
    };
    let x = conv(a, filters, 3)
        .strides(second)
        .padding(padding)
        .name(&named("2_conv"))
        .on(&x)?;
    let x = normalized(&x, a.epsilon(EPSILON), named("2_bn"))?;
    let x = activated(&x, "relu", named("2_relu"))?;
    let x = conv(a, 4 * filters, 1).name(&named("3_conv")).on(&x)?;
    let x = normalized(&x, a.epsilon(EPSILON), named("3_bn"))?;
    let x = Add::new().name(&named("add")).on([&shortcut, &x])?;
    activated(&x, "relu", named("out"))
}
