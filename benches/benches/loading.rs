//! Reading and writing a model of 100 MB: ResNet50 with random weights.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use keras::applications::ResNet50;
use keras::models::{load_model, load_weights, save_model, save_weights};
use std::time::Duration;

fn loading(c: &mut Criterion) {
    let folder = std::env::temp_dir().join(format!("keras-benches-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (whole, weights) = (folder.join("model.keras"), folder.join("model.weights.h5"));
    let model = ResNet50::new().weights(None).build().unwrap();
    let mut group = c.benchmark_group("ResNet50");
    group.throughput(Throughput::Bytes(4 * model.count_params() as u64));
    group.bench_function("build", |run| {
        run.iter(|| ResNet50::new().weights(None).build().unwrap())
    });
    group.bench_function("save_model, .keras", |run| {
        run.iter(|| save_model(&model, &whole).unwrap())
    });
    group.bench_function("save_weights, .weights.h5", |run| {
        run.iter(|| save_weights(&model, &weights).unwrap())
    });
    // A filter may have left the writing out.
    save_model(&model, &whole).unwrap();
    save_weights(&model, &weights).unwrap();
    group.bench_function("load_model, .keras", |run| {
        run.iter(|| load_model(&whole).unwrap())
    });
    group.bench_function("load_weights, .weights.h5", |run| {
        run.iter(|| load_weights(&model, &weights).unwrap())
    });
    group.finish();
    std::fs::remove_dir_all(&folder).unwrap();
}

criterion_group! {
    name = all;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    targets = loading
}
criterion_main!(all);
