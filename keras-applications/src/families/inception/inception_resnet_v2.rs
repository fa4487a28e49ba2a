//! InceptionResNetV2: Szegedy et al., Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning,
//! 2017.

pub use crate::imagenet_utils::{centered as preprocess_input, decode_predictions};
use keras_layers::layers::{BatchNormalization, Conv2D, CustomScaleLayer, GlobalAveragePooling2D};
use keras_layers::{LayerExt, LayerRef, Symbolic};
use keras_tensor::Result;

use super::{Taps, averaged, chain, halved, halving, joined, stem};
use crate::blocks::{Auto, activated};
use crate::{Application, Published};

family! {
    /// InceptionResNetV2.
    InceptionResNetV2 {
        model_name: |_, _| "inception_resnet_v2".into(),
        default_size: |_| 299,
        min_size: 75,
        body: network,
        published: |a, _| Published::kernels(a, "inception_resnet_v2", ["d19885ff4a710c122648d3b5c3b684e4", "e693bd0210a403b3192acc6073ad2e96"]),
    }
}

/// The branches of the residual blocks of 35, 17 and 8 rows.
const BLOCK35: &[&[Taps]] = &[
    &[(32, [1, 1])],
    &[(32, [1, 1]), (32, [3, 3])],
    &[(32, [1, 1]), (48, [3, 3]), (64, [3, 3])],
];
const BLOCK17: &[&[Taps]] = &[
    &[(192, [1, 1])],
    &[(128, [1, 1]), (160, [1, 7]), (192, [7, 1])],
];
const BLOCK8: &[&[Taps]] = &[
    &[(192, [1, 1])],
    &[(192, [1, 1]), (224, [1, 3]), (256, [3, 1])],
];

fn network(a: &Application, x: &Symbolic) -> Result<Symbolic> {
    let x = stem(x)?;
    let branches = [
        chain(&x, &[(96, [1, 1])])?,
        chain(&x, &[(48, [1, 1]), (64, [5, 5])])?,
        chain(&x, &[(64, [1, 1]), (96, [3, 3]), (96, [3, 3])])?,
        averaged(&x, 64)?,
    ];
    let mut x = joined(&branches, "mixed_5b")?;
    for i in 1..=10 {
        x = residual(&x, BLOCK35, 0.17, &format!("block35_{i}"))?;
        x = activated(&x, "relu", format!("block35_{i}_ac"))?;
    }
    let branches = [
        halving(&x, &[], (384, [3, 3]))?,
        halving(&x, &[(256, [1, 1]), (256, [3, 3])], (384, [3, 3]))?,
        halved(&x)?,
    ];
    x = joined(&branches, "mixed_6a")?;
    for i in 1..=20 {
        x = residual(&x, BLOCK17, 0.1, &format!("block17_{i}"))?;
        x = activated(&x, "relu", format!("block17_{i}_ac"))?;
    }
    let branches = [
        halving(&x, &[(256, [1, 1])], (384, [3, 3]))?,
        halving(&x, &[(256, [1, 1])], (288, [3, 3]))?,
        halving(&x, &[(256, [1, 1]), (288, [3, 3])], (320, [3, 3]))?,
        halved(&x)?,
    ];
    x = joined(&branches, "mixed_7a")?;
    for i in 1..10 {
        x = residual(&x, BLOCK8, 0.2, &format!("block8_{i}"))?;
        x = activated(&x, "relu", format!("block8_{i}_ac"))?;
    }
    // The last one is neither made smaller nor cut at 0.
    x = residual(&x, BLOCK8, 1.0, "block8_10")?;
    let x = Conv2D::new(1536, 1)
        .padding("same")
        .use_bias(false)
        .name("conv_7b")
        .on(&x)?;
    let x = BatchNormalization::new()
        .axis(3)
        .scale(false)
        .name("conv_7b_bn")
        .on(&x)?;
    let x = activated(&x, "relu", "conv_7b_ac")?;
    if !a.include_top {
        return a.pooled(&x, [Auto, Auto]);
    }
    let x = GlobalAveragePooling2D::new().name("avg_pool").on(&x)?;
    a.predictions(&x, "predictions")
}

/// Branches, joined and brought to as many channels as the input has, which they are added to.
fn residual(x: &Symbolic, branches: &[&[Taps]], scale: f64, name: &str) -> Result<Symbolic> {
    let branches: Result<Vec<Symbolic>> = branches.iter().map(|b| chain(x, b)).collect();
    let mixed = joined(&branches?, &format!("{name}_mixed"))?;
    let conv = Conv2D::new(x.dims().last()?, 1).padding("same");
    let up = conv.name(&format!("{name}_conv")).on(&mixed)?;
    LayerRef::from(CustomScaleLayer::new(scale)).on([x, &up])
}
