//! Layers: a call, and a call with its gradients.

use criterion::{Criterion, criterion_group, criterion_main};
use keras::prelude::*;
use keras_benches::digits::Random;
use std::time::Duration;

/// Layers with what they are called on.
fn cases() -> Vec<(&'static str, LayerRef, Tensor)> {
    let mut random = Random(4);
    let words = random.integers(&[32, 200], 20_000).unwrap();
    let mut values = |shape: &[usize]| random.tensor(shape).unwrap();
    let (sequence, image) = (values(&[32, 50, 128]), values(&[8, 28, 28, 128]));
    vec![
        (
            "Dense, 32x784 to 256",
            Dense::new(256).activation("relu").into(),
            values(&[32, 784]),
        ),
        (
            "Conv2D 3x3, 8x28x28x128",
            Conv2D::new(128, 3).padding("same").into(),
            image.clone(),
        ),
        (
            "DepthwiseConv2D 3x3, 8x28x28x128",
            DepthwiseConv2D::new(3).padding("same").into(),
            image.clone(),
        ),
        (
            "MaxPooling2D, 8x28x28x128",
            MaxPooling2D::new(2).into(),
            image.clone(),
        ),
        (
            "BatchNormalization, 8x28x28x128",
            BatchNormalization::new().into(),
            image,
        ),
        (
            "LayerNormalization, 16x128x256",
            LayerNormalization::new().into(),
            values(&[16, 128, 256]),
        ),
        (
            "Embedding, 32x200 of 20000",
            Embedding::new(20_000, 128).into(),
            words,
        ),
        (
            "LSTM(128), 32x50x128",
            LSTM::new(128).into(),
            sequence.clone(),
        ),
        ("GRU(128), 32x50x128", GRU::new(128).into(), sequence),
    ]
}

fn layers(c: &mut Criterion) {
    for (name, layer, x) in cases() {
        let mut group = c.benchmark_group(name);
        group.bench_function("call", |run| {
            run.iter(|| layer.call(&x, &Call::inference()).unwrap())
        });
        let weights = layer.trainable_variables();
        group.bench_function("call and gradients", |run| {
            run.iter(|| {
                let tape = GradientTape::new();
                if weights.is_empty() {
                    tape.watch(&x);
                }
                let y = layer.call(&x, &Call::training()).unwrap();
                match weights.is_empty() {
                    true => tape.gradient(&y, &[&x]).unwrap(),
                    false => tape.gradient(&y, &weights).unwrap(),
                }
            })
        });
        group.finish();
    }
}

criterion_group! {
    name = all;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600));
    targets = layers
}
criterion_main!(all);
