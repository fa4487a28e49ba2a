//! Making, moving and converting tensors.

use super::Operand;
use super::operand::filled;
use crate::dtype::Scalar;
use crate::op::{Arange, OneHot, Pad, Random, Slice};
use crate::{DType, Distribution, Error, Op, Result, Shape, Tensor, apply, apply_one};

/// A tensor of the given elements, as [`Tensor::new`].
///
/// # Errors
/// The shape does not have as many elements.
pub fn constant<T: Scalar>(data: &[T], shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::new(data, shape)
}

/// A tensor of one value.
///
/// # Errors
/// No memory.
pub fn full(shape: impl Into<Shape>, value: f64, dtype: DType) -> Result<Tensor> {
    filled(value, shape.into(), dtype)
}

/// A tensor of zeros.
///
/// # Errors
/// No memory.
pub fn zeros(shape: impl Into<Shape>, dtype: DType) -> Result<Tensor> {
    full(shape, 0.0, dtype)
}

/// A tensor of ones.
///
/// # Errors
/// No memory.
pub fn ones(shape: impl Into<Shape>, dtype: DType) -> Result<Tensor> {
    full(shape, 1.0, dtype)
}

/// Zeros in the shape and dtype of `x`.
///
/// # Errors
/// No memory.
pub fn zeros_like(x: impl Operand) -> Result<Tensor> {
    full_like(x, 0.0)
}

/// Ones in the shape and dtype of `x`.
///
/// # Errors
/// No memory.
pub fn ones_like(x: impl Operand) -> Result<Tensor> {
    full_like(x, 1.0)
}

/// One value in the shape and dtype of `x`.
///
/// # Errors
/// No memory.
pub fn full_like(x: impl Operand, value: f64) -> Result<Tensor> {
    fn inner(x: &dyn Operand, value: f64) -> Result<Tensor> {
        let x = x.tensor()?;
        if x.is_meta() {
            return Ok(Tensor::meta(x.shape().clone(), x.dtype()));
        }
        filled(value, x.shape().clone(), x.dtype())
    }
    inner(&x, value)
}

/// The integers from `start` to before `stop`.
///
/// # Errors
/// `stop` is below `start`.
pub fn arange(start: i64, stop: i64, dtype: DType) -> Result<Tensor> {
    let count = usize::try_from(stop.saturating_sub(start)).map_err(|_| {
        Error::argument("arange.stop", stop, format!("at least the start, {start}"))
    })?;
    apply_one(
        Op::Arange(Arange {
            start: start as f64,
            step: 1.0,
            count,
            dtype,
        }),
        &[],
    )
}

/// Random values; `seed` is what [`crate::random::SeedGenerator::next`] gives.
///
/// # Errors
/// A seed that is not `[2]` of uint32, or an empty range of integers.
pub fn random(
    distribution: Distribution,
    shape: impl Into<Shape>,
    dtype: DType,
    seed: &Tensor,
) -> Result<Tensor> {
    let shape = shape.into();
    apply_one(
        Op::Random(Random {
            distribution,
            shape,
            dtype,
        }),
        &[seed],
    )
}

/// The same values in another dtype.
///
/// # Errors
/// No memory.
pub fn cast(x: impl Operand, dtype: DType) -> Result<Tensor> {
    fn inner(x: &dyn Operand, dtype: DType) -> Result<Tensor> {
        let x = x.tensor()?;
        if x.dtype() == dtype {
            return Ok(x.into_owned());
        }
        apply_one(Op::Cast(dtype), &[&x])
    }
    inner(&x, dtype)
}

/// The same value without a derivative.
///
/// # Errors
/// No memory.
pub fn stop_gradient(x: impl Operand) -> Result<Tensor> {
    apply_one(Op::Detach, &[&*x.tensor()?])
}

