use keras_tensor::op::Fold;
use keras_tensor::{DType, Error, Result, Tensor, ops};

pub use keras_tensor::ops::{log_softmax, softmax};

/// `max(x, 0)`
///
/// # Errors
/// No memory.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    ops::relu(x)
}

/// `min(max(x, 0), 6)`
///
/// # Errors
/// No memory.
pub fn relu6(x: &Tensor) -> Result<Tensor> {
    ops::clip(x, 0.0, 6.0)
}

/// `x` where it is positive, `negative_slope * x` elsewhere.
///
/// # Errors
/// No memory.
pub fn leaky_relu(x: &Tensor, negative_slope: f64) -> Result<Tensor> {
    ops::where_(ops::greater(x, 0.0)?, x, ops::multiply(x, negative_slope)?)
}

/// `x` where it is positive, `f(min(x, 0))` elsewhere: what is not taken must not overflow.
fn below_zero(x: &Tensor, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let negative = ops::minimum(x, 0.0)?;
    ops::where_(ops::greater(x, 0.0)?, x, f(&negative)?)
}

/// `x` where it is positive, `alpha * (e^x - 1)` elsewhere.
///
/// # Errors
/// No memory.
pub fn elu(x: &Tensor, alpha: f64) -> Result<Tensor> {
    below_zero(x, |x| ops::multiply(ops::expm1(x)?, alpha))
}

/// `scale * elu(x, alpha)` with the constants that keep mean 0 and variance 1.
///
/// # Errors
/// No memory.
pub fn selu(x: &Tensor) -> Result<Tensor> {
    ops::multiply(elu(x, 1.673_263_242_354_377_2)?, 1.050_700_987_355_480_5)
}

/// `x` where it is positive, `alpha * (e^(x / alpha) - 1)` elsewhere.
///
/// # Errors
/// No memory.
pub fn celu(x: &Tensor, alpha: f64) -> Result<Tensor> {
    below_zero(x, |x| {
        ops::multiply(ops::expm1(ops::divide(x, alpha)?)?, alpha)
    })
}

/// `e^x`
///
/// # Errors
/// No memory.
pub fn exponential(x: &Tensor) -> Result<Tensor> {
    ops::exp(x)
}

/// `x` times the share of the bell curve below it; `approximate` takes tanh for the error function.
///
/// # Errors
/// No memory.
pub fn gelu(x: &Tensor, approximate: bool) -> Result<Tensor> {
    let share = if approximate {
        let cubed = ops::multiply(ops::power(x, 3.0)?, 0.044_715)?;
        let scaled = ops::multiply(ops::add(x, cubed)?, (2.0 / std::f64::consts::PI).sqrt())?;
        ops::tanh(scaled)?
    } else {
        ops::erf(ops::multiply(x, std::f64::consts::FRAC_1_SQRT_2)?)?
    };
    ops::multiply(ops::multiply(x, 0.5)?, ops::add(share, 1.0)?)
}

/// The first half of an axis times the sigmoid of the second.
///
/// # Errors
/// An axis of odd size.
pub fn glu(x: &Tensor, axis: isize) -> Result<Tensor> {
    let size = x.shape()[x.shape().axis(axis, "glu")?];
    if !size.is_multiple_of(2) {
        return Err(Error::shape(
            "glu",
            &[x.shape()],
            format!("an even size of axis {axis}"),
        ));
    }
    let values = ops::slice_axis(x, axis, 0, size / 2)?;
    let gates = ops::slice_axis(x, axis, size / 2, size / 2)?;
    ops::multiply(values, ops::sigmoid(gates)?)
}

/// 0 within `threshold` of 0, `x` elsewhere.
///
/// # Errors
/// No memory.
pub fn hard_shrink(x: &Tensor, threshold: f64) -> Result<Tensor> {
    let far = ops::greater(ops::abs(x)?, threshold)?;
    ops::where_(far, x, ops::zeros_like(x)?)
}

/// `x` moved toward 0 by `threshold`, 0 within it.
///
/// # Errors
/// No memory.
pub fn soft_shrink(x: &Tensor, threshold: f64) -> Result<Tensor> {
    let above = ops::relu(ops::subtract(x, threshold)?)?;
    let below = ops::relu(ops::subtract(ops::negative(x)?, threshold)?)?;
    ops::subtract(above, below)
}

/// `relu6(x + 3) / 6`
///
/// # Errors
/// No memory.
pub fn hard_sigmoid(x: &Tensor) -> Result<Tensor> {
    ops::divide(relu6(&ops::add(x, 3.0)?)?, 6.0)
}

/// `min(max(0.2 * x + 0.5, 0), 1)`, which Keras 1 and 2 called `hard_sigmoid`; networks of theirs are read with it.
///
/// # Errors
/// No memory.
pub fn hard_sigmoid_keras2(x: &Tensor) -> Result<Tensor> {
    ops::clip(ops::add(ops::multiply(x, 0.2)?, 0.5)?, 0.0, 1.0)
}

/// `x * hard_sigmoid(x)`
///
/// # Errors
/// No memory.
pub fn hard_silu(x: &Tensor) -> Result<Tensor> {
    ops::multiply(x, hard_sigmoid(x)?)
}

