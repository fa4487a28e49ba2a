//! A small transformer tells whether a sequence holds more of one symbol than of another.
//!
//! `cargo run --release --example transformer`, or with `small` at the end for short sequences.

use keras::prelude::*;
use keras::random::{self, SeedGenerator};

const WIDTH: usize = 16;

/// Attention and a feed-forward part, each with a way around it.
fn block(x: &Symbolic) -> keras::Result<Symbolic> {
    let seen = MultiHeadAttention::new(2, WIDTH / 2).on(Arguments::new(x).and(x))?;
    let x = LayerNormalization::new().on(&(x + &seen))?;
    let wide = Dense::new(2 * WIDTH).activation("relu").on(&x)?;
    let thin = Dense::new(WIDTH).on(&wide)?;
    LayerNormalization::new().on(&(x + &thin))
}

/// Symbols 0, 1 or 2, and whether there are more 1s than 2s.
fn data(samples: usize, steps: usize, seeds: &SeedGenerator) -> keras::Result<(Tensor, Tensor)> {
    let x = random::randint([samples, steps], 0, 3, seeds)?;
    let count = |symbol: i32| ops::sum(ops::equal(&x, symbol)?, -1);
    let y = ops::greater(count(1)?, count(2)?)?;
    Ok((x, ops::cast(ops::expand_dims(y, -1)?, DType::F32)?))
}

fn main() -> keras::Result<()> {
    let small = std::env::args().any(|a| a == "small");
    let (steps, samples, epochs) = if small { (9, 1024, 6) } else { (32, 8192, 10) };
    keras::utils::set_random_seed(2);
    let seeds = SeedGenerator::new(Some(1));
    let (x, y) = data(samples, steps, &seeds)?;
    let (x_test, y_test) = data(512, steps, &seeds)?;

    let words = Input::new([steps]).dtype(DType::I32).symbolic();
    let embedded = Embedding::new(3, WIDTH).on(&words)?;
    let hidden = block(&block(&embedded)?)?;
    let pooled = GlobalAveragePooling1D::new().on(&hidden)?;
    let output = Dense::new(1).activation("sigmoid").on(&pooled)?;
    let mut network = Model::named("transformer", &words, &output)?;
    network.summary();

    network.compile(Compile::new("adam", "binary_crossentropy").metric("accuracy"))?;
    let how = Fit::new().epochs(epochs).batch_size(64);
    network.fit((&x, &y), how.validation_data((&x_test, &y_test)))?;
    let logs = network.evaluate((&x_test, &y_test), Evaluate::new())?;
    let accuracy = logs.get("accuracy").unwrap_or(0.0);
    assert!(accuracy > 0.9, "accuracy {accuracy}");
    Ok(())
}
