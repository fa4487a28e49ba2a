//! Weights and images that are made by a formula, here and where the golden values were computed.

use keras_models::Model;
use keras_tensor::{Tensor, Variable, ops};

/// Numbers of [0, 1) by a hash of their place and of the stream.
pub(crate) fn hashed(count: usize, stream: usize) -> impl Iterator<Item = f64> {
    let offset = (stream as u64 * 40503 + 12345) as u32;
    (0..count as u32).map(move |i| {
        let mut h = i.wrapping_mul(2_654_435_761).wrapping_add(offset);
        for _ in 0..2 {
            h = (h ^ (h >> 16)).wrapping_mul(0x45d9f3b);
        }
        f64::from(h ^ (h >> 16)) / 4_294_967_296.0
    })
}

fn value(variable: &Variable, stream: usize) -> Tensor {
    let (shape, name) = (variable.shape(), variable.name());
    let product = |left_out: usize| {
        let sizes = &shape[..shape.rank().saturating_sub(left_out)];
        sizes.iter().product::<usize>().max(1) as f64
    };
    let (begin, scale) = match name {
        "gamma" => (1.0, 0.2),
        "moving_variance" => (1.0, 0.5),
        "moving_mean" | "beta" | "bias" => (0.0, 0.2),
        _ if shape.rank() < 2 => (0.0, 0.2),
        name if name.contains("depthwise") => (0.0, (3.0 / product(2)).sqrt()),
        _ => (0.0, (3.0 / product(1)).sqrt()),
    };
    let data: Vec<f32> = hashed(shape.size(), stream)
        .map(|u| (begin + scale * (2.0 * u - 1.0)) as f32)
        .collect();
    let value = Tensor::new(&data, shape.clone()).unwrap();
    ops::cast(value, variable.dtype()).unwrap()
}

/// Gives every weight the value of the formula, but for those of Normalization: Keras computes with what they were when
/// they were made.
pub(crate) fn set_weights(model: &Model, seed: usize) {
    for (i, variable) in model.weights().iter().enumerate() {
        if !["mean", "variance", "count"].contains(&variable.name()) {
            variable.assign(&value(variable, seed * 1000 + i)).unwrap();
        }
    }
}

/// Images, with pixels of 0 to 255 or of -1 to 1.
pub(crate) fn images(shape: &[usize], pixels: bool) -> Tensor {
    let scaled = |u: f64| if pixels { u * 255.0 } else { 2.0 * u - 1.0 };
    let data: Vec<f32> = hashed(shape.iter().product(), 4242)
        .map(|u| scaled(u) as f32)
        .collect();
    Tensor::new(&data, shape).unwrap()
}

/// Whether a network scales pixels of 0 to 255 itself.
pub(crate) fn scales_itself(name: &str) -> bool {
    let families = ["EfficientNet", "ConvNeXt", "MobileNetV3"];
    families.iter().any(|begin| name.starts_with(begin))
}
