//! DenseNet: Huang et al., Densely Connected Convolutional Networks, 2017.

pub use crate::imagenet_utils::{decode_predictions, normalized as preprocess_input};
use keras_layers::layers::{AveragePooling2D, Concatenate, Conv2D, MaxPooling2D, ZeroPadding2D};
use keras_layers::{LayerExt, LayerRef, Symbolic};
use keras_tensor::Result;

use crate::blocks::{activated, normalized};
use crate::{Application, Published};

family! {
    /// DenseNet of 121 layers.
    DenseNet121 {
        body: |a, x| network(a, x, [6, 12, 24, 16]),
        published: |a, _| Published::kernels(a, "densenet/densenet121", ["30ee3e1110167f948a6b9946edeeb738", "9d60b8095a5708f2dcce2bca79d332c7"]),
        torchvision: Some(module),
    }
    /// DenseNet of 169 layers.
    DenseNet169 {
        body: |a, x| network(a, x, [6, 12, 32, 32]),
        published: |a, _| Published::kernels(a, "densenet/densenet169", ["b8c4d4c20dd625c148057b9ff1c1176b", "d699b8f76981ab1b30698df4c175e90b"]),
        torchvision: Some(module),
    }
    /// DenseNet of 201 layers.
    DenseNet201 {
        body: |a, x| network(a, x, [6, 12, 48, 32]),
        published: |a, _| Published::kernels(a, "densenet/densenet201", ["c13680b51ded0fb44dff2d8f86ac8bb1", "1ceb130c1ea1b78c3bf6114dbdfd8807"]),
        torchvision: Some(module),
    }
}

const EPSILON: f64 = 1.001e-5;

/// What torchvision calls a layer.
fn module(layer: &str) -> Option<String> {
    let one = match layer {
        "conv1_conv" => "features.conv0",
        "conv1_bn" => "features.norm0",
        "bn" => "features.norm5",
        "predictions" => "classifier",
        _ => "",
    };
    if !one.is_empty() {
        return Some(one.to_string());
    }
    // `pool2_bn`, `conv2_block1_0_bn`
    let (begin, part) = layer.split_at_checked(5)?;
    let stage = begin.chars().last()?.to_digit(10)?.checked_sub(1)?;
    let transition = format!("features.transition{stage}");
    let (block, part) = match part {
        "_bn" => return Some(format!("{transition}.norm")),
        "_conv" => return Some(format!("{transition}.conv")),
        _ => part.strip_prefix("_block")?.split_once('_')?,
    };
    let part = match part {
        "0_bn" => "norm1",
        "1_conv" => "conv1",
        "1_bn" => "norm2",
        "2_conv" => "conv2",
        _ => return None,
    };
    Some(format!(
        "features.denseblock{stage}.denselayer{block}.{part}"
    ))
}

/// How many channels each block adds.
const GROWTH: usize = 32;

fn network(a: &Application, x: &Symbolic, depths: [usize; 4]) -> Result<Symbolic> {
    let x = LayerRef::from(ZeroPadding2D::new(3)).on(x)?;
    let conv = Conv2D::new(64, 7).strides(2).use_bias(false);
    let x = conv.name("conv1_conv").on(&x)?;
    let x = normalized(&x, a.epsilon(EPSILON), "conv1_bn")?;
    let x = activated(&x, "relu", "conv1_relu")?;
    let x = LayerRef::from(ZeroPadding2D::new(1)).on(&x)?;
    let mut x = MaxPooling2D::new(3).strides(2).name("pool1").on(&x)?;
    for (stage, depth) in (2..).zip(depths) {
        if stage > 2 {
            x = halved(a, &x, &format!("pool{}", stage - 1))?;
        }
        for block in 1..=depth {
            x = grown(a, &x, &format!("conv{stage}_block{block}"))?;
        }
    }
    let x = normalized(&x, a.epsilon(EPSILON), "bn")?;
    let x = activated(&x, "relu", "relu")?;
    a.ended(&x)
}

/// Half of the rows, columns and channels.
fn halved(a: &Application, x: &Symbolic, name: &str) -> Result<Symbolic> {
    let x = normalized(x, a.epsilon(EPSILON), format!("{name}_bn"))?;
    let x = activated(&x, "relu", format!("{name}_relu"))?;
    let conv = Conv2D::new(x.dims().last()? / 2, 1).use_bias(false);
    let x = conv.name(&format!("{name}_conv")).on(&x)?;
    let pool = AveragePooling2D::new(2).strides(2);
    pool.name(&format!("{name}_pool")).on(&x)
}

/// The input with new channels that were made of it.
fn grown(a: &Application, x: &Symbolic, name: &str) -> Result<Symbolic> {
    let y = normalized(x, a.epsilon(EPSILON), format!("{name}_0_bn"))?;
    let y = activated(&y, "relu", format!("{name}_0_relu"))?;
    let conv = Conv2D::new(4 * GROWTH, 1).use_bias(false);
    let y = conv.name(&format!("{name}_1_conv")).on(&y)?;
    let y = normalized(&y, a.epsilon(EPSILON), format!("{name}_1_bn"))?;
    let y = activated(&y, "relu", format!("{name}_1_relu"))?;
    let conv = Conv2D::new(GROWTH, 3).padding("same").use_bias(false);
    let y = conv.name(&format!("{name}_2_conv")).on(&y)?;
    let both = Concatenate::new().axis(3);
    both.name(&format!("{name}_concat")).on([x, &y])
}
