//! EfficientNet: Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, 2019.

pub use crate::imagenet_utils::{decode_predictions, unchanged as preprocess_input};
use keras_layers::layers::{Conv2D, DepthwiseConv2D, Normalization, Rescaling, ZeroPadding2D};
use keras_layers::{LayerExt, LayerRef, Symbolic};
use keras_tensor::Result;

use super::{Block, convolution, initializer, published, top};
use crate::Application;
use crate::blocks::{correct_pad, divisible};

family! {
    /// EfficientNet for images of 224 pixels squared.
    EfficientNetB0 {
        body: |a, x| network(a, x, &Scale { width: 1.0, depth: 1.0, dropout: 0.2 }),
        published: |a, _| Ok(published(a, "keras-applications", ["50bc09e76180e00e4465e1a485ddc09d", "902e53a9f72be733fc0bcb005b3ebbac"])),
    }
    /// EfficientNet for images of 240 pixels squared.
    EfficientNetB1 {
        default_size: |_| 240,
        body: |a, x| network(a, x, &Scale { width: 1.0, depth: 1.1, dropout: 0.2 }),
        published: |a, _| Ok(published(a, "keras-applications", ["74c4e6b3e1f6a1eea24c589628592432", "1d254153d4ab51201f1646940f018540"])),
    }
    /// EfficientNet for images of 260 pixels squared.
    EfficientNetB2 {
        default_size: |_| 260,
        body: |a, x| network(a, x, &Scale { width: 1.1, depth: 1.2, dropout: 0.3 }),
        published: |a, _| Ok(published(a, "keras-applications", ["111f8e2ac8aa800a7a99e3239f7bfb39", "b15cce36ff4dcbd00b6dd88e7857a6ad"])),
    }
    /// EfficientNet for images of 300 pixels squared.
    EfficientNetB3 {
        default_size: |_| 300,
        body: |a, x| network(a, x, &Scale { width: 1.2, depth: 1.4, dropout: 0.3 }),
        published: |a, _| Ok(published(a, "keras-applications", ["af6d107764bb5b1abb91932881670226", "ffd1fdc53d0ce67064dc6a9c7960ede0"])),
    }
    /// EfficientNet for images of 380 pixels squared.
    EfficientNetB4 {
        default_size: |_| 380,
        body: |a, x| network(a, x, &Scale { width: 1.4, depth: 1.8, dropout: 0.4 }),
        published: |a, _| Ok(published(a, "keras-applications", ["ebc24e6d6c33eaebbd558eafbeedf1ba", "18c95ad55216b8f92d7e70b3a046e2fc"])),
    }
    /// EfficientNet for images of 456 pixels squared.
    EfficientNetB5 {
        default_size: |_| 456,
        body: |a, x| network(a, x, &Scale { width: 1.6, depth: 2.2, dropout: 0.4 }),
        published: |a, _| Ok(published(a, "keras-applications", ["38879255a25d3c92d5e44e04ae6cec6f", "ace28f2a6363774853a83a0b21b9421a"])),
    }
    /// EfficientNet for images of 528 pixels squared.
    EfficientNetB6 {
        default_size: |_| 528,
        body: |a, x| network(a, x, &Scale { width: 1.8, depth: 2.6, dropout: 0.5 }),
        published: |a, _| Ok(published(a, "keras-applications", ["9ecce42647a20130c1f39a5d4cb75743", "165f6e37dce68623721b423839de8be5"])),
    }
    /// EfficientNet for images of 600 pixels squared.
    EfficientNetB7 {
        default_size: |_| 600,
        body: |a, x| network(a, x, &Scale { width: 2.0, depth: 3.1, dropout: 0.5 }),
        published: |a, _| Ok(published(a, "keras-applications", ["cbcfe4450ddf6f3ad90b1b398090fe4a", "8c03f828fec3ef71311cd463b6759d99"])),
    }
}

/// How much wider and deeper than B0 a network is.
struct Scale {
    width: f64,
    depth: f64,
    dropout: f64,
}

const MOMENTUM: f64 = 0.99;
/// What share of blocks the last residual connection leaves out in training.
const DROP_CONNECT: f64 = 0.2;

/// Kernels, how many blocks there are, their expansion and the first one's stride, channels that come in and go out.
const STAGES: [(usize, usize, usize, usize, usize, usize); 7] = [
    (3, 1, 1, 1, 32, 16),
    (3, 2, 6, 2, 16, 24),
    (5, 2, 6, 2, 24, 40),
    (3, 3, 6, 2, 40, 80),
    (5, 3, 6, 1, 80, 112),
    (5, 4, 6, 2, 112, 192),
    (3, 1, 6, 1, 192, 320),
];

fn network(a: &Application, x: &Symbolic, scale: &Scale) -> Result<Symbolic> {
    let wide = |filters: usize| divisible(filters as f64 * scale.width);
    let deep = |depth: usize| (depth as f64 * scale.depth).ceil() as usize;
    let x = LayerRef::from(Rescaling::new(1.0 / 255.0)).on(x)?;
    let mut x = LayerRef::from(Normalization::new().axis(3)).on(&x)?;
    if a.is_imagenet() {
        // The weights were trained with a division by the variance, not by its root.
        let roots = [0.229, 0.224, 0.225].map(|stddev: f64| 1.0 / stddev.sqrt());
        x = LayerRef::from(Rescaling::new(roots)).on(&x)?;
    }
    let pad = ZeroPadding2D::new(correct_pad(&x, 3));
    let x = pad.name("stem_conv_pad").on(&x)?;
    let conv = Conv2D::new(wide(32), 3).strides(2).use_bias(false);
    let x = conv
        .kernel_initializer(initializer())
        .name("stem_conv")
        .on(&x)?;
    let mut x = super::ended(&x, MOMENTUM, "stem_bn", "stem_activation")?;
    let blocks: usize = STAGES.iter().map(|stage| deep(stage.1)).sum();
    let mut before = 0;
    for (stage, (kernel, depth, expansion, stride, from, to)) in (1..).zip(STAGES) {
        for i in 0..deep(depth) {
            let block = Block {
                name: super::block_name(stage, i),
                kernel,
                expansion,
                stride: if i == 0 { stride } else { 1 },
                from: wide(if i == 0 { from } else { to }),
                to: wide(to),
                dropped: DROP_CONNECT * before as f64 / blocks as f64,
                momentum: MOMENTUM,
            };
            x = inverted(&x, &block)?;
            before += 1;
        }
    }
    top(a, &x, wide(1280), MOMENTUM, scale.dropout)
}

/// More channels, each convolved and weighed by what all pixels say, and fewer again.
fn inverted(input: &Symbolic, b: &Block) -> Result<Symbolic> {
    let mut x = b.expanded(input)?;
    let mut padding = "same";
    if b.stride == 2 {
        let pad = ZeroPadding2D::new(correct_pad(&x, b.kernel));
        x = pad.name(&b.named("dwconv_pad")).on(&x)?;
        padding = "valid";
    }
    let each = DepthwiseConv2D::new(b.kernel)
        .strides(b.stride)
        .padding(padding)
        .use_bias(false);
    let each = each.depthwise_initializer(initializer());
    let x = each.name(&b.named("dwconv")).on(&x)?;
    let x = b.ended(&x, "bn", "activation")?;
    let x = b.squeezed(&x)?;
    let x = convolution(b.to, 1).name(&b.named("project_conv")).on(&x)?;
    let x = b.normalized(&x, "project_bn")?;
    b.beside(input, x)
}
