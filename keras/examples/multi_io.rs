//! Two inputs, two outputs: from a picture of a digit and a number to add, which digit it is and what the sum is.
//!
//! `cargo run --release --example multi_io`, or with `small` at the end for a few pictures only.

use keras::prelude::*;
use keras::random::{self, SeedGenerator};

fn main() -> keras::Result<()> {
    let small = std::env::args().any(|a| a == "small");
    let (samples, epochs) = if small { (2048, 3) } else { (60_000, 5) };
    keras::utils::set_random_seed(1);
    let ((x, y), _) = keras::datasets::mnist::load_data()?;
    let x = ops::slice_axis(&x, 0, 0, samples)?;
    let picture = ops::reshape(ops::cast(&x, DType::F32)? / 255.0, &[-1, 784])?;
    let digit = ops::cast(ops::slice_axis(&y, 0, 0, samples)?, DType::F32)?;
    let addend = random::uniform([samples, 1], 0.0, 9.0, &SeedGenerator::new(Some(2)))?;
    let sum = ops::expand_dims(&digit, -1)? + &addend;

    let image = Input::new([784]).name("image").symbolic();
    let number = Input::new([1]).name("number").symbolic();
    let seen = Dense::new(64).activation("relu").on(&image)?;
    let class = Dense::new(10)
        .activation("softmax")
        .name("digit")
        .on(&seen)?;
    let both = Concatenate::new().on([&seen, &number])?;
    let hidden = Dense::new(32).activation("relu").on(&both)?;
    let total = Dense::new(1).name("sum").on(&hidden)?;
    let mut model = Model::named("adder", [&image, &number], [&class, &total])?;
    model.summary();

    let losses = [("digit", "sparse_categorical_crossentropy"), ("sum", "mse")];
    let how = Compile::new("adam", losses)
        .loss_weights([("digit", 1.0), ("sum", 0.1)])
        .metric_for("digit", "accuracy")
        .metric_for("sum", "mae");
    model.compile(how)?;
    let inputs = [("image", &picture), ("number", &addend)];
    let targets = [("digit", &digit), ("sum", &sum)];
    let history = model.fit((inputs, targets), Fit::new().epochs(epochs).batch_size(64))?;
    let last = |name| history.get(name).and_then(|h| h.last().copied());
    let accuracy = last("digit_accuracy").unwrap_or(0.0);
    let error = last("sum_mae").unwrap_or(f64::INFINITY);
    assert!(
        accuracy > 0.8 && error < 2.5,
        "accuracy {accuracy}, error {error}"
    );
    Ok(())
}
