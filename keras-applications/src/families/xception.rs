//! Xception: Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, 2017.

pub use crate::imagenet_utils::{centered as preprocess_input, decode_predictions};
use keras_layers::layers::{Add, BatchNormalization, Conv2D, MaxPooling2D, SeparableConv2D};
use keras_layers::{LayerExt, LayerRef, Symbolic};
use keras_tensor::Result;

use crate::blocks::{Auto, Name, activated, named};
use crate::{Application, Published};

family! {
    /// Xception.
    Xception {
        default_size: |_| 299,
        min_size: 71,
        body: network,
        published: |a, _| Published::kernels(a, "xception", ["b0042744bf5b25fce3cb969f33bebb97", "0a58e3b7378bc2990ea3b43d5981f1f6"]),
    }
}

fn network(a: &Application, x: &Symbolic) -> Result<Symbolic> {
    let x = Conv2D::new(32, 3)
        .strides(2)
        .use_bias(false)
        .name("block1_conv1")
        .on(x)?;
    let x = normalized(&x, "block1_conv1_bn")?;
    let x = activated(&x, "relu", "block1_conv1_act")?;
    let x = Conv2D::new(64, 3)
        .use_bias(false)
        .name("block1_conv2")
        .on(&x)?;
    let x = normalized(&x, "block1_conv2_bn")?;
    let mut x = activated(&x, "relu", "block1_conv2_act")?;
    for (block, filters) in [(2, [128, 128]), (3, [256, 256]), (4, [728, 728])] {
        x = halving(&x, block, filters)?;
    }
    for block in 5..13 {
        let mut y = x.clone();
        for i in 1..=3 {
            y = activated(&y, "relu", format!("block{block}_sepconv{i}_act"))?;
            y = separable(&y, 728, &format!("block{block}_sepconv{i}"))?;
        }
        x = LayerRef::from(Add::new()).on([&y, &x])?;
    }
    x = halving(&x, 13, [728, 1024])?;
    for (i, filters) in [(1, 1536), (2, 2048)] {
        x = separable(&x, filters, &format!("block14_sepconv{i}"))?;
        x = activated(&x, "relu", format!("block14_sepconv{i}_act"))?;
    }
    if a.include_top {
        return a.ended(&x);
    }
    a.pooled(&x, [Auto, Auto])
}

fn normalized(x: &Symbolic, name: impl Into<Name>) -> Result<Symbolic> {
    named(BatchNormalization::new(), name).on(x)
}

fn separable(x: &Symbolic, filters: usize, name: &str) -> Result<Symbolic> {
    let conv = SeparableConv2D::new(filters, 3)
        .padding("same")
        .use_bias(false);
    normalized(&conv.name(name).on(x)?, format!("{name}_bn"))
}

/// Two convolutions and half of the rows and columns, beside one convolution.
fn halving(x: &Symbolic, block: usize, filters: [usize; 2]) -> Result<Symbolic> {
    let conv = Conv2D::new(filters[1], 1)
        .strides(2)
        .padding("same")
        .use_bias(false);
    let shortcut = normalized(&LayerRef::from(conv).on(x)?, Auto)?;
    let mut x = x.clone();
    for (i, filters) in (1..).zip(filters) {
        // What comes into block 2 is activated already.
        if (block, i) != (2, 1) {
            x = activated(&x, "relu", format!("block{block}_sepconv{i}_act"))?;
        }
        x = separable(&x, filters, &format!("block{block}_sepconv{i}"))?;
    }
    let pool = MaxPooling2D::new(3).strides(2).padding("same");
    let x = pool.name(&format!("block{block}_pool")).on(&x)?;
    LayerRef::from(Add::new()).on([&x, &shortcut])
}
