//! The MNIST network of the comparison, one contestant per run; `benches/compare/w1.py` calls it.
//!
//! ```text
//! w1 bare [--steps N] [--threads 1|2]   one round, one line of JSON
//! w1 keras ...                          the same with our library
//! w1 bare --serve                       one round for every line of the input
//! w1 bare --cold                        one step, then a line
//! w1 export FOLDER                      writes the data: images.u8 and labels.u8
//! ```

use std::io::{BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use keras_benches::bare::{BATCH, Epochs, Network, SIZES, train};
use keras_benches::digits::{SAMPLES, data};

type Problem = Box<dyn std::error::Error + Send + Sync>;

struct Options {
    steps: usize,
    threads: usize,
    serve: bool,
    cold: bool,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Problem> {
        let mut options = Options {
            steps: SAMPLES / BATCH,
            threads: 1,
            serve: false,
            cold: false,
        };
        while let Some(word) = words.next() {
            let mut number = || -> Result<usize, Problem> {
                let value = words
                    .next()
                    .ok_or_else(|| format!("{word} wants a number"))?;
                value
                    .parse()
                    .ok()
                    .filter(|&n| n > 0)
                    .ok_or_else(|| format!("{word} {value}: not a number above 0").into())
            };
            match word.as_str() {
                "--steps" => options.steps = number()?,
                "--threads" => options.threads = number()?,
                "--serve" => options.serve = true,
                "--cold" => options.cold = true,
                _ => {
                    return Err(format!(
                        "{word}: unknown; known are --steps N, --threads N, --serve, --cold"
                    )
                    .into());
                }
            }
        }
        Ok(options)
    }
}

/// Asks for rounds as the options say. `round` trains so many steps and tells the accuracy of these steps.
fn run(
    peer: &str,
    options: &Options,
    mut round: impl FnMut(usize) -> Result<f32, Problem>,
) -> Result<(), Problem> {
    let mut out = std::io::stdout();
    let mut report = |steps: usize| -> Result<(), Problem> {
        let start = Instant::now();
        let accuracy = round(steps)?;
        let us = start.elapsed().as_secs_f64() * 1e6 / steps as f64;
        let threads = options.threads;
        writeln!(
            out,
            r#"{{"w":"w1","peer":"{peer}","threads":{threads},"us_step":{us:.2},"acc":{accuracy:.5}}}"#
        )?;
        Ok(out.flush()?)
    };
    if options.cold {
        return report(1);
    }
    if !options.serve {
        return report(options.steps);
    }
    std::io::stdin().lock().lines().try_for_each(|line| {
        line?;
        report(options.steps)
    })
}

fn bare(options: &Options) -> Result<(), Problem> {
    // Inside of the pool, so that a step does not begin by waking another thread.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .build()?;
    pool.install(|| {
        let mut network = Network::new(&SIZES, BATCH, options.threads, 7);
        let mut epochs = Epochs::new(&data(), 8);
        run("bare", options, |steps| {
            Ok(train(&mut network, &mut epochs, steps).1)
        })
    })
}

/// Our library as its users write it: `fit` on a shuffled data set.
fn keras_in_rust(options: &Options) -> Result<(), Problem> {
    use keras::prelude::*;
    keras::config::threads::limited(options.threads, || {
        // A start is that of a real program: with the digits that come along, prepared batch by batch.
        let dataset = if options.cold {
            let (train, _) = keras::datasets::mnist::load_data()?;
            let shuffled = Dataset::from_tensor_slices(train)?.shuffle(10_000);
            shuffled.batch(BATCH).map(prepared)
        } else {
            let (x, y) = data().floats();
            let x = Tensor::new(&x, [SAMPLES, SIZES[0]])?;
            let y = Tensor::new(&y, [SAMPLES, SIZES[SIZES.len() - 1]])?;
            let all = Dataset::from_tensor_slices((x, y))?;
            all.shuffle_seeded(SAMPLES, 8).batch(BATCH)
        };
        let mut network = Sequential::new(layers![
            Dense::new(256).activation("relu"),
            Dense::new(128).activation("relu"),
            Dense::new(64).activation("relu"),
            Dense::new(32).activation("relu"),
            Dense::new(10),
        ]);
        let loss = CategoricalCrossentropy::new().from_logits(true);
        network.compile(Compile::new("adam", loss).metric("accuracy"))?;
        run("keras-rust", options, |steps| {
            let history = network.fit(&dataset.take(steps), Fit::new().verbose(0))?;
            Ok(history.last("accuracy").unwrap_or(f64::NAN) as f32)
        })
    })
}

fn prepared(batch: keras::datasets::Batch) -> keras::Result<keras::datasets::Batch> {
    use keras::{DType, ops};
    let (x, y) = batch.pair()?;
    let x = ops::divide(ops::cast(x, DType::F32)?, 255.0)?;
    let x = ops::reshape(&x, &[-1, SIZES[0] as isize])?;
    let y = ops::one_hot(y, SIZES[SIZES.len() - 1], DType::F32)?;
    Ok(keras::datasets::Batch::new(x, Some(y), None))
}

fn export(folder: &Path) -> Result<(), Problem> {
    let digits = data();
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("images.u8"), digits.images)?;
    Ok(std::fs::write(folder.join("labels.u8"), digits.labels)?)
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    // A contestant is a line here and a function like `bare`.
    let result = match words.next().as_deref() {
        Some("bare") => Options::parse(words).and_then(|options| bare(&options)),
        Some("keras") => Options::parse(words).and_then(|options| keras_in_rust(&options)),
        Some("export") => words
            .next()
            .ok_or("export wants a folder".into())
            .and_then(|f| export(Path::new(&f))),
        _ => Err(
            "usage: w1 bare [--steps N] [--threads N] [--serve | --cold], or w1 export FOLDER"
                .into(),
        ),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("w1: {e}");
            ExitCode::FAILURE
        }
    }
}
