//! Gradients against central differences.

use keras_tensor::random::Philox;
use keras_tensor::{DType, Error, Result, Tensor, ops};

use crate::GradientTape;

const STEP: f64 = 1e-5;

/// Checks first and second derivatives of `f` at `inputs` against central differences along random directions, in
/// float64.
///
/// `f` may give a tensor of any shape; a random weighting makes a number of it. Use it for ops of your own.
///
/// ```
/// use keras_autograd::check_grads;
/// use keras_tensor::{Tensor, ops};
/// let x = Tensor::new(&[0.3f64, -1.2, 2.0], [3])?;
/// check_grads(|v| ops::multiply(ops::sin(&v[0])?, &v[0]), &[x])?;
/// # Ok::<(), keras_tensor::Error>(())
/// ```
///
/// # Errors
/// `f` fails, inputs are not float64, or a derivative differs by more than `1e-5 + 1e-3 * |expected|`.
pub fn check_grads(f: impl Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]) -> Result<()> {
    check_grads_with(f, inputs, 2)
}

/// [`check_grads`] up to the given order, 1 or 2.
///
/// # Errors
/// As [`check_grads`].
pub fn check_grads_with(
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
    inputs: &[Tensor],
    order: usize,
) -> Result<()> {
    for t in inputs {
        if t.dtype() != DType::F64 {
            return Err(Error::dtype("check_grads", t.dtype(), "float64 inputs"));
        }
    }
    let weighted = |v: &[Tensor]| {
        let y = f(v)?;
        let weights = direction(y.shape(), 7)?;
        ops::sum(ops::multiply(&y, &weights)?, None)
    };
    compare(&weighted, inputs, 1)?;
    if order > 1 {
        // The second derivative along one direction is the first derivative of the slope along another.
        let slope = |v: &[Tensor]| {
            let gradients = gradients(&weighted, v)?;
            let mut total = Tensor::scalar(0.0f64);
            for (i, g) in gradients.iter().enumerate() {
                if let Some(g) = g {
                    let along = direction(g.shape(), 31 + i as u64)?;
                    total = ops::add(&total, ops::sum(ops::multiply(g, along)?, None)?)?;
                }
            }
            Ok(total)
        };
        compare(&slope, inputs, 2)?;
    }
    Ok(())
}

fn gradients(
    f: &dyn Fn(&[Tensor]) -> Result<Tensor>,
    inputs: &[Tensor],
) -> Result<Vec<Option<Tensor>>> {
    let tape = GradientTape::new();
    for t in inputs {
        tape.watch(t);
    }
    let y = f(inputs)?;
    tape.gradient(&y, inputs)
}

fn compare(f: &dyn Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor], order: usize) -> Result<()> {
    let gradients = gradients(f, inputs)?;
    for (i, input) in inputs.iter().enumerate() {
        let along = direction(input.shape(), 100 + i as u64)?;
        let moved = |step: f64| -> Result<f64> {
            let mut there = inputs.to_vec();
            there[i] = ops::add(input, ops::multiply(&along, step)?)?;
            f(&there)?.item()
        };
        let wanted = (moved(STEP)? - moved(-STEP)?) / (2.0 * STEP);
        let got = match &gradients[i] {
            Some(g) => {
                if g.shape() != input.shape() {
                    return Err(Error::shape(
                        "check_grads",
                        &[g.shape()],
                        format!("a gradient of input {i}'s shape {}", input.shape()),
                    ));
                }
                ops::sum(ops::multiply(g, &along)?, None)?.item()?
            }
            None => 0.0,
        };
        // What is far below the function's own size cannot be told from rounding.
        let rounding = 1e-10 * f(inputs)?.item()?.abs() / STEP;
        if (got - wanted).abs() > 1e-5 + 1e-3 * wanted.abs() + rounding || got.is_nan() {
            return Err(Error::data(
                format!("derivative of order {order} by input {i}"),
                format!("the rule gives {got} along a direction, differences give {wanted}"),
            ));
        }
    }
    Ok(())
}

/// Values in `[-1, 1)` that the seed fixes.
fn direction(shape: &keras_tensor::Shape, seed: u64) -> Result<Tensor> {
    let mut values = vec![0.0f64; shape.size()];
    Philox::from_seed(seed, 0).uniform_f64(&mut values);
    values.iter_mut().for_each(|v| *v = 2.0 * *v - 1.0);
    Tensor::new(&values, shape.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_gradient_is_found() {
        let x = Tensor::new(&[0.5f64, 2.0], [2]).unwrap();
        // The derivative of the detached factor is missing.
        let wrong = |v: &[Tensor]| ops::multiply(&v[0], ops::stop_gradient(&v[0])?);
        let message = check_grads(wrong, &[x]).unwrap_err().to_string();
        assert!(
            message.contains("derivative of order 1 by input 0"),
            "{message}"
        );
    }
}
