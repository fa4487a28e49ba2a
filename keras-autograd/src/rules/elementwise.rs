//! Rules of functions of single elements and of pairs.

use keras_tensor::op::{Binary, Clip, Fused, Unary};
use keras_tensor::{Result, Tensor, ops};

use super::{Given, Grads, Needs, none, one};

pub(super) fn unary_needs(op: Unary, output: Needs, input: Needs, nothing: Needs) -> Needs {
    use Unary::*;
    match op {
        Neg | Sign | Floor | Ceil | Round | IsNan | IsFinite | Not => nothing,
        Sqrt | Rsqrt | Reciprocal | Exp | Expm1 | Tan | Tanh | Sigmoid | Relu => output,
        Abs | Square | Log | Log1p | Sin | Cos | Asin | Acos | Atan | Sinh | Cosh | Softplus
        | Erf => input,
    }
}

pub(super) fn unary(op: Unary, given: &Given) -> Result<Grads> {
    use Unary::*;
    let (x, y, g) = (&given.inputs[0], &given.outputs[0], given.gradient);
    let one_plus_square = |t: &Tensor| ops::add(ops::square(t)?, 1.0);
    one(match op {
        Neg => ops::negative(g)?,
        Abs => ops::multiply(g, ops::sign(x)?)?,
        Square => ops::multiply(ops::multiply(g, x)?, 2.0)?,
        Sqrt => ops::divide(ops::multiply(g, 0.5)?, y)?,
        Rsqrt => ops::multiply(g, ops::multiply(ops::power(y, 3.0)?, -0.5)?)?,
        Reciprocal => ops::negative(ops::multiply(g, ops::square(y)?)?)?,
        Exp => ops::multiply(g, y)?,
        Expm1 => ops::multiply(g, ops::add(y, 1.0)?)?,
        Log => ops::divide(g, x)?,
        Log1p => ops::divide(g, ops::add(x, 1.0)?)?,
        Sin => ops::multiply(g, ops::cos(x)?)?,
        Cos => ops::negative(ops::multiply(g, ops::sin(x)?)?)?,
        Tan => ops::multiply(g, one_plus_square(y)?)?,
        Asin => ops::multiply(g, ops::rsqrt(ops::subtract(1.0, ops::square(x)?)?)?)?,
        Acos => ops::negative(ops::multiply(
            g,
            ops::rsqrt(ops::subtract(1.0, ops::square(x)?)?)?,
        )?)?,
        Atan => ops::divide(g, one_plus_square(x)?)?,
        Sinh => ops::multiply(g, ops::cosh(x)?)?,
        Cosh => ops::multiply(g, ops::sinh(x)?)?,
        Tanh => ops::activation_grad(g, y, Fused::Tanh)?,
        Sigmoid => ops::activation_grad(g, y, Fused::Sigmoid)?,
        Relu => ops::activation_grad(g, y, Fused::Relu)?,
        Softplus => ops::multiply(g, ops::sigmoid(x)?)?,
        Erf => {
            let slope = ops::exp(ops::negative(ops::square(x)?)?)?;
            ops::multiply(g, ops::multiply(slope, std::f64::consts::FRAC_2_SQRT_PI)?)?
        }
        Sign | Floor | Ceil | Round | IsNan | IsFinite | Not => return Ok(none(1)),
    })
}

pub(super) fn binary_needs(op: Binary, reads: fn(u8, bool) -> Needs) -> Needs {
    use Binary::*;
    match op {
        Add | Sub => reads(0, false),
        Mul | Max | Min | Mod => reads(0b11, false),
        Div => reads(0b10, true),
        Pow => reads(0b11, true),
        FloorDiv | Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual | And | Or
        | Xor => reads(0, false),
    }
}

pub(super) fn binary(op: Binary, given: &Given) -> Result<Grads> {
    use Binary::*;
    let (a, b) = (&given.inputs[0], &given.inputs[1]);
    let (y, g) = (&given.outputs[0], given.gradient);
    let wanted = |i: usize, f: &dyn Fn() -> Result<Tensor>| given.wanted[i].then(f).transpose();
    let (left, right) = match op {
        Add => (Some(g.clone()), Some(g.clone())),
        Sub => (Some(g.clone()), wanted(1, &|| ops::negative(g))?),
        Mul => (
            wanted(0, &|| ops::multiply(g, b))?,
            wanted(1, &|| ops::multiply(g, a))?,
        ),
        Div => (
            wanted(0, &|| ops::divide(g, b))?,
            wanted(1, &|| ops::negative(ops::divide(ops::multiply(g, y)?, b)?))?,
        ),
        Pow => (
            wanted(0, &|| {
                let slope = ops::multiply(b, ops::power(a, ops::subtract(b, 1.0)?)?)?;
                ops::multiply(g, slope)
            })?,
            wanted(1, &|| {
                // Where the base is not positive there is no logarithm; TensorFlow gives 0 there.
                let positive = ops::greater(a, 0.0)?;
                let base = ops::where_(&positive, a, ops::ones_like(a)?)?;
                let slope = ops::multiply(y, ops::log(base)?)?;
                let slope = ops::where_(&positive, &slope, ops::zeros_like(&slope)?)?;
                ops::multiply(g, slope)
            })?,
        ),
        Max | Min => {
            let first = match op {
                Max => ops::greater_equal(a, b)?,
                _ => ops::less_equal(a, b)?,
            };
            let nothing = ops::zeros_like(g)?;
            (
                Some(ops::where_(&first, g, &nothing)?),
                Some(ops::where_(&first, &nothing, g)?),
            )
        }
        Mod => (
            Some(g.clone()),
            wanted(1, &|| {
                ops::negative(ops::multiply(g, ops::floor_divide(a, b)?)?)
            })?,
        ),
        FloorDiv | Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual | And | Or
        | Xor => (None, None),
    };
    Ok(Grads::from_iter([left, right]))
}

pub(super) fn clip(c: &Clip, given: &Given) -> Result<Grads> {
    let (x, g) = (&given.inputs[0], given.gradient);
    let inside = ops::logical_and(ops::greater_equal(x, c.min)?, ops::less_equal(x, c.max)?)?;
    one(ops::where_(inside, g, ops::zeros_like(g)?)?)
}

/// The op is `g * f'(y)`: linear in `g`, and curved in `y` for sigmoid (`1 - 2 y`) and tanh (`-2 y`).
pub(super) fn activation_grad(activation: Fused, given: &Given) -> Result<Grads> {
    let (inner, y, g) = (&given.inputs[0], &given.inputs[1], given.gradient);
    let by_gradient = ops::activation_grad(g, y, activation)?;
    let by_output = match activation {
        Fused::Linear | Fused::Relu | Fused::Relu6 => None,
        Fused::Sigmoid => Some(ops::subtract(1.0, ops::multiply(y, 2.0)?)?),
        Fused::Tanh => Some(ops::multiply(y, -2.0)?),
    };
    let by_output = by_output
        .map(|slope| ops::multiply(ops::multiply(g, inner)?, slope))
        .transpose()?;
    Ok(Grads::from_iter([Some(by_gradient), by_output]))
}

pub(super) fn select(given: &Given) -> Result<Grads> {
    let (condition, g) = (&given.inputs[0], given.gradient);
    let nothing = ops::zeros_like(g)?;
    Ok(Grads::from_iter([
        None,
        Some(ops::where_(condition, g, &nothing)?),
        Some(ops::where_(condition, &nothing, g)?),
    ]))
}
