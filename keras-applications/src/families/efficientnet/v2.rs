//! EfficientNetV2: Tan and Le, EfficientNetV2: Smaller Models and Faster Training, 2021.

pub use crate::imagenet_utils::{decode_predictions, unchanged as preprocess_input};
use keras_layers::layers::{DepthwiseConv2D, Normalization, Rescaling};
use keras_layers::{LayerExt, LayerRef, Symbolic};
use keras_tensor::Result;

use super::{Block, convolution, initializer, published, top};
use crate::Application;
use crate::blocks::rounded;

family! {
    /// EfficientNetV2 for images of 224 pixels squared.
    EfficientNetV2B0 {
        model_name: |_, _| "efficientnetv2-b0".into(),
        takes: &["include_preprocessing"],
        body: |a, x| network(a, x, B, [1.0, 1.0]),
        published: |a, _| Ok(published(a, FOLDER, ["893217f2bb855e2983157299931e43ff", "21ecbf6da12460d5c40bb2f29ceb2188"])),
    }
    /// EfficientNetV2 for images of 240 pixels squared.
    EfficientNetV2B1 {
        model_name: |_, _| "efficientnetv2-b1".into(),
        default_size: |_| 240,
        takes: &["include_preprocessing"],
        body: |a, x| network(a, x, B, [1.0, 1.1]),
        published: |a, _| Ok(published(a, FOLDER, ["0e80663031ca32d657f9caa404b6ec37", "069f0534ff22adf035c89e2d9547a9dc"])),
    }
    /// EfficientNetV2 for images of 260 pixels squared.
    EfficientNetV2B2 {
        model_name: |_, _| "efficientnetv2-b2".into(),
        default_size: |_| 260,
        takes: &["include_preprocessing"],
        body: |a, x| network(a, x, B, [1.1, 1.2]),
        published: |a, _| Ok(published(a, FOLDER, ["1dfe2e7a5d45b6632553a8961ea609eb", "424e49f28180edbde1e94797771950a7"])),
    }
    /// EfficientNetV2 for images of 300 pixels squared.
    EfficientNetV2B3 {
        model_name: |_, _| "efficientnetv2-b3".into(),
        default_size: |_| 300,
        takes: &["include_preprocessing"],
        body: |a, x| network(a, x, B, [1.2, 1.4]),
        published: |a, _| Ok(published(a, FOLDER, ["f6abf7b5849ac99a89b50dd3fd532856", "1f1fc43bd98a6e4fd8fdfd551e02c7a0"])),
    }
    /// EfficientNetV2 for images of 384 pixels squared.
    EfficientNetV2S {
        model_name: |_, _| "efficientnetv2-s".into(),
        default_size: |_| 384,
        takes: &["include_preprocessing"],
        body: |a, x| network(a, x, S, [1.0, 1.0]),
        published: |a, _| Ok(published(a, FOLDER, ["af0682fb74e8c54910f2d4393339c070", "e1d88a8495beba45748fedd0cecbe016"])),
    }
    /// EfficientNetV2 for images of 480 pixels squared.
    EfficientNetV2M {
        model_name: |_, _| "efficientnetv2-m".into(),
        default_size: |_| 480,
        takes: &["include_preprocessing"],
        body: |a, x| network(a, x, M, [1.0, 1.0]),
        published: |a, _| Ok(published(a, FOLDER, ["1b8dc055df72dde80d614482840fe342", "a3bf6aa3276309f4fc6a34aa114c95cd"])),
    }
    /// EfficientNetV2 for images of 480 pixels squared.
    EfficientNetV2L {
        model_name: |_, _| "efficientnetv2-l".into(),
        default_size: |_| 480,
        takes: &["include_preprocessing"],
        body: |a, x| network(a, x, L, [1.0, 1.0]),
        published: |a, _| Ok(published(a, FOLDER, ["b0b66b5c863aef5b46e8608fe1711615", "27e6d408b53c7ebc868fefa357689935"])),
    }
}

const FOLDER: &str = "tensorflow/keras-applications/efficientnet_v2";
const MOMENTUM: f64 = 0.9;
/// What share of blocks the last residual connection leaves out in training.
const DROP_CONNECT: f64 = 0.2;
const DROPOUT: f64 = 0.2;

/// Whether blocks are fused, how many there are, the first one's stride, their expansion, channels that come in and go
/// out.
type Stage = (bool, usize, usize, usize, usize, usize);

