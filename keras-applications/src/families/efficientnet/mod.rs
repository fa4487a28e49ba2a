//! The networks of Tan and Le, whose width, depth and images grow together.

mod v1;
pub mod v2;

pub use v1::*;

use keras_layers::initializers::VarianceScaling;
use keras_layers::layers::{
    Add, BatchNormalization, Conv2D, Dense, Dropout, GlobalAveragePooling2D, Multiply, Reshape,
};
use keras_layers::{LayerExt, Symbolic};
use keras_tensor::Result;

use crate::blocks::activated;
use crate::{Application, Published};

/// Keras's file of weights, with its hashes without and with the top.
fn published(a: &Application, folder: &str, hashes: [&'static str; 2]) -> Published {
    // V2 has a dash before its size.
    let name = a.architecture.name.to_lowercase().replace("v2", "v2-");
    let (end, hash) = match a.include_top {
        true => ("", hashes[1]),
        false => ("_notop", hashes[0]),
    };
    Published::new(folder, format!("{name}{end}.h5"), Some(hash))
}

fn initializer() -> VarianceScaling {
    VarianceScaling::new(2.0, "fan_out", "truncated_normal")
}

fn convolution(filters: usize, kernel: usize) -> Conv2D {
    let conv = Conv2D::new(filters, kernel).padding("same").use_bias(false);
    conv.kernel_initializer(initializer())
}

/// `"block2a_"` is the first block of the second stage.
fn block_name(stage: usize, i: usize) -> String {
    let letter = (b'a'..=b'z').nth(i).map_or('z', char::from);
    format!("block{stage}{letter}_")
}

/// What comes after convolutions: normalization and a function.
fn ended(x: &Symbolic, momentum: f64, norm: &str, activation: &str) -> Result<Symbolic> {
    let x = BatchNormalization::new()
        .axis(3)
        .momentum(momentum)
        .name(norm)
        .on(x)?;
    activated(&x, "swish", activation)
}

/// One last convolution, and the classifier.
fn top(
    a: &Application,
    x: &Symbolic,
    filters: usize,
    momentum: f64,
    dropout: f64,
) -> Result<Symbolic> {
    let x = convolution(filters, 1).name("top_conv").on(x)?;
    let x = ended(&x, momentum, "top_bn", "top_activation")?;
    if !a.include_top {
        return a.pooled(&x, ["avg_pool", "max_pool"]);
    }
    let x = GlobalAveragePooling2D::new().name("avg_pool").on(&x)?;
    let x = Dropout::new(dropout).name("top_dropout").on(&x)?;
    let dense = Dense::new(a.classes).activation(&a.classifier_activation);
    let first = VarianceScaling::new(1.0 / 3.0, "fan_out", "uniform");
    dense.kernel_initializer(first).name("predictions").on(&x)
}

/// A block, and what the kinds of blocks share.
struct Block {
    /// What names of its layers begin with.
    name: String,
    kernel: usize,
    stride: usize,
    /// How many times more channels it works on than come in.
    expansion: usize,
    from: usize,
    to: usize,
    /// What share of samples it is left out for in training.
    dropped: f64,
    momentum: f64,
}

impl Block {
    fn named(&self, part: &str) -> String {
        format!("{}{part}", self.name)
    }

    fn normalized(&self, x: &Symbolic, name: &str) -> Result<Symbolic> {
        let norm = BatchNormalization::new().axis(3).momentum(self.momentum);
        norm.name(&self.named(name)).on(x)
    }

    fn ended(&self, x: &Symbolic, norm: &str, activation: &str) -> Result<Symbolic> {
        ended(x, self.momentum, &self.named(norm), &self.named(activation))
    }

    /// More channels, if the block wants more.
    fn expanded(&self, x: &Symbolic) -> Result<Symbolic> {
        if self.expansion == 1 {
            return Ok(x.clone());
        }
        let conv = convolution(self.from * self.expansion, 1);
        let x = conv.name(&self.named("expand_conv")).on(x)?;
        self.ended(&x, "expand_bn", "expand_activation")
    }

    /// Each channel times a weight that is made of the means of all channels.
    fn squeezed(&self, x: &Symbolic) -> Result<Symbolic> {
        let channels = self.from * self.expansion;
        let conv = |filters: usize, activation: &str| {
            let conv = Conv2D::new(filters, 1)
                .padding("same")
                .activation(activation);
            conv.kernel_initializer(initializer())
        };
        let few = (self.from / 4).max(1);
        let mean = GlobalAveragePooling2D::new();
        let y = mean.name(&self.named("se_squeeze")).on(x)?;
        let pixel = Reshape::new([1, 1, channels as isize]);
        let y = pixel.name(&self.named("se_reshape")).on(&y)?;
        let y = conv(few, "swish").name(&self.named("se_reduce")).on(&y)?;
        let y = conv(channels, "sigmoid")
            .name(&self.named("se_expand"))
            .on(&y)?;
        Multiply::new().name(&self.named("se_excite")).on([x, &y])
    }

    /// The output, added to the input where both have one shape.
    fn beside(&self, input: &Symbolic, x: Symbolic) -> Result<Symbolic> {
        if self.stride != 1 || self.from != self.to {
            return Ok(x);
        }
        let mut x = x;
        if self.dropped > 0.0 {
            let dropout = Dropout::new(self.dropped).noise_shape([None, Some(1), Some(1), Some(1)]);
            x = dropout.name(&self.named("drop")).on(&x)?;
        }
        Add::new().name(&self.named("add")).on([&x, input])
    }
}
