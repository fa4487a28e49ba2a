//! MobileNetV2: Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, 2018.

pub use crate::imagenet_utils::{centered as preprocess_input, decode_predictions};
use keras_layers::layers::{
    Add, BatchNormalization, Conv2D, DepthwiseConv2D, GlobalAveragePooling2D, ReLU, ZeroPadding2D,
};
use keras_layers::{LayerExt, LayerRef, Symbolic};
use keras_tensor::Result;

use super::mobilenet::{check_alpha, rows, trained_size};
use crate::blocks::{Auto, correct_pad, divisible};
use crate::{Application, Published};

family! {
    /// MobileNetV2, as wide as `alpha` says.
    MobileNetV2 {
        model_name: |a, x| format!("mobilenetv2_{:.2}_{}", a.options.alpha, rows(x)),
        default_size: |a| trained_size(a, SIZES),
        takes: &["alpha"],
        body: network,
        published: |a, _| published(a),
        torchvision: Some(module),
    }
}

const SIZES: &[usize] = &[96, 128, 160, 192, 224];

fn published(a: &Application) -> Result<Published> {
    check_alpha(a, &[0.35, 0.5, 0.75, 1.0, 1.3, 1.4])?;
    let (alpha, rows) = (a.options.alpha, trained_size(a, SIZES));
    let end = if a.include_top { "" } else { "_no_top" };
    let file = format!("mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha:?}_{rows}{end}.h5");
    Ok(Published::new(
        "tensorflow/keras-applications/mobilenet_v2",
        file,
        None,
    ))
}

/// What torchvision calls a layer.
fn module(layer: &str) -> Option<String> {
    let one = match layer {
        "Conv1" => "features.0.0",
        "bn_Conv1" => "features.0.1",
        "Conv_1" => "features.18.0",
        "Conv_1_bn" => "features.18.1",
        "predictions" => "classifier.1",
        _ => "",
    };
    if !one.is_empty() {
        return Some(one.to_string());
    }
    // The first block does not expand, so that its parts have smaller numbers.
    let (block, part) = match layer.strip_prefix("expanded_conv_") {
        Some(part) => (0, part),
        None => layer
            .strip_prefix("block_")?
            .split_once('_')
            .and_then(|(block, part)| Some((block.parse::<usize>().ok()?, part)))?,
    };
    let before = usize::from(block > 0);
    let part = match part {
        "expand" => "0.0".to_string(),
        "expand_BN" => "0.1".to_string(),
        "depthwise" => format!("{before}.0"),
        "depthwise_BN" => format!("{before}.1"),
        "project" => format!("{}", before + 1),
        "project_BN" => format!("{}", before + 2),
        _ => return None,
    };
    Some(format!("features.{}.conv.{part}", block + 1))
}

/// Filters, strides and expansions of the blocks, and how many there are of each; only the first has the stride.
const STAGES: [(usize, usize, usize, usize); 7] = [
    (16, 1, 1, 1),
    (24, 2, 6, 2),
    (32, 2, 6, 3),
    (64, 2, 6, 4),
    (96, 1, 6, 3),
    (160, 2, 6, 3),
    (320, 1, 6, 1),
];

fn network(a: &Application, x: &Symbolic) -> Result<Symbolic> {
    let alpha = a.options.alpha;
    // torch pads before and after.
    let (x, padding) = match a.is_torchvision() {
        true => (ZeroPadding2D::new(1).name("Conv1_pad").on(x)?, "valid"),
        false => (x.clone(), "same"),
    };
    let conv = Conv2D::new(divisible(32.0 * alpha), 3)
        .strides(2)
        .padding(padding);
    let x = conv.use_bias(false).name("Conv1").on(&x)?;
    let x = normalized(a, &x, "bn_Conv1")?;
    let mut x = limited(&x, "Conv1_relu")?;
    let mut block = 0;
    for (filters, stride, expansion, depth) in STAGES {
        for i in 0..depth {
            let filters = divisible((filters as f64 * alpha).floor());
            let stride = if i == 0 { stride } else { 1 };
            x = inverted_residual(a, &x, filters, stride, expansion, block)?;
            block += 1;
        }
    }
    // Networks narrower than the paper's still end as wide.
    let last = divisible(1280.0 * alpha.max(1.0));
    let x = Conv2D::new(last, 1).use_bias(false).name("Conv_1").on(&x)?;
    let x = normalized(a, &x, "Conv_1_bn")?;
    let x = limited(&x, "out_relu")?;
    if !a.include_top {
        return a.pooled(&x, [Auto, Auto]);
    }
    let x = LayerRef::from(GlobalAveragePooling2D::new()).on(&x)?;
    a.predictions(&x, "predictions")
}

fn normalized(a: &Application, x: &Symbolic, name: &str) -> Result<Symbolic> {
    let normalization = BatchNormalization::new().momentum(0.999);
    normalization.epsilon(a.epsilon(1e-3)).name(name).on(x)
}

fn limited(x: &Symbolic, name: &str) -> Result<Symbolic> {
    ReLU::new().max_value(6.0).name(name).on(x)
}

/// More channels, each convolved, and fewer again; beside the input where shapes are equal.
fn inverted_residual(
    a: &Application,
    input: &Symbolic,
    filters: usize,
    stride: usize,
    expansion: usize,
    block: usize,
) -> Result<Symbolic> {
    let channels = input.dims().last()?;
    let named = |part: &str| match block {
        0 => format!("expanded_conv_{part}"),
        _ => format!("block_{block}_{part}"),
    };
    let conv = |filters: usize| Conv2D::new(filters, 1).padding("same").use_bias(false);
    let mut x = input.clone();
    if block > 0 {
        x = conv(expansion * channels).name(&named("expand")).on(&x)?;
        x = normalized(a, &x, &named("expand_BN"))?;
        x = limited(&x, &named("expand_relu"))?;
    }
    if stride == 2 {
        let sides = match a.is_torchvision() {
            true => [(1, 1); 2],
            false => correct_pad(&x, 3),
        };
        let pad = ZeroPadding2D::new(sides);
        x = pad.name(&named("pad")).on(&x)?;
    }
    let padding = if stride == 1 { "same" } else { "valid" };
    let each = DepthwiseConv2D::new(3)
        .strides(stride)
        .padding(padding)
        .use_bias(false);
    let x = each.name(&named("depthwise")).on(&x)?;
    let x = normalized(a, &x, &named("depthwise_BN"))?;
    let x = limited(&x, &named("depthwise_relu"))?;
    let x = conv(filters).name(&named("project")).on(&x)?;
    let x = normalized(a, &x, &named("project_BN"))?;
    if channels != filters || stride != 1 {
        return Ok(x);
    }
    Add::new().name(&named("add")).on([input, &x])
}