/// The same elements in another shape; one axis may be -1, for what is left.
///
/// # Errors
/// A shape with another number of elements.
pub fn reshape(x: impl Operand, shape: &[isize]) -> Result<Tensor> {
    fn inner(x: &dyn Operand, shape: &[isize]) -> Result<Tensor> {
        let x = x.tensor()?;
        let unknown = shape.iter().filter(|&&n| n < 0).count();
        let known = shape
            .iter()
            .filter(|&&n| n >= 0)
            .try_fold(1usize, |a, &n| a.checked_mul(n as usize))
            .unwrap_or(usize::MAX);
        let fits = match unknown {
            0 => known == x.size(),
            1 => shape.iter().all(|&n| n >= -1) && known > 0 && x.size().is_multiple_of(known),
            _ => false,
        };
        if !fits {
            return Err(Error::shape(
                "reshape",
                &[x.shape()],
                format!(
                    "{shape:?} does not hold {} elements; at most one axis may be -1",
                    x.size()
                ),
            ));
        }
        let left = x.size().checked_div(known).unwrap_or(0);
        let shape = shape
            .iter()
            .map(|&n| if n < 0 { left } else { n as usize })
            .collect();
        reshape_to(&x, shape)
    }
    inner(&x, shape)
}

/// The same elements in another shape that is fully known.
///
/// # Errors
/// A shape with another number of elements.
pub fn reshape_to(x: impl Operand, shape: Shape) -> Result<Tensor> {
    fn inner(x: &dyn Operand, shape: Shape) -> Result<Tensor> {
        let x = x.tensor()?;
        if *x.shape() == shape {
            return Ok(x.into_owned());
        }
        apply_one(Op::Reshape(shape), &[&x])
    }
    inner(&x, shape)
}

/// A new axis of size 1 before `axis`; negative ones count from the end of the result.
///
/// # Errors
/// An axis that the result does not have.
pub fn expand_dims(x: impl Operand, axis: isize) -> Result<Tensor> {
    let x = x.tensor()?;
    let mut shape = x.shape().clone();
    shape.push(1);
    let axis = shape.axis(axis, "expand_dims")?;
    let mut shape = x.shape().clone();
    shape.insert(axis, 1);
    reshape_to(&x, shape)
}

/// An axis of size 1 taken away.
///
/// # Errors
/// The axis has another size.
pub fn squeeze(x: impl Operand, axis: isize) -> Result<Tensor> {
    let x = x.tensor()?;
    let axis = x.shape().axis(axis, "squeeze")?;
    let mut shape = x.shape().clone();
    if shape.remove(axis) != 1 {
        return Err(Error::shape(
            "squeeze",
            &[x.shape()],
            format!("axis {axis} of size 1"),
        ));
    }
    reshape_to(&x, shape)
}

/// Axes in another order; `None` reverses them.
///
/// # Errors
/// An order that does not name each axis once.
pub fn transpose(x: impl Operand, order: Option<&[usize]>) -> Result<Tensor> {
    let x = x.tensor()?;
    let order = match order {
        Some(order) => order.iter().copied().collect(),
        None => (0..x.rank()).rev().collect(),
    };
    apply_one(Op::Transpose(order), &[&x])
}

/// The input repeated along axes of size 1 and new leading axes.
///
/// # Errors
/// A shape that it does not broadcast to.
pub fn broadcast_to(x: impl Operand, shape: impl Into<Shape>) -> Result<Tensor> {
    fn inner(x: &dyn Operand, shape: Shape) -> Result<Tensor> {
        let x = x.tensor()?;
        if *x.shape() == shape {
            return Ok(x.into_owned());
        }
        apply_one(Op::Broadcast(shape), &[&x])
    }
    inner(&x, shape.into())
}

/// Each element along an axis several times, one after the other: `[1, 2]` twice is `[1, 1, 2, 2]`.
///
/// # Errors
/// An axis that the tensor does not have.
pub fn repeat(x: impl Operand, repeats: usize, axis: isize) -> Result<Tensor> {
    let x = x.tensor()?;
    let axis = x.shape().axis(axis, "repeat")?;
    let mut long = x.shape().to_vec();
    long.insert(axis + 1, repeats);
    let mut shape = x.shape().to_vec();
    shape[axis] *= repeats;
    let column = expand_dims(&*x, axis as isize + 1)?;
    reshape_to(broadcast_to(column, &long[..])?, Shape::from(&shape[..]))
}

