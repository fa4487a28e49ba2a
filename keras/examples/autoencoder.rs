//! An autoencoder: 784 pixels through 32 numbers and back, and the encoder cut out of the trained model.
//!
//! `cargo run --release --example autoencoder`, or with `small` at the end for a few samples only.

use keras::prelude::*;

fn images(x: &Tensor, samples: usize) -> keras::Result<Tensor> {
    let x = ops::slice_axis(x, 0, 0, samples)?;
    ops::reshape(ops::cast(&x, DType::F32)? / 255.0, &[-1, 784])
}

fn main() -> keras::Result<()> {
    let small = std::env::args().any(|a| a == "small");
    let (train, test, epochs) = if small {
        (512, 128, 2)
    } else {
        (60_000, 10_000, 10)
    };
    keras::utils::set_random_seed(1);
    let ((x, _), (x_test, _)) = keras::datasets::mnist::load_data()?;
    let (x, x_test) = (images(&x, train)?, images(&x_test, test)?);

    let input = Input::new([784]).symbolic();
    let hidden = Dense::new(128).activation("relu").on(&input)?;
    let code = Dense::new(32).activation("relu").on(&hidden)?;
    let hidden = Dense::new(128).activation("relu").on(&code)?;
    let output = Dense::new(784).activation("sigmoid").on(&hidden)?;

    let mut autoencoder = Model::named("autoencoder", &input, &output)?;
    autoencoder.summary();
    autoencoder.compile(Compile::new("adam", "binary_crossentropy"))?;
    let how = Fit::new()
        .epochs(epochs)
        .batch_size(256)
        .validation_data((&x_test, &x_test));
    let history = autoencoder.fit((&x, &x), how)?;
    let losses = history.get("val_loss").unwrap_or_default();
    assert!(losses.last() < losses.first(), "{losses:?}");

    // The encoder shares the trained weights.
    let mut encoder = Model::new(&input, &code)?;
    let codes = encoder.predict(&x_test, Predict::new())?;
    println!("codes: {}", codes.shape());
    Ok(())
}