/// `x` kept between -1 and 1.
///
/// # Errors
/// No memory.
pub fn hard_tanh(x: &Tensor) -> Result<Tensor> {
    ops::clip(x, -1.0, 1.0)
}

/// `log(sigmoid(x))`, without overflow.
///
/// # Errors
/// No memory.
pub fn log_sigmoid(x: &Tensor) -> Result<Tensor> {
    ops::negative(ops::softplus(ops::negative(x)?)?)
}

/// `x * tanh(softplus(x))`
///
/// # Errors
/// No memory.
pub fn mish(x: &Tensor) -> Result<Tensor> {
    ops::multiply(x, ops::tanh(ops::softplus(x)?)?)
}

/// `1 / (1 + e^-x)`
///
/// # Errors
/// No memory.
pub fn sigmoid(x: &Tensor) -> Result<Tensor> {
    ops::sigmoid(x)
}

/// `x * sigmoid(x)`, also called swish.
///
/// # Errors
/// No memory.
pub fn silu(x: &Tensor) -> Result<Tensor> {
    ops::multiply(x, ops::sigmoid(x)?)
}

/// `log(1 + e^x)`
///
/// # Errors
/// No memory.
pub fn softplus(x: &Tensor) -> Result<Tensor> {
    ops::softplus(x)
}

/// `x / (1 + |x|)`
///
/// # Errors
/// No memory.
pub fn softsign(x: &Tensor) -> Result<Tensor> {
    ops::divide(x, ops::add(ops::abs(x)?, 1.0)?)
}

/// 0 below -1, `(x + 1)^2 / 4` up to 1, `x` above.
///
/// # Errors
/// No memory.
pub fn sparse_plus(x: &Tensor) -> Result<Tensor> {
    let curve = ops::multiply(ops::square(ops::add(x, 1.0)?)?, 0.25)?;
    let above = ops::where_(ops::less(x, 1.0)?, curve, x)?;
    ops::where_(ops::less_equal(x, -1.0)?, ops::zeros_like(x)?, above)
}

/// 0 below -1, `(x + 1) / 2` up to 1, 1 above.
///
/// # Errors
/// No memory.
pub fn sparse_sigmoid(x: &Tensor) -> Result<Tensor> {
    ops::multiply(ops::add(ops::clip(x, -1.0, 1.0)?, 1.0)?, 0.5)
}

/// The point of the simplex that is nearest to `x` along an axis (Martins and Astudillo, 2016).
///
/// With `x` sorted descending, `k` is the largest place with `1 + k * x_k > sum of the first k`, and `tau` is
/// `(that sum - 1) / k`; the result is `max(x - tau, 0)`. Keras 3.15 on TensorFlow sums cumulative sums here and is wrong
/// where `k` is above 1.
///
/// # Errors
/// An axis that the tensor does not have.
pub fn sparsemax(x: &Tensor, axis: isize) -> Result<Tensor> {
    let axis = x.shape().axis(axis, "sparsemax")?;
    let rank = x.rank();
    // The axis comes last for sorting, and goes back afterwards.
    let mut order: Vec<usize> = (0..rank).filter(|&a| a != axis).collect();
    order.push(axis);
    let moved = ops::transpose(x, Some(&order))?;
    let classes = x.shape()[axis];
    let (sorted, _) = ops::top_k(&moved, classes)?;
    let places = ops::cast(ops::arange(1, classes as i64 + 1, DType::I32)?, x.dtype())?;
    let sums = ops::cumsum(&sorted, -1)?;
    let inside = ops::greater(ops::add(ops::multiply(&sorted, &places)?, 1.0)?, &sums)?;
    let inside = ops::cast(inside, x.dtype())?;
    let fold = |t: Tensor| ops::reduce(t, Fold::Sum, [-1], true);
    let count = fold(inside.clone())?;
    let total = fold(ops::multiply(&sorted, &inside)?)?;
    let tau = ops::divide(ops::subtract(total, 1.0)?, count)?;
    let projected = ops::relu(ops::subtract(&moved, tau)?)?;
    let mut back = vec![0; rank];
    for (to, &from) in order.iter().enumerate() {
        back[from] = to;
    }
    ops::transpose(projected, Some(&back))
}

/// `(x + sqrt(x^2 + b)) / 2`
///
/// # Errors
/// No memory.
pub fn squareplus(x: &Tensor, b: f64) -> Result<Tensor> {
    let root = ops::sqrt(ops::add(ops::square(x)?, b)?)?;
    ops::multiply(ops::add(x, root)?, 0.5)
}

/// The hyperbolic tangent.
///
/// # Errors
/// No memory.
pub fn tanh(x: &Tensor) -> Result<Tensor> {
    ops::tanh(x)
}

/// `x - tanh(x)`
///
/// # Errors
/// No memory.
pub fn tanh_shrink(x: &Tensor) -> Result<Tensor> {
    ops::subtract(x, ops::tanh(x)?)
}

/// `x` above `threshold`, `default_value` elsewhere.
///
/// # Errors
/// No memory.
pub fn threshold(x: &Tensor, threshold: f64, default_value: f64) -> Result<Tensor> {
    ops::where_(
        ops::greater(x, threshold)?,
        x,
        ops::full_like(x, default_value)?,
    )
}