/// A box cut out, from `begin`, of `size`.
///
/// # Errors
/// The box is not inside.
pub fn slice(x: impl Operand, begin: &[usize], size: &[usize]) -> Result<Tensor> {
    apply_one(
        Op::Slice(Slice {
            begin: begin.into(),
            size: size.into(),
        }),
        &[&*x.tensor()?],
    )
}

/// `count` places of one axis, from `begin`; the first axis shares memory with the input.
///
/// # Errors
/// The places are not inside.
pub fn slice_axis(x: impl Operand, axis: isize, begin: usize, count: usize) -> Result<Tensor> {
    fn inner(x: &dyn Operand, axis: isize, begin: usize, count: usize) -> Result<Tensor> {
        let x = x.tensor()?;
        let axis = x.shape().axis(axis, "slice")?;
        let mut from: Shape = std::iter::repeat_n(0, x.rank()).collect();
        let mut size = x.shape().clone();
        from[axis] = begin;
        size[axis] = count;
        apply_one(Op::Slice(Slice { begin: from, size }), &[&x])
    }
    inner(&x, axis, begin, count)
}

/// A border of one value.
///
/// # Errors
/// Not a pair of widths for each axis.
pub fn pad(x: impl Operand, widths: &[(usize, usize)], value: f64) -> Result<Tensor> {
    apply_one(
        Op::Pad(Pad {
            before: widths.iter().map(|w| w.0).collect(),
            after: widths.iter().map(|w| w.1).collect(),
            value,
        }),
        &[&*x.tensor()?],
    )
}

/// Tensors one after the other along an axis.
///
/// # Errors
/// No tensors, or shapes that differ in another axis.
pub fn concatenate(tensors: &[&Tensor], axis: isize) -> Result<Tensor> {
    let Some(first) = tensors.first() else {
        return Err(Error::argument("concatenate", "no tensors", "at least one"));
    };
    let axis = first.shape().axis(axis, "concatenate")?;
    Ok(apply(Op::Concat(axis), tensors)?.remove(0))
}

/// Tensors side by side along a new axis.
///
/// # Errors
/// No tensors, or shapes that differ.
pub fn stack(tensors: &[&Tensor], axis: isize) -> Result<Tensor> {
    let expanded = tensors
        .iter()
        .map(|t| expand_dims(*t, axis))
        .collect::<Result<Vec<_>>>()?;
    let Some(first) = expanded.first() else {
        return Err(Error::argument("stack", "no tensors", "at least one"));
    };
    let axis = first.shape().axis(axis, "stack")?;
    concatenate(&expanded.iter().collect::<Vec<_>>(), axis as isize)
}

/// Parts of `x` along an axis, at the places that integers name; negative ones count from the end.
///
/// # Errors
/// A place that is not there.
pub fn take(x: impl Operand, places: impl Operand, axis: isize) -> Result<Tensor> {
    fn inner(x: &dyn Operand, places: &dyn Operand, axis: isize) -> Result<Tensor> {
        let (x, places) = (x.tensor()?, places.tensor()?);
        let axis = x.shape().axis(axis, "take")?;
        apply_one(Op::Gather(axis), &[&x, &places])
    }
    inner(&x, &places, axis)
}

/// Integers as rows that are 1 at that place and 0 elsewhere, in a new last axis.
///
/// Integers outside of `0..classes` give a row of zeros.
///
/// # Errors
/// Floats.
pub fn one_hot(x: impl Operand, classes: usize, dtype: DType) -> Result<Tensor> {
    let x = x.tensor()?;
    apply_one(Op::OneHot(OneHot { classes, dtype }), &[&x])
}

/// Every row `[.., n]` flattened to `[batch, features]`.
///
/// # Errors
/// A scalar.
pub fn flatten(x: impl Operand) -> Result<Tensor> {
    let x = x.tensor()?;
    if x.rank() == 0 {
        return Err(Error::shape("flatten", &[x.shape()], "a batch axis"));
    }
    let features = x.shape()[1..].iter().product();
    reshape_to(&x, [x.shape()[0], features].into())
}
