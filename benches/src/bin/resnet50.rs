//! What ResNet50 takes of time and memory. usage: resnet50 build|predict|train [TIMES]
//!
//! `predict` is one image of 224 by 224 pixels, `train` a step with 8 of them; both come after building and, for
//! `train`, compiling. Prints a line of JSON for each time: seconds, and the largest memory of the process so far in MB.

use keras::applications::ResNet50;
use keras::prelude::*;
use keras_benches::peak_mb;
use std::time::Instant;

fn main() -> keras::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let times: usize = arguments
        .next()
        .map_or(1, |n| n.parse().expect("TIMES is a number"));
    let build = || ResNet50::new().weights(None).build();
    match what.as_str() {
        "build" => timed(times, || build().map(drop)),
        "predict" => {
            let network = build()?;
            let image = images(1)?;
            timed(times, || network.predict_on_batch(&image).map(drop))
        }
        "train" => {
            let mut network = build()?;
            network.compile(Compile::new("sgd", "sparse_categorical_crossentropy"))?;
            let (x, y) = (images(8)?, ops::zeros([8], DType::I32)?);
            timed(times, || network.train_on_batch(&x, &y).map(drop))
        }
        _ => panic!("usage: resnet50 build|predict|train [TIMES]"),
    }
}

fn images(count: usize) -> keras::Result<Tensor> {
    ops::full([count, 224, 224, 3], 0.5, DType::F32)
}

fn timed(times: usize, mut work: impl FnMut() -> keras::Result<()>) -> keras::Result<()> {
    for _ in 0..times {
        let start = Instant::now();
        work()?;
        let seconds = start.elapsed().as_secs_f64();
        println!("{{\"seconds\": {seconds:.4}, \"peak_mb\": {}}}", peak_mb());
    }
    Ok(())
}
