//! Products, convolutions and normalizations by themselves. Criterion's `elem/s` are floating-point operations per second
//! where a product is measured, and values per second elsewhere.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use keras::ops::{self, Padding};
use keras::prelude::*;
use keras_benches::digits::Random;
use std::time::Duration;

/// Rows, terms and columns of the products of W1, forwards.
const DENSE: [[usize; 3]; 5] = [
    [32, 784, 256],
    [32, 256, 128],
    [32, 128, 64],
    [32, 64, 32],
    [32, 32, 10],
];
/// Sides, channels in and channels out of the 1x1 convolutions of ResNet50.
const POINTWISE: [[usize; 3]; 10] = [
    [56, 64, 64],
    [56, 64, 256],
    [56, 256, 64],
    [28, 128, 512],
    [28, 512, 128],
    [14, 256, 1024],
    [14, 1024, 256],
    [7, 512, 2048],
    [7, 2048, 512],
    [28, 512, 256],
];
/// Sides and channels of its 3x3 convolutions.
const SQUARE: [[usize; 2]; 4] = [[56, 64], [28, 128], [14, 256], [7, 512]];

fn products(c: &mut Criterion) {
    let mut group = c.benchmark_group("matmul");
    let resnet = POINTWISE.map(|[side, inputs, outputs]| [side * side, inputs, outputs]);
    for [m, k, n] in DENSE.into_iter().chain(resnet) {
        let mut random = Random(1);
        let a = random.tensor(&[m, k]).unwrap();
        let b = Variable::new(random.tensor(&[k, n]).unwrap(), "kernel")
            .value()
            .unwrap();
        group.throughput(Throughput::Elements(2 * (m * k * n) as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{m}x{k}x{n}")), |run| {
            run.iter(|| ops::matmul(&a, &b).unwrap())
        });
    }
    // Both gradients of the first layer of W1.
    let (x, g) = (
        Random(1).tensor(&[32, 784]).unwrap(),
        Random(2).tensor(&[32, 256]).unwrap(),
    );
    let kernel = Random(3).tensor(&[784, 256]).unwrap();
    group.throughput(Throughput::Elements(2 * 32 * 784 * 256));
    group.bench_function("784x32x256, left transposed", |run| {
        run.iter(|| ops::matmul_transposed(&x, &g, true, false).unwrap())
    });
    group.bench_function("32x256x784, right transposed", |run| {
        run.iter(|| ops::matmul_transposed(&g, &kernel, false, true).unwrap())
    });
    group.finish();
}

fn convolutions(c: &mut Criterion) {
    let pointwise = POINTWISE.map(|[side, inputs, outputs]| (side, 1, inputs, outputs));
    let square = SQUARE.map(|[side, channels]| (side, 3, channels, channels));
    for batch in [1, 8] {
        let mut group = c.benchmark_group(format!("conv, {batch} images"));
        for (side, taps, inputs, outputs) in square.into_iter().chain(pointwise) {
            let mut random = Random(1);
            let x = random.tensor(&[batch, side, side, inputs]).unwrap();
            let kernel = random.tensor(&[taps, taps, inputs, outputs]).unwrap();
            let kernel = Variable::new(kernel, "kernel").value().unwrap();
            let terms = side * side * taps * taps * inputs * outputs;
            group.throughput(Throughput::Elements(2 * (batch * terms) as u64));
            let name = format!("{taps}x{taps}, {side}x{side}x{inputs} to {outputs}");
            group.bench_function(BenchmarkId::from_parameter(name), |run| {
                run.iter(|| ops::conv(&x, &kernel, &[1, 1], Padding::Same, &[1, 1], 1).unwrap())
            });
        }
        group.finish();
    }
}

fn normalizations(c: &mut Criterion) {
    let mut group = c.benchmark_group("softmax");
    for shape in [[16 * 8 * 128, 128], [32, 10], [8, 1000]] {
        let x = Random(1).tensor(&shape).unwrap();
        group.throughput(Throughput::Elements((shape[0] * shape[1]) as u64));
        group.bench_function(
            BenchmarkId::from_parameter(format!("{}x{}", shape[0], shape[1])),
            |run| run.iter(|| ops::softmax(&x, -1).unwrap()),
        );
    }
    group.finish();
    let mut group = c.benchmark_group("normalization");
    let (words, image) = ([2048, 256], [8, 56, 56, 64]);
    let layers: [(&str, LayerRef, &[usize]); 2] = [
        ("layer, 2048x256", LayerNormalization::new().into(), &words),
        (
            "batch, 8x56x56x64",
            BatchNormalization::new().into(),
            &image,
        ),
    ];
    for (name, layer, shape) in layers {
        let x = Random(1).tensor(shape).unwrap();
        group.throughput(Throughput::Elements(shape.iter().product::<usize>() as u64));
        for (how, call) in [
            ("inference", Call::inference()),
            ("training", Call::training()),
        ] {
            group.bench_function(format!("{name}, {how}"), |run| {
                run.iter(|| layer.call(&x, &call).unwrap())
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = all;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600));
    targets = products, convolutions, normalizations
}
criterion_main!(all);
