//! VGG: Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, 2014.

pub use crate::imagenet_utils::{bgr as preprocess_input, decode_predictions};
use keras_layers::layers::{Conv2D, Dense, Flatten, MaxPooling2D};
use keras_layers::{LayerExt, Symbolic};
use keras_tensor::Result;

use crate::blocks::Auto;
use crate::{Application, Published};

family! {
    /// VGG of 16 layers.
    VGG16 {
        body: |a, x| network(a, x, [2, 2, 3, 3, 3]),
        published: |a, _| Published::kernels(a, "vgg16", ["6d6bbae143d832006294945121d1f1fc", "64373286793e3c8b2b4e3219cbf3544b"]),
        torchvision: Some(|layer| module(layer, [2, 2, 3, 3, 3])),
    }
    /// VGG of 19 layers.
    VGG19 {
        body: |a, x| network(a, x, [2, 2, 4, 4, 4]),
        published: |a, _| Published::kernels(a, "vgg19", ["253f8cb515780f3b799900260a226db6", "cbe5617147190e668d6c5d5026f83318"]),
        torchvision: Some(|layer| module(layer, [2, 2, 4, 4, 4])),
    }
}

/// torchvision counts convolutions, activations and poolings through.
fn module(layer: &str, depths: [usize; 5]) -> Option<String> {
    if let Some(at) = ["fc1", "fc2", "predictions"]
        .iter()
        .position(|l| *l == layer)
    {
        return Some(format!("classifier.{}", 3 * at));
    }
    let (block, conv) = layer.strip_prefix("block")?.split_once("_conv")?;
    let (block, conv): (usize, usize) = (block.parse().ok()?, conv.parse().ok()?);
    let before: usize = depths
        .iter()
        .take(block - 1)
        .map(|depth| 2 * depth + 1)
        .sum();
    Some(format!("features.{}", before + 2 * (conv - 1)))
}

fn network(a: &Application, x: &Symbolic, depths: [usize; 5]) -> Result<Symbolic> {
    let mut x = x.clone();
    for (block, depth) in depths.into_iter().enumerate() {
        let (filters, name) = ((64 << block).min(512), format!("block{}", block + 1));
        for i in 1..=depth {
            let conv = Conv2D::new(filters, 3).padding("same").activation("relu");
            x = conv.name(&format!("{name}_conv{i}")).on(&x)?;
        }
        let pool = MaxPooling2D::new(2).strides(2);
        x = pool.name(&format!("{name}_pool")).on(&x)?;
    }
    if !a.include_top {
        return a.pooled(&x, [Auto, Auto]);
    }
    let mut x = Flatten::new().name("flatten").on(&x)?;
    for name in ["fc1", "fc2"] {
        x = Dense::new(4096).activation("relu").name(name).on(&x)?;
    }
    a.predictions(&x, "predictions")
}