const B: &[Stage] = &[
    (true, 1, 1, 1, 32, 16),
    (true, 2, 2, 4, 16, 32),
    (true, 2, 2, 4, 32, 48),
    (false, 3, 2, 4, 48, 96),
    (false, 5, 1, 6, 96, 112),
    (false, 8, 2, 6, 112, 192),
];
const S: &[Stage] = &[
    (true, 2, 1, 1, 24, 24),
    (true, 4, 2, 4, 24, 48),
    (true, 4, 2, 4, 48, 64),
    (false, 6, 2, 4, 64, 128),
    (false, 9, 1, 6, 128, 160),
    (false, 15, 2, 6, 160, 256),
];
const M: &[Stage] = &[
    (true, 3, 1, 1, 24, 24),
    (true, 5, 2, 4, 24, 48),
    (true, 5, 2, 4, 48, 80),
    (false, 7, 2, 4, 80, 160),
    (false, 14, 1, 6, 160, 176),
    (false, 18, 2, 6, 176, 304),
    (false, 5, 1, 6, 304, 512),
];
const L: &[Stage] = &[
    (true, 4, 1, 1, 32, 32),
    (true, 7, 2, 4, 32, 64),
    (true, 7, 2, 4, 64, 96),
    (false, 10, 2, 4, 96, 192),
    (false, 19, 1, 6, 192, 224),
    (false, 25, 2, 6, 224, 384),
    (false, 7, 1, 6, 384, 640),
];

fn network(
    a: &Application,
    x: &Symbolic,
    stages: &[Stage],
    [width, depth]: [f64; 2],
) -> Result<Symbolic> {
    let wide = |filters: usize| rounded(filters as f64 * width);
    let x = preprocessed(a, x)?;
    let stem = convolution(wide(stages[0].4), 3).strides(2);
    let x = stem.name("stem_conv").on(&x)?;
    let mut x = super::ended(&x, MOMENTUM, "stem_bn", "stem_activation")?;
    // Blocks are counted as they are before the network is made deeper, as Keras does it.
    let blocks: usize = stages.iter().map(|stage| stage.1).sum();
    let mut before = 0;
    for (stage, &(fused, repeats, stride, expansion, from, to)) in (1..).zip(stages) {
        for i in 0..(repeats as f64 * depth).ceil() as usize {
            let block = Block {
                name: super::block_name(stage, i),
                kernel: 3,
                expansion,
                stride: if i == 0 { stride } else { 1 },
                from: wide(if i == 0 { from } else { to }),
                to: wide(to),
                dropped: DROP_CONNECT * before as f64 / blocks as f64,
                momentum: MOMENTUM,
            };
            x = match fused {
                true => fused_inverted(&x, &block)?,
                false => inverted(&x, &block)?,
            };
            before += 1;
        }
    }
    top(a, &x, wide(1280), MOMENTUM, DROPOUT)
}

/// Pixels of 0 to 255 as the networks were trained with them.
fn preprocessed(a: &Application, x: &Symbolic) -> Result<Symbolic> {
    if !a.options.include_preprocessing {
        return Ok(x.clone());
    }
    let is_small = a.architecture.name.contains("V2B");
    if !is_small || x.dims().last()? != 3 {
        return LayerRef::from(Rescaling::new(1.0 / 128.0).offset(-1.0)).on(x);
    }
    let x = LayerRef::from(Rescaling::new(1.0 / 255.0)).on(x)?;
    let norm = Normalization::new().mean([0.485, 0.456, 0.406]);
    let norm = norm.variance([0.229, 0.224, 0.225].map(|stddev: f64| stddev.powi(2)));
    LayerRef::from(norm.axis(3)).on(&x)
}

/// More channels, each convolved and weighed by what all pixels say, and fewer again.
fn inverted(input: &Symbolic, b: &Block) -> Result<Symbolic> {
    let x = b.expanded(input)?;
    let each = DepthwiseConv2D::new(b.kernel)
        .strides(b.stride)
        .padding("same")
        .use_bias(false);
    let each = each.depthwise_initializer(initializer());
    let x = each.name(&b.named("dwconv2")).on(&x)?;
    let x = b.ended(&x, "bn", "activation")?;
    let x = b.squeezed(&x)?;
    let x = convolution(b.to, 1).name(&b.named("project_conv")).on(&x)?;
    let x = b.normalized(&x, "project_bn")?;
    b.beside(input, x)
}

/// More channels by a convolution, and fewer again.
fn fused_inverted(input: &Symbolic, b: &Block) -> Result<Symbolic> {
    if b.expansion == 1 {
        let conv = convolution(b.to, b.kernel).strides(b.stride);
        let x = conv.name(&b.named("project_conv")).on(input)?;
        let x = b.ended(&x, "project_bn", "project_activation")?;
        return b.beside(input, x);
    }
    let conv = convolution(b.from * b.expansion, b.kernel).strides(b.stride);
    let x = conv.name(&b.named("expand_conv")).on(input)?;
    let x = b.ended(&x, "expand_bn", "expand_activation")?;
    let x = convolution(b.to, 1).name(&b.named("project_conv")).on(&x)?;
    let x = b.normalized(&x, "project_bn")?;
    b.beside(input, x)
}
