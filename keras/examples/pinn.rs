//! A physics-informed network: `u'' = -u` with `u(0) = 0` and `u'(0) = 1`, whose solution is the sine.
//!
//! Paper: Raissi et al., 2019. `cargo run --release --example pinn`, or with `small` at the end for a few steps only.

use keras::optimizers::{Adam, OptimizerExt};
use keras::prelude::*;

fn derivative(tape: GradientTape, y: &Tensor, x: &Tensor) -> keras::Result<Tensor> {
    let slope = tape.gradient(y, &[x])?.remove(0);
    slope.ok_or_else(|| keras::Error::data("u", "it does not depend on t"))
}

/// `u`, `u'` and `u''` at `t`; the derivatives can be differentiated again by a tape outside.
fn with_derivatives(u: &Model, t: &Tensor) -> keras::Result<[Tensor; 3]> {
    let second = GradientTape::new();
    second.watch(t);
    let first = GradientTape::new();
    first.watch(t);
    let value = u.call(t, &Call::training())?;
    let slope = derivative(first, &value, t)?;
    let bend = derivative(second, &slope, t)?;
    Ok([value, slope, bend])
}

fn main() -> keras::Result<()> {
    let small = std::env::args().any(|a| a == "small");
    let (steps, wanted) = if small { (600, 0.3) } else { (5000, 0.02) };
    keras::utils::set_random_seed(2);
    let u = Sequential::new(layers![
        Input::new([1]),
        Dense::new(32).activation("tanh"),
        Dense::new(32).activation("tanh"),
        Dense::new(1),
    ]);
    let optimizer = Optimizer::from(Adam::new().learning_rate(3e-3));
    let points: Vec<f32> = (0..64).map(|i| i as f32 * 4.0 / 63.0).collect();
    let t = ops::constant(&points, [64, 1])?;
    let start = ops::zeros([1, 1], DType::F32)?;
    let weights = u.trainable_variables();
    for step in 0..steps {
        let tape = GradientTape::new();
        let [value, _, bend] = with_derivatives(&u, &t)?;
        let [at_start, slope_at_start, _] = with_derivatives(&u, &start)?;
        let square = |x: Tensor| ops::mean(ops::square(x)?, None);
        let loss = square(bend + value)? + square(at_start)? + square(slope_at_start - 1.0)?;
        optimizer.apply_gradients(&tape.gradient(&loss, &weights)?, &weights)?;
        if (step + 1) % (steps / 5) == 0 {
            println!("step {:4}  loss {:.6}", step + 1, loss.item()?);
        }
    }
    let error = u.call(&t, &Call::inference())? - ops::sin(&t)?;
    let worst = ops::max(ops::abs(error)?, None)?.item()?;
    println!("largest distance from the sine: {worst:.4}");
    assert!(worst < wanted, "{worst} is not below {wanted}");
    Ok(())
}
