//! ResNet V2: He et al., Identity Mappings in Deep Residual Networks, 2016.

pub use crate::imagenet_utils::{centered as preprocess_input, decode_predictions};
use keras_layers::layers::{Add, Conv2D, MaxPooling2D, ZeroPadding2D};
use keras_layers::{LayerExt, LayerRef, Symbolic};
use keras_tensor::Result;

use super::resnet::{EPSILON, stem, stem_pool};
use crate::blocks::{activated, normalized};
use crate::{Application, Published};

family! {
    /// ResNet V2 of 50 layers.
    ResNet50V2 {
        body: |a, x| network(a, x, [3, 4, 6, 3]),
        published: |a, _| Published::kernels(a, "resnet/resnet50v2", ["fac2f116257151a9d068a22e544a4917", "3ef43a0b657b3be2300d5770ece849e0"]),
    }
    /// ResNet V2 of 101 layers.
    ResNet101V2 {
        body: |a, x| network(a, x, [3, 4, 23, 3]),
        published: |a, _| Published::kernels(a, "resnet/resnet101v2", ["c0ed64b8031c3730f411d2eb4eea35b5", "6343647c601c52e1368623803854d971"]),
    }
    /// ResNet V2 of 152 layers.
    ResNet152V2 {
        body: |a, x| network(a, x, [3, 8, 36, 3]),
        published: |a, _| Published::kernels(a, "resnet/resnet152v2", ["ed17cf2e0169df9d443503ef94b23b33", "a49b44d1979771252814e80f8ec446f9"]),
    }
}

fn network(a: &Application, x: &Symbolic, depths: [usize; 4]) -> Result<Symbolic> {
    let mut x = stem_pool(&stem(a, x)?)?;
    for (stage, depth) in depths.into_iter().enumerate() {
        for block in 0..depth {
            let stride = if stage < 3 && block == depth - 1 {
                2
            } else {
                1
            };
            let name = format!("conv{}_block{}", stage + 2, block + 1);
            x = residual(&x, 64 << stage, stride, block == 0, &name)?;
        }
    }
    let x = normalized(&x, EPSILON, "post_bn")?;
    let x = activated(&x, "relu", "post_relu")?;
    a.ended(&x)
}

/// Three convolutions, normalized before and not after, beside the input.
fn residual(
    x: &Symbolic,
    filters: usize,
    stride: usize,
    conv_shortcut: bool,
    name: &str,
) -> Result<Symbolic> {
    let named = |part: &str| format!("{name}_{part}");
    let before = normalized(x, EPSILON, named("preact_bn"))?;
    let before = activated(&before, "relu", named("preact_relu"))?;
    let shortcut = match (conv_shortcut, stride) {
        (true, _) => {
            let conv = Conv2D::new(4 * filters, 1).strides(stride);
            conv.name(&named("0_conv")).on(&before)?
        }
        (false, 1) => x.clone(),
        (false, _) => LayerRef::from(MaxPooling2D::new(1).strides(stride)).on(x)?,
    };
    let conv = Conv2D::new(filters, 1).use_bias(false);
    let x = conv.name(&named("1_conv")).on(&before)?;
    let x = normalized(&x, EPSILON, named("1_bn"))?;
    let x = activated(&x, "relu", named("1_relu"))?;
    let x = ZeroPadding2D::new(1).name(&named("2_pad")).on(&x)?;
    let conv = Conv2D::new(filters, 3).strides(stride).use_bias(false);
    let x = conv.name(&named("2_conv")).on(&x)?;
    let x = normalized(&x, EPSILON, named("2_bn"))?;
    let x = activated(&x, "relu", named("2_relu"))?;
    let x = Conv2D::new(4 * filters, 1).name(&named("3_conv")).on(&x)?;
    Add::new().name(&named("out")).on([&shortcut, &x])
}
