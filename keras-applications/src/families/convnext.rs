//! ConvNeXt: Liu et al., A ConvNet for the 2020s, 2022.

pub use crate::imagenet_utils::{decode_predictions, unchanged as preprocess_input};
use keras_layers::layers::{
    Conv2D, Dense, GlobalAveragePooling2D, LayerNormalization, LayerScale, Normalization,
};
use keras_layers::{LayerExt, LayerRef, Symbolic};
use keras_models::Sequential;
use keras_tensor::Result;

use crate::blocks::{Auto, Name, activated, named};
use crate::{Application, Published};

family! {
    /// ConvNeXt with 96 channels in its first stage and 18 blocks.
    ConvNeXtTiny {
        model_name: |_, _| "convnext_tiny".into(),
        takes: &["include_preprocessing"],
        body: |a, x| network(a, x, [3, 3, 9, 3], 96),
        published: |a, _| Ok(published(a, ["d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1", "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff"])),
    }
    /// ConvNeXt with 96 channels in its first stage and 36 blocks.
    ConvNeXtSmall {
        model_name: |_, _| "convnext_small".into(),
        takes: &["include_preprocessing"],
        body: |a, x| network(a, x, [3, 3, 27, 3], 96),
        published: |a, _| Ok(published(a, ["6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab", "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c"])),
    }
    /// ConvNeXt with 128 channels in its first stage and 36 blocks.
    ConvNeXtBase {
        model_name: |_, _| "convnext_base".into(),
        takes: &["include_preprocessing"],
        body: |a, x| network(a, x, [3, 3, 27, 3], 128),
        published: |a, _| Ok(published(a, ["40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45", "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6"])),
    }
    /// ConvNeXt with 192 channels in its first stage and 36 blocks.
    ConvNeXtLarge {
        model_name: |_, _| "convnext_large".into(),
        takes: &["include_preprocessing"],
        body: |a, x| network(a, x, [3, 3, 27, 3], 192),
        published: |a, _| Ok(published(a, ["96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd", "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6"])),
    }
    /// ConvNeXt with 256 channels in its first stage and 36 blocks.
    ConvNeXtXLarge {
        model_name: |_, _| "convnext_xlarge".into(),
        takes: &["include_preprocessing"],
        body: |a, x| network(a, x, [3, 3, 27, 3], 256),
        published: |a, _| Ok(published(a, ["de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05", "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee"])),
    }
}

const EPSILON: f64 = 1e-6;
const LAYER_SCALE: f64 = 1e-6;

/// Keras's file of weights, with its hashes without and with the top.
fn published(a: &Application, hashes: [&'static str; 2]) -> Published {
    let name = a.architecture.name.to_lowercase();
    let (end, hash) = match a.include_top {
        true => ("", hashes[1]),
        false => ("_notop", hashes[0]),
    };
    let file = format!("{}{end}.h5", name.replace("convnext", "convnext_"));
    Published::new("tensorflow/keras-applications/convnext", file, Some(hash))
}

fn network(a: &Application, x: &Symbolic, depths: [usize; 4], width: usize) -> Result<Symbolic> {
    let name = a.model_name(x);
    let mut x = preprocessed(a, x, &name)?;
    for (stage, depth) in depths.into_iter().enumerate() {
        let filters = width << stage;
        x = LayerRef::from(halved(stage, filters, &name)).on(&x)?;
        for i in 0..depth {
            x = block(&x, filters, &format!("{name}_stage_{stage}_block_{i}"))?;
        }
    }
    if !a.include_top {
        let x = a.pooled(&x, [Auto, Auto])?;
        return normalization(Auto).on(&x);
    }
    let gap = GlobalAveragePooling2D::new().name(&format!("{name}_head_gap"));
    let x = normalization(format!("{name}_head_layernorm")).on(&gap.on(&x)?)?;
    a.predictions(&x, &format!("{name}_head_dense"))
}

/// Pixels of 0 to 255 with the mean and variance of ImageNet's taken out.
fn preprocessed(a: &Application, x: &Symbolic, name: &str) -> Result<Symbolic> {
    if !a.options.include_preprocessing || x.dims().last()? != 3 {
        return Ok(x.clone());
    }
    let mean = [0.485 * 255.0, 0.456 * 255.0, 0.406 * 255.0];
    let variance = [0.229 * 255.0, 0.224 * 255.0, 0.225 * 255.0].map(|stddev: f64| stddev.powi(2));
    let normalization = Normalization::new().mean(mean).variance(variance);
    let name = format!("{name}_prestem_normalization");
    normalization.name(&name).on(x)
}

fn normalization(name: impl Into<Name>) -> LayerRef {
    named(LayerNormalization::new().epsilon(EPSILON), name)
}

/// Fewer pixels with more channels: patches of 4 pixels squared first, of 2 before each further stage.
fn halved(stage: usize, filters: usize, name: &str) -> Sequential {
    let conv = |size: usize, part: String| Conv2D::new(filters, size).strides(size).name(&part);
    let (layers, part) = match stage.checked_sub(1) {
        None => (
            [
                conv(4, format!("{name}_stem_conv")),
                normalization(format!("{name}_stem_layernorm")),
            ],
            "stem".to_string(),
        ),
        Some(i) => (
            [
                normalization(format!("{name}_downsampling_layernorm_{i}")),
                conv(2, format!("{name}_downsampling_conv_{i}")),
            ],
            format!("downsampling_block_{i}"),
        ),
    };
    Sequential::named(&format!("{name}_{part}"), layers)
}

/// A wide convolution of each channel, then two layers of each pixel; beside the input.
fn block(input: &Symbolic, filters: usize, name: &str) -> Result<Symbolic> {
    let called = |part: &str| format!("{name}_{part}");
    let each = Conv2D::new(filters, 7).padding("same").groups(filters);
    let x = each.name(&called("depthwise_conv")).on(input)?;
    let x = normalization(called("layernorm")).on(&x)?;
    let wide = Dense::new(4 * filters).name(&called("pointwise_conv_1"));
    let x = activated(&wide.on(&x)?, "gelu", called("gelu"))?;
    let narrow = Dense::new(filters).name(&called("pointwise_conv_2"));
    let x = narrow.on(&x)?;
    let scale = LayerScale::new(LAYER_SCALE, filters);
    let x = scale.name(&called("layer_scale")).on(&x)?;
    let x = activated(&x, "linear", called("identity"))?;
    Ok(input + x)
}
