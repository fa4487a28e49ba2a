//! The gradient penalty of WGAN-GP by nested tapes: a critic whose slope between real and fake points is pulled to 1.
//!
//! Paper: Gulrajani et al., 2017. `cargo run --release --example gradient_penalty`, or with `small` for a few steps only.

use keras::optimizers::{Adam, OptimizerExt};
use keras::prelude::*;
use keras::random::{self, SeedGenerator};

/// The mean of `(|d critic / d x| - 1)^2`, and the slope itself.
fn penalty(critic: &Model, x: &Tensor) -> keras::Result<(Tensor, f64)> {
    let inner = GradientTape::new();
    inner.watch(x);
    let score = critic.call(x, &Call::training())?;
    // The gradient is recorded by the tape around this one, so it can be differentiated again.
    let slope = inner.gradient(&score, &[x])?.remove(0);
    let slope = slope.ok_or_else(|| keras::Error::data("critic", "it does not depend on x"))?;
    let norm = ops::sqrt(ops::sum(ops::square(&slope)?, -1)? + 1e-12)?;
    let mean = ops::mean(&norm, None)?.item()?;
    Ok((ops::mean(ops::square(norm - 1.0)?, None)?, mean))
}

fn main() -> keras::Result<()> {
    let small = std::env::args().any(|a| a == "small");
    let steps = [2000, 200][usize::from(small)];
    keras::utils::set_random_seed(5);
    let critic = Sequential::new(layers![
        Input::new([2]),
        Dense::new(64).activation("tanh"),
        Dense::new(64).activation("tanh"),
        Dense::new(1),
    ]);
    let optimizer = Optimizer::from(Adam::new().learning_rate(1e-3));
    let seeds = SeedGenerator::new(Some(11));
    let bell = |mean| random::normal([64, 2], mean, 0.3, &seeds);
    let weights = critic.trainable_variables();
    let mut slope = 0.0;
    for step in 0..steps {
        let (real, fake) = (bell(1.0)?, bell(-1.0)?);
        let share = random::uniform([64, 1], 0.0, 1.0, &seeds)?;
        let between = &real * &share + &fake * (1.0 - &share);
        let tape = GradientTape::new();
        let score = |x: &Tensor| ops::mean(critic.call(x, &Call::training())?, None);
        let distance = score(&real)? - score(&fake)?;
        let (penalty, mean_slope) = penalty(&critic, &between)?;
        let loss = 10.0 * penalty - &distance;
        optimizer.apply_gradients(&tape.gradient(&loss, &weights)?, &weights)?;
        slope = mean_slope;
        if (step + 1) % (steps / 5) == 0 {
            println!(
                "step {:4}  distance {:.3}  slope {slope:.3}",
                step + 1,
                distance.item()?
            );
        }
    }
    assert!((slope - 1.0).abs() < 0.25, "the slope is {slope}, not 1");
    Ok(())
}
