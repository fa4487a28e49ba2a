//! `keras train`

use clap::Subcommand;
use keras::datasets::mnist;
use keras::prelude::*;
use keras::utils::set_random_seed;
use std::path::PathBuf;

use super::output::Profiling;

/// What can be trained.
#[derive(Subcommand)]
pub(crate) enum What {
    /// A network of dense layers on the handwritten digits of MNIST
    Mnist {
        /// How many times to go through the 60,000 training images
        #[arg(long, default_value_t = EPOCHS)]
        epochs: usize,
        /// Fixes the initial weights and the order of the images
        #[arg(long, default_value_t = SEED)]
        seed: u64,
        /// Where the trained model goes
        #[arg(long)]
        output: Option<PathBuf>,
        #[command(flatten)]
        profiling: Profiling,
    },
}

const EPOCHS: usize = 5;
const SEED: u64 = 2;

impl Default for What {
    fn default() -> Self {
        What::Mnist {
            epochs: EPOCHS,
            seed: SEED,
            output: None,
            profiling: Profiling::default(),
        }
    }
}

pub(crate) fn run(what: What) -> keras::Result<()> {
    let What::Mnist {
        epochs,
        seed,
        output,
        profiling,
    } = what;
    if let Some(path) = &output {
        super::fit::check_output(path)?;
    }
    set_random_seed(seed);
    let ((x, y), (x_val, y_val)) = mnist::load_data()?;
    let train = Dataset::from_tensor_slices((x, y))?.shuffle(10_000);
    let train = train.batch(32).map(prepared);
    let validation = Dataset::from_tensor_slices((x_val, y_val))?;
    let validation = validation.batch(32).map(prepared);

    let mut network = Sequential::new(layers![
        Input::new([28 * 28]),
        Dense::new(256).activation("relu"),
        Dense::new(128).activation("relu"),
        Dense::new(64).activation("relu"),
        Dense::new(32).activation("relu"),
        Dense::new(10),
    ]);
    network.summary();
    network.compile(
        Compile::new("adam", CategoricalCrossentropy::new().from_logits(true)).metric("accuracy"),
    )?;
    let mut how = Fit::new().epochs(epochs).validation_data(&validation);
    if let Some(profiler) = profiling.callback() {
        how = how.callback(profiler);
    }
    let history = network.fit(&train, how)?;

    for (name, values) in history.iter() {
        println!("{name}: {values:?}");
    }
    if let Some(accuracy) = history.last("val_accuracy") {
        println!("Test accuracy: {accuracy:.4}");
    }
    match output {
        Some(path) => network.save(path),
        None => Ok(()),
    }
}

/// Pixels to `[-1, 1]`, images to rows, labels to one-hot: batch by batch, so that training begins at once.
fn prepared(batch: Batch) -> keras::Result<Batch> {
    let (x, y) = batch.pair()?;
    let x = 2.0 * ops::cast(x, DType::F32)? / 255.0 - 1.0;
    let x = ops::reshape(&x, &[-1, 28 * 28])?;
    let y = ops::one_hot(y, 10, DType::F32)?;
    Ok(Batch::new(x, Some(y), None))
}
