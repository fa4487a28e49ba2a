//! Small networks on MNIST: W1, W2, the cold start and the single prediction.

use keras::prelude::*;

use super::{Options, Round, predicting};
use crate::bare::{BATCH, Epochs, Network, SIZES, train};
use crate::digits::{CLASSES, Digits, PIXELS, Random};

/// Images that there are.
const SAMPLES: usize = 60_000;
/// Samples of a step of the convolutional network.
const WIDE_BATCH: usize = 128;

/// The floor under W1: the same steps without a framework.
pub(super) fn bare(options: &Options) -> keras::Result<Round> {
    let threads = options.threads;
    // A pool of its own, so that a step does not begin by waking another thread.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| keras::Error::data("threads", e.to_string()))?;
    let mut network = Network::new(&SIZES, BATCH, threads, 7);
    let mut epochs = Epochs::new(&Digits::load()?, 8);
    Ok(Box::new(move |steps| {
        let (_, accuracy) = pool.install(|| train(&mut network, &mut epochs, steps));
        Ok(f64::from(accuracy))
    }))
}

/// The images of an epoch of so many steps as the program was started with, as it is for peers.
fn samples(options: &Options, batch: usize) -> usize {
    (options.steps * batch).min(SAMPLES)
}

/// W1: a training step of the MNIST network.
pub(super) fn dense(options: &Options) -> keras::Result<Round> {
    let samples = samples(options, BATCH);
    let (x, y) = Digits::load()?.floats(samples);
    let data = (
        Tensor::new(&x, [samples, PIXELS])?,
        Tensor::new(&y, [samples, CLASSES])?,
    );
    let shuffled = Dataset::from_tensor_slices(data)?.shuffle_seeded(samples, 8);
    fitting(compiled_mlp()?, shuffled.batch(BATCH))
}

/// W2: a training step of a small convolutional network.
pub(super) fn convolutional(options: &Options) -> keras::Result<Round> {
    let samples = samples(options, WIDE_BATCH);
    let (x, y) = Digits::load()?.floats(samples);
    let data = (
        Tensor::new(&x, [samples, 28, 28, 1])?,
        Tensor::new(&y, [samples, CLASSES])?,
    );
    let mut network = Sequential::new(layers![
        Input::new([28, 28, 1]),
        Conv2D::new(32, 3).activation("relu"),
        Conv2D::new(64, 3).activation("relu"),
        MaxPooling2D::new(2),
        Flatten::new(),
        Dropout::new(0.5),
        Dense::new(CLASSES).activation("softmax"),
    ]);
    network.compile(Compile::new("adam", "categorical_crossentropy").metric("accuracy"))?;
    let shuffled = Dataset::from_tensor_slices(data)?.shuffle_seeded(samples, 8);
    fitting(network, shuffled.batch(WIDE_BATCH))
}

/// W8: the first step of W1, with all that a program does before it.
pub(super) fn cold(_: &Options) -> keras::Result<Round> {
    Ok(Box::new(|_| {
        let (train, _) = keras::datasets::mnist::load_data()?;
        let first = Dataset::from_tensor_slices(train)?.shuffle(10_000);
        let first = first.batch(BATCH).map(prepared).take(1);
        let history = compiled_mlp()?.fit(&first, Fit::new().verbose(0))?;
        Ok(history.last("accuracy").unwrap_or(f64::NAN))
    }))
}

/// One prediction of the MNIST network.
pub(super) fn tiny(options: &Options) -> keras::Result<Round> {
    let network = mlp();
    network.build([None, Some(PIXELS)])?;
    let x = Random(3).tensor(&[options.batch, PIXELS])?;
    Ok(predicting(network, x))
}

fn mlp() -> Sequential {
    let mut network = Sequential::new([]);
    let (classes, hidden) = (CLASSES, &SIZES[1..SIZES.len() - 1]);
    for &units in hidden {
        network.add(Dense::new(units).activation("relu"));
    }
    network.add(Dense::new(classes));
    network
}

fn compiled_mlp() -> keras::Result<Sequential> {
    let mut network = mlp();
    let loss = CategoricalCrossentropy::new().from_logits(true);
    network.compile(Compile::new("adam", loss).metric("accuracy"))?;
    Ok(network)
}

/// A round is as many calls of `fit` as it takes for so many steps, each an epoch at most.
fn fitting(mut network: Sequential, batches: Dataset) -> keras::Result<Round> {
    let epoch = batches.cardinality().unwrap_or(1).max(1);
    Ok(Box::new(move |steps| {
        let mut accuracy = f64::NAN;
        for first in (0..steps).step_by(epoch) {
            let part = batches.take(epoch.min(steps - first));
            let history = network.fit(&part, Fit::new().verbose(0))?;
            accuracy = history.last("accuracy").unwrap_or(f64::NAN);
        }
        Ok(accuracy)
    }))
}

fn prepared(batch: Batch) -> keras::Result<Batch> {
    let (x, y) = batch.pair()?;
    let x = ops::divide(ops::cast(x, DType::F32)?, 255.0)?;
    let x = ops::reshape(&x, &[-1, PIXELS as isize])?;
    let y = ops::one_hot(y, CLASSES, DType::F32)?;
    Ok(Batch::new(x, Some(y), None))
}
