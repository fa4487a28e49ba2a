//! MobileNet: Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, 2017.

pub use crate::imagenet_utils::{centered as preprocess_input, decode_predictions};
use keras_layers::layers::{
    Activation, BatchNormalization, Conv2D, DepthwiseConv2D, Dropout, GlobalAveragePooling2D, ReLU,
    Reshape, ZeroPadding2D,
};
use keras_layers::{LayerExt, LayerRef, Symbolic};
use keras_tensor::Result;

use crate::blocks::Auto;
use crate::{Application, Published};

family! {
    /// MobileNet, as wide as `alpha` says.
    MobileNet {
        model_name: |a, x| format!("mobilenet_{:.2}_{}", a.options.alpha, rows(x)),
        default_size: |a| trained_size(a, SIZES),
        dropout: 1e-3,
        takes: &["alpha", "depth_multiplier", "dropout"],
        body: network,
        published: |a, _| published(a),
    }
}

const SIZES: &[usize] = &[128, 160, 192, 224];

/// The size of images that the network's weights were trained on: that of the images if it is among these, else 224.
pub(super) fn trained_size(a: &Application, sizes: &[usize]) -> usize {
    match a.input_shape.as_deref() {
        Some(&[Some(rows), Some(columns), _]) if rows == columns && sizes.contains(&rows) => rows,
        _ => 224,
    }
}

/// The number of rows as Keras writes it in names.
pub(super) fn rows(x: &Symbolic) -> String {
    match x.dims().get(1) {
        Some(Some(rows)) => rows.to_string(),
        _ => "None".to_string(),
    }
}

/// Checks that weights were trained for networks of this width.
pub(super) fn check_alpha(a: &Application, trained: &[f64]) -> Result<()> {
    let alpha = a.options.alpha;
    if trained.contains(&alpha) {
        return Ok(());
    }
    let wanted = format!("one of {trained:?}, because only these were trained on ImageNet");
    Err(a.wrong("alpha", alpha, wanted))
}

fn published(a: &Application) -> Result<Published> {
    if a.options.depth_multiplier != 1 {
        let wanted = "1, because only that was trained on ImageNet";
        return Err(a.wrong("depth_multiplier", a.options.depth_multiplier, wanted));
    }
    check_alpha(a, &[0.25, 0.5, 0.75, 1.0])?;
    let alpha = match a.options.alpha {
        1.0 => "1_0",
        0.75 => "7_5",
        0.5 => "5_0",
        _ => "2_5",
    };
    let end = if a.include_top { "" } else { "_no_top" };
    let file = format!("mobilenet_{alpha}_{}_tf{end}.h5", trained_size(a, SIZES));
    Ok(Published::new(
        "tensorflow/keras-applications/mobilenet",
        file,
        None,
    ))
}

/// Filters and strides of the blocks.
const BLOCKS: [(usize, usize); 13] = [
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
];

fn network(a: &Application, x: &Symbolic) -> Result<Symbolic> {
    let wide = |filters: usize| (filters as f64 * a.options.alpha) as usize;
    let conv = Conv2D::new(wide(32), 3)
        .strides(2)
        .padding("same")
        .use_bias(false);
    let mut x = ended(&conv.name("conv1").on(x)?, "conv1")?;
    for (i, (filters, stride)) in (1..).zip(BLOCKS) {
        x = block(&x, wide(filters), stride, a.options.depth_multiplier, i)?;
    }
    if !a.include_top {
        return a.pooled(&x, [Auto, Auto]);
    }
    let x = LayerRef::from(GlobalAveragePooling2D::new().keepdims(true)).on(&x)?;
    let x = Dropout::new(a.options.dropout).name("dropout").on(&x)?;
    let conv = Conv2D::new(a.classes, 1).padding("same");
    let x = conv.name("conv_preds").on(&x)?;
    let x = Reshape::new([a.classes as isize])
        .name("reshape_2")
        .on(&x)?;
    Activation::new(&a.classifier_activation)
        .name("predictions")
        .on(&x)
}

/// What comes after each convolution.
fn ended(x: &Symbolic, name: &str) -> Result<Symbolic> {
    let x = BatchNormalization::new()
        .name(&format!("{name}_bn"))
        .on(x)?;
    ReLU::new()
        .max_value(6.0)
        .name(&format!("{name}_relu"))
        .on(&x)
}

/// A convolution of each channel, and one of each pixel.
fn block(
    x: &Symbolic,
    filters: usize,
    stride: usize,
    depth_multiplier: usize,
    i: usize,
) -> Result<Symbolic> {
    let (x, padding) = match stride {
        1 => (x.clone(), "same"),
        _ => {
            let pad = ZeroPadding2D::new([(0, 1), (0, 1)]);
            (pad.name(&format!("conv_pad_{i}")).on(x)?, "valid")
        }
    };
    let each = DepthwiseConv2D::new(3)
        .padding(padding)
        .depth_multiplier(depth_multiplier);
    let name = format!("conv_dw_{i}");
    let x = each.strides(stride).use_bias(false).name(&name).on(&x)?;
    let x = ended(&x, &name)?;
    let conv = Conv2D::new(filters, 1).padding("same").use_bias(false);
    let name = format!("conv_pw_{i}");
    ended(&conv.name(&name).on(&x)?, &name)
}
