//! A convolutional network on MNIST: at least 98.5 % of the test images after 3 epochs.
//!
//! `cargo run --release --example cnn`, or with `small` at the end for a few images only.

use keras::prelude::*;

fn images(x: &Tensor, samples: usize) -> keras::Result<Tensor> {
    let x = ops::slice_axis(x, 0, 0, samples)?;
    ops::reshape(ops::cast(&x, DType::F32)? / 255.0, &[-1, 28, 28, 1])
}

fn main() -> keras::Result<()> {
    let small = std::env::args().any(|a| a == "small");
    let (train, test) = if small { (1024, 256) } else { (60_000, 10_000) };
    keras::utils::set_random_seed(1);
    let ((x, y), (x_test, y_test)) = keras::datasets::mnist::load_data()?;
    let (x, x_test) = (images(&x, train)?, images(&x_test, test)?);
    let y = ops::slice_axis(&y, 0, 0, train)?;
    let y_test = ops::slice_axis(&y_test, 0, 0, test)?;

    let mut network = Sequential::new(layers![
        Input::new([28, 28, 1]),
        Conv2D::new(32, 3).activation("relu"),
        MaxPooling2D::new(2),
        Conv2D::new(64, 3).activation("relu"),
        MaxPooling2D::new(2),
        Flatten::new(),
        Dropout::new(0.5),
        Dense::new(10).activation("softmax"),
    ]);
    network.summary();
    network.compile(Compile::new("adam", "sparse_categorical_crossentropy").metric("accuracy"))?;
    let how = Fit::new()
        .epochs(3)
        .batch_size(if small { 32 } else { 128 })
        .validation_data((&x_test, &y_test));
    network.fit((&x, &y), how)?;
    let logs = network.evaluate((&x_test, &y_test), Evaluate::new())?;
    let accuracy = logs.get("accuracy").unwrap_or(0.0);
    let wanted = if small { 0.75 } else { 0.985 };
    assert!(accuracy >= wanted, "accuracy {accuracy}, not {wanted}");
    Ok(())
}
