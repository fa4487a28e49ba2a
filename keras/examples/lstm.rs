//! A long dependency: the class of a sequence is the symbol it began with, many steps ago.
//!
//! `cargo run --release --example lstm`, or with `small` at the end for a short sequence.

use keras::optimizers::{Adam, OptimizerExt};
use keras::prelude::*;
use keras::random::{self, SeedGenerator};

const SYMBOLS: usize = 8;

/// Random symbols `[samples, steps]`, of which the first, 1 or 2, is the class.
fn sequences(
    samples: usize,
    steps: usize,
    seeds: &SeedGenerator,
) -> keras::Result<(Tensor, Tensor)> {
    let first = random::randint([samples, 1], 1, 3, seeds)?;
    let rest = random::randint([samples, steps - 1], 3, SYMBOLS as i64, seeds)?;
    let x = ops::concatenate(&[&first, &rest], 1)?;
    Ok((x, first - 1))
}

fn main() -> keras::Result<()> {
    let small = std::env::args().any(|a| a == "small");
    let (steps, epochs) = if small { (20, 8) } else { (100, 20) };
    keras::utils::set_random_seed(4);
    let seeds = SeedGenerator::new(Some(1));
    let (x, y) = sequences(1024, steps, &seeds)?;
    let (x_test, y_test) = sequences(256, steps, &seeds)?;
    let mut network = Sequential::new(layers![
        Input::new([steps]).dtype(DType::I32),
        Embedding::new(SYMBOLS, 8),
        LSTM::new(32),
        Dense::new(1).activation("sigmoid"),
    ]);
    network.summary();
    let adam = Adam::new().learning_rate(1e-2);
    network.compile(Compile::new(adam, "binary_crossentropy").metric("accuracy"))?;
    let how = Fit::new().epochs(epochs).batch_size(64);
    network.fit((&x, &y), how.validation_data((&x_test, &y_test)))?;
    let logs = network.evaluate((&x_test, &y_test), Evaluate::new())?;
    let accuracy = logs.get("accuracy").unwrap_or(0.0);
    assert!(accuracy > 0.95, "accuracy {accuracy}");
    Ok(())
}
