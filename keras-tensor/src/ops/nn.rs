//! What networks are made of.

use super::math::finite_top;
use super::operand::{floating, meet};
use super::{
    IntoAxes, Operand, add, clip, logsumexp, maximum, multiply, reduce, relu, rsqrt, sigmoid,
    square, subtract, tanh,
};
use crate::op::{Fold, Fused};
use crate::{Op, Result, Tensor, apply_one};

/// `exp(x) / sum(exp(x))` along an axis.
///
/// ```
/// use keras_tensor::{Tensor, ops};
/// let y = ops::softmax(Tensor::new(&[1.0f32, 1.0], [2])?, -1)?;
/// assert_eq!(y.to_string(), "[0.5 0.5]");
/// # Ok::<(), keras_tensor::Error>(())
/// ```
///
/// # Errors
/// An axis that the tensor does not have.
pub fn softmax(x: impl Operand, axis: isize) -> Result<Tensor> {
    let x = floating(&x)?;
    let axis = x.shape().axis(axis, "softmax")?;
    apply_one(Op::Softmax(axis), &[&x])
}

/// `log(softmax(x))` along an axis, without overflow.
///
/// # Errors
/// An axis that the tensor does not have.
pub fn log_softmax(x: impl Operand, axis: isize) -> Result<Tensor> {
    fn inner(x: &dyn Operand, axis: isize) -> Result<Tensor> {
        let x = floating(x)?;
        let axis = x.shape().axis(axis, "log_softmax")? as isize;
        // The shift first, so that large logits lose no digits to the logarithm.
        let shifted = subtract(&x, finite_top(&x, [axis])?)?;
        subtract(&shifted, logsumexp(&shifted, [axis], true)?)
    }
    inner(&x, axis)
}

/// `x / max(|x|, epsilon)`, where `|x|` is the length over axes.
///
/// # Errors
/// An axis that the tensor does not have.
pub fn normalize(x: impl Operand, axes: impl IntoAxes, epsilon: f64) -> Result<Tensor> {
    fn inner(x: &dyn Operand, axes: &dyn IntoAxes, epsilon: f64) -> Result<Tensor> {
        let x = floating(x)?;
        let axes = axes.axes(x.rank(), "normalize")?;
        let squares = reduce(square(&x)?, Fold::Sum, axes, true)?;
        // The bound inside of the root, so that the derivative at 0 is finite.
        let length = rsqrt(maximum(&squares, epsilon * epsilon)?)?;
        multiply(&x, &length)
    }
    inner(&x, &axes, epsilon)
}

/// Cross-entropy over the last axis of logits `[.., classes]` with probabilities of the same shape:
/// `sum(t) * log(sum(exp(x))) - sum(t * x)`.
///
/// # Errors
/// Shapes that differ.
pub fn softmax_cross_entropy(logits: impl Operand, targets: impl Operand) -> Result<Tensor> {
    let (logits, targets) = meet(&logits, &targets)?;
    apply_one(
        Op::SoftmaxCrossEntropy,
        &[&*floating(&logits)?, &*floating(&targets)?],
    )
}

/// `activation(x @ kernel + bias)` for `x` `[.., in]`, `kernel` `[in, out]` and `bias` `[out]`, in one pass.
///
/// # Errors
/// Shapes that do not fit.
pub fn dense(
    x: impl Operand,
    kernel: impl Operand,
    bias: Option<&dyn Operand>,
    activation: Fused,
) -> Result<Tensor> {
    fn inner(
        x: &dyn Operand,
        kernel: &dyn Operand,
        bias: Option<&dyn Operand>,
        activation: Fused,
    ) -> Result<Tensor> {
        let (x, kernel) = meet(x, kernel)?;
        match bias {
            Some(bias) => apply_one(Op::Dense(activation), &[&x, &kernel, &*bias.tensor()?]),
            None => apply_one(Op::Dense(activation), &[&x, &kernel]),
        }
    }
    inner(&x, &kernel, bias, activation)
}

/// An activation by itself.
///
/// # Errors
/// No memory.
pub fn activation(x: impl Operand, activation: Fused) -> Result<Tensor> {
    match activation {
        Fused::Linear => Ok(x.tensor()?.into_owned()),
        Fused::Relu => relu(x),
        Fused::Relu6 => clip(x, 0.0, 6.0),
        Fused::Sigmoid => sigmoid(x),
        Fused::Tanh => tanh(x),
    }
}

/// The gradient through an activation whose output was `y`, for the outer gradient `g`.
///
/// # Errors
/// Shapes that differ.
pub fn activation_grad(g: impl Operand, y: impl Operand, activation: Fused) -> Result<Tensor> {
    apply_one(
        Op::ActivationGrad(activation),
        &[&*g.tensor()?, &*y.tensor()?],
    )
}

/// `x + y` for a list of tensors.
///
/// # Errors
/// Shapes that do not broadcast, or no tensors.
pub fn add_all(tensors: &[Tensor]) -> Result<Tensor> {
    let Some((first, rest)) = tensors.split_first() else {
        return Err(crate::Error::argument(
            "add_all",
            "no tensors",
            "at least one",
        ));
    };
    rest.iter().try_fold(first.clone(), |sum, t| add(&sum, t))
}
