//! A generative adversarial network on points of a circle: two models, two optimizers, a loop written by hand.
//!
//! `cargo run --release --example gan`, or with `small` at the end for a few steps only.

use keras::optimizers::{Adam, OptimizerExt};
use keras::prelude::*;
use keras::random::{self, SeedGenerator};

fn mlp(outputs: usize, inputs: usize) -> Sequential {
    Sequential::new(layers![
        Input::new([inputs]),
        Dense::new(64).activation("relu"),
        Dense::new(64).activation("relu"),
        Dense::new(outputs),
    ])
}

fn main() -> keras::Result<()> {
    let small = std::env::args().any(|a| a == "small");
    let steps = [4000, 200][usize::from(small)];
    keras::utils::set_random_seed(3);
    let seeds = SeedGenerator::new(Some(7));
    let (generator, discriminator) = (mlp(2, 8), mlp(1, 2));
    let adam = || Optimizer::from(Adam::new().learning_rate(1e-3).beta_1(0.5));
    let (for_generator, for_discriminator) = (adam(), adam());
    let loss = BinaryCrossentropy::new().from_logits(true);
    let ones = ops::ones([128, 1], DType::F32)?;
    let zeros = ops::zeros_like(&ones)?;
    let noise = || random::normal([128, 8], 0.0, 1.0, &seeds);
    let mut radius = 0.0;
    for step in 0..steps {
        let angle = random::uniform([128, 1], 0.0, std::f64::consts::TAU, &seeds)?;
        let real = ops::concatenate(&[&ops::cos(&angle)?, &ops::sin(&angle)?], -1)?;

        let tape = GradientTape::new();
        let fake = ops::stop_gradient(generator.call(&noise()?, &Call::training())?)?;
        let judge = |x: &Tensor| discriminator.call(x, &Call::training());
        let d_loss = loss.compute(&ones, &judge(&real)?, None)?
            + loss.compute(&zeros, &judge(&fake)?, None)?;
        let weights = discriminator.trainable_variables();
        for_discriminator.apply_gradients(&tape.gradient(&d_loss, &weights)?, &weights)?;

        let tape = GradientTape::new();
        let fake = generator.call(&noise()?, &Call::training())?;
        let g_loss = loss.compute(&ones, &judge(&fake)?, None)?;
        let weights = generator.trainable_variables();
        for_generator.apply_gradients(&tape.gradient(&g_loss, &weights)?, &weights)?;

        if (step + 1) % (steps / 5) == 0 {
            radius = ops::mean(ops::sqrt(ops::sum(ops::square(&fake)?, -1)?)?, None)?.item()?;
            let (d, g) = (d_loss.item()?, g_loss.item()?);
            println!("discriminator {d:.3}  generator {g:.3}  radius {radius:.3}");
        }
    }
    assert!((0.3..2.0).contains(&radius), "far away: {radius}");
    Ok(())
}
