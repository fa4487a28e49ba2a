//! Functions of elements, and folds of axes.

use super::operand::{floating, meet};
use super::{Operand, broadcast_to, cast};
use crate::op::{ArgReduce, ArgSort, Axes, Binary, Clip, CumSum, Fold, Reduce, Unary};
use crate::{DType, Error, Op, Result, Tensor, apply_one};

fn unary(op: Unary, x: &dyn Operand) -> Result<Tensor> {
    let t = x.tensor()?;
    if t.dtype().is_float() || (op.keeps_integers() && t.dtype() != DType::Bool) {
        apply_one(Op::Unary(op), &[&t])
    } else {
        apply_one(Op::Unary(op), &[&*floating(x)?])
    }
}

macro_rules! unary_functions {
    ($($(#[$doc:meta])* $name:ident $op:ident),* $(,)?) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// No memory.
        pub fn $name(x: impl Operand) -> Result<Tensor> {
            unary(Unary::$op, &x)
        }
    )*};
}
unary_functions! {
    /// `-x`.
    negative Neg,
    /// `|x|`.
    abs Abs,
    /// -1, 0 or 1.
    sign Sign,
    /// `x * x`.
    square Square,
    /// The square root.
    sqrt Sqrt,
    /// `1 / sqrt(x)`.
    rsqrt Rsqrt,
    /// `1 / x`.
    reciprocal Reciprocal,
    /// `e^x`.
    exp Exp,
    /// `e^x - 1`, exact for small `x`.
    expm1 Expm1,
    /// The natural logarithm.
    log Log,
    /// `log(1 + x)`, exact for small `x`.
    log1p Log1p,
    /// The sine, of radians.
    sin Sin,
    /// The cosine, of radians.
    cos Cos,
    /// The tangent, of radians.
    tan Tan,
    /// The angle whose sine is `x`.
    arcsin Asin,
    /// The angle whose cosine is `x`.
    arccos Acos,
    /// The angle whose tangent is `x`.
    arctan Atan,
    /// The hyperbolic sine.
    sinh Sinh,
    /// The hyperbolic cosine.
    cosh Cosh,
    /// The hyperbolic tangent.
    tanh Tanh,
    /// `1 / (1 + e^-x)`.
    sigmoid Sigmoid,
    /// `max(x, 0)`.
    relu Relu,
    /// `log(1 + e^x)`.
    softplus Softplus,
    /// The error function.
    erf Erf,
    /// The largest integer that is not above `x`.
    floor Floor,
    /// The smallest integer that is not below `x`.
    ceil Ceil,
    /// The nearest integer, halves to the even one.
    round Round,
}

/// Whether elements are NaN.
///
/// # Errors
/// No memory.
pub fn isnan(x: impl Operand) -> Result<Tensor> {
    apply_one(Op::Unary(Unary::IsNan), &[&*floating(&x)?])
}

/// Whether elements are neither infinite nor NaN.
///
/// # Errors
/// No memory.
pub fn isfinite(x: impl Operand) -> Result<Tensor> {
    apply_one(Op::Unary(Unary::IsFinite), &[&*floating(&x)?])
}

/// The opposite truth value; numbers count as true when they are not 0.
///
/// # Errors
/// No memory.
pub fn logical_not(x: impl Operand) -> Result<Tensor> {
    let t = x.tensor()?;
    let t = cast(&t, DType::Bool)?;
    apply_one(Op::Unary(Unary::Not), &[&t])
}

fn binary(op: Binary, a: &dyn Operand, b: &dyn Operand) -> Result<Tensor> {
    let (a, b) = meet(a, b)?;
    apply_one(Op::Binary(op), &[&a, &b])
}

macro_rules! binary_functions {
    ($($(#[$doc:meta])* $name:ident $op:ident),* $(,)?) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// Shapes that do not broadcast.
        pub fn $name(a: impl Operand, b: impl Operand) -> Result<Tensor> {
            binary(Binary::$op, &a, &b)
        }
    )*};
}
binary_functions! {
    /// `a + b`.
    add Add,
    /// `a - b`.
    subtract Sub,
    /// `a * b`.
    multiply Mul,
    /// `a` to the power of `b`.
    power Pow,
    /// The larger of both.
    maximum Max,
    /// The smaller of both.
    minimum Min,
    /// What is left of `a` after division by `b`, with the sign of `b`.
    modulo Mod,
    /// `a / b` rounded down.
    floor_divide FloorDiv,
    /// `a == b`, as bools.
    equal Equal,
    /// `a != b`, as bools.
    not_equal NotEqual,
    /// `a < b`, as bools.
    less Less,
    /// `a <= b`, as bools.
    less_equal LessEqual,
    /// `a > b`, as bools.
    greater Greater,
    /// `a >= b`, as bools.
    greater_equal GreaterEqual,
    /// Whether both are true.
    logical_and And,
    /// Whether one of both is true.
    logical_or Or,
    /// Whether exactly one of both is true.
    logical_xor Xor,
}

/// `a / b`; integers become float32 first.
///
/// # Errors
/// Shapes that do not broadcast.
pub fn divide(a: impl Operand, b: impl Operand) -> Result<Tensor> {
    fn inner(a: &dyn Operand, b: &dyn Operand) -> Result<Tensor> {
        let (x, y) = meet(a, b)?;
        if x.dtype().is_float() {
            apply_one(Op::Binary(Binary::Div), &[&x, &y])
        } else {
            apply_one(Op::Binary(Binary::Div), &[&*floating(&x)?, &*floating(&y)?])
        }
    }
    inner(&a, &b)
}

/// `a / b`, and 0 where `b` is 0.
///
/// # Errors
/// Shapes that do not broadcast.
pub fn divide_no_nan(a: impl Operand, b: impl Operand) -> Result<Tensor> {
    fn inner(a: &dyn Operand, b: &dyn Operand) -> Result<Tensor> {
        let (a, b) = meet(a, b)?;
        let (a, b) = (floating(&a)?, floating(&b)?);
        let zero = equal(&b, 0.0)?;
        let safe = where_(&zero, &super::ones_like(&b)?, &b)?;
        let quotient = divide(&a, &safe)?;
        where_(&zero, &super::zeros_like(&quotient)?, &quotient)
    }
    inner(&a, &b)
}

/// Elements kept between `min` and `max`.
///
/// # Errors
/// `min` is above `max`.
pub fn clip(x: impl Operand, min: f64, max: f64) -> Result<Tensor> {
    fn inner(x: &dyn Operand, min: f64, max: f64) -> Result<Tensor> {
        if min > max {
            return Err(Error::argument(
                "clip.min",
                min,
                format!("at most max, {max}"),
            ));
        }
        let x = x.tensor()?;
        let number = x.dtype().with_int_literal();
        apply_one(Op::Clip(Clip { min, max }), &[&cast(&*x, number)?])
    }
    inner(&x, min, max)
}

/// Elements of `a` where `condition` is true, of `b` elsewhere; all three are broadcast.
///
/// # Errors
/// Shapes that do not broadcast.
pub fn where_(condition: impl Operand, a: impl Operand, b: impl Operand) -> Result<Tensor> {
    fn inner(condition: &dyn Operand, a: &dyn Operand, b: &dyn Operand) -> Result<Tensor> {
        let condition = condition.tensor()?;
        let condition = cast(&condition, DType::Bool)?;
        let (a, b) = meet(a, b)?;
        apply_one(Op::Select, &[&condition, &a, &b])
    }
    inner(&condition, &a, &b)
}

/// Axes to fold: `None` for all, a number, or several; negative ones count from the last.
pub trait IntoAxes {
    /// The axes of a tensor of `rank`, ascending; errors name `op`.
    ///
    /// # Errors
    /// An axis that the tensor does not have, or one twice.
    fn axes(&self, rank: usize, op: &str) -> Result<Axes>;
}

fn checked_axes(given: &[isize], rank: usize, op: &str) -> Result<Axes> {
    let mut axes = Axes::new();
    for &axis in given {
        let i = if axis < 0 { axis + rank as isize } else { axis };
        if !(0..rank as isize).contains(&i) || axes.contains(&(i as usize)) {
            return Err(Error::argument(
                format!("{op}.axis"),
                format!("{given:?}"),
                format!("different axes of a tensor with {rank}"),
            ));
        }
        axes.push(i as usize);
    }
    axes.sort_unstable();
    Ok(axes)
}

impl IntoAxes for isize {
    fn axes(&self, rank: usize, op: &str) -> Result<Axes> {
        checked_axes(&[*self], rank, op)
    }
}

impl IntoAxes for &[isize] {
    fn axes(&self, rank: usize, op: &str) -> Result<Axes> {
        checked_axes(self, rank, op)
    }
}

impl<const N: usize> IntoAxes for [isize; N] {
    fn axes(&self, rank: usize, op: &str) -> Result<Axes> {
        checked_axes(self, rank, op)
    }
}

impl IntoAxes for Axes {
    fn axes(&self, _: usize, _: &str) -> Result<Axes> {
        Ok(self.clone())
    }
}

impl IntoAxes for Option<isize> {
    fn axes(&self, rank: usize, op: &str) -> Result<Axes> {
        match self {
            Some(axis) => axis.axes(rank, op),
            None => Ok((0..rank).collect()),
        }
    }
}

/// Folds axes of a tensor; the functions below are what one usually calls.
///
/// # Errors
/// An axis that the tensor does not have.
pub fn reduce(x: impl Operand, fold: Fold, axes: impl IntoAxes, keep_dims: bool) -> Result<Tensor> {
    fn inner(x: &dyn Operand, fold: Fold, axes: &dyn IntoAxes, keep_dims: bool) -> Result<Tensor> {
        let x = x.tensor()?;
        let axes = axes.axes(x.rank(), fold.name())?;
        let x = match fold {
            Fold::Sum | Fold::Prod => cast(&*x, counting(x.dtype()))?,
            _ => x.into_owned(),
        };
        apply_one(
            Op::Reduce(Reduce {
                fold,
                axes,
                keep_dims,
            }),
            &[&x],
        )
    }
    inner(&x, fold, &axes, keep_dims)
}

/// The dtype that Keras sums elements of `dtype` in.
fn counting(dtype: DType) -> DType {
    match dtype {
        DType::Bool | DType::I8 | DType::I16 => DType::I32,
        DType::U8 | DType::U16 => DType::U32,
        wide => wide,
    }
}

macro_rules! folds {
    ($($(#[$doc:meta])* $name:ident $fold:ident),* $(,)?) => {$(
        $(#[$doc])*
        /// The axes: `None` for all, one, or several.
        ///
        /// # Errors
        /// An axis that the tensor does not have.
        pub fn $name(x: impl Operand, axes: impl IntoAxes) -> Result<Tensor> {
            reduce(x, Fold::$fold, axes, false)
        }
    )*};
}
folds! {
    /// The sum over axes; bools and narrow integers are summed as int32 or uint32.
    sum Sum,
    /// The largest over axes.
    max Max,
    /// The smallest over axes.
    min Min,
    /// The product over axes; bools and narrow integers are multiplied as int32 or uint32.
    prod Prod,
}

/// The mean over axes; integers become float32 first.
///
/// # Errors
/// An axis that the tensor does not have.
pub fn mean(x: impl Operand, axes: impl IntoAxes) -> Result<Tensor> {
    reduce(&floating(&x)?, Fold::Mean, axes, false)
}

/// Whether all over axes are true.
///
/// # Errors
/// An axis that the tensor does not have.
pub fn all(x: impl Operand, axes: impl IntoAxes) -> Result<Tensor> {
    let x = x.tensor()?;
    reduce(&cast(&x, DType::Bool)?, Fold::All, axes, false)
}

/// Whether any over axes is true.
///
/// # Errors
/// An axis that the tensor does not have.
pub fn any(x: impl Operand, axes: impl IntoAxes) -> Result<Tensor> {
    let x = x.tensor()?;
    reduce(&cast(&x, DType::Bool)?, Fold::Any, axes, false)
}

/// `mean(x^2) - mean(x)^2` over axes, without cancellation: the population variance.
///
/// # Errors
/// An axis that the tensor does not have.
pub fn var(x: impl Operand, axes: impl IntoAxes) -> Result<Tensor> {
    Ok(moments(x, axes, false)?.1)
}

/// The square root of the variance over axes.
///
/// # Errors
/// An axis that the tensor does not have.
pub fn std(x: impl Operand, axes: impl IntoAxes) -> Result<Tensor> {
    sqrt(var(x, axes)?)
}

/// Mean and population variance over axes.
///
/// # Errors
/// An axis that the tensor does not have.
pub fn moments(x: impl Operand, axes: impl IntoAxes, keep_dims: bool) -> Result<(Tensor, Tensor)> {
    fn inner(x: &dyn Operand, axes: &dyn IntoAxes, keep_dims: bool) -> Result<(Tensor, Tensor)> {
        let x = floating(x)?;
        let axes = axes.axes(x.rank(), "moments")?;
        let mean = reduce(&x, Fold::Mean, axes.clone(), true)?;
        let variance = reduce(
            &square(subtract(&x, &mean)?)?,
            Fold::Mean,
            axes.clone(),
            keep_dims,
        )?;
        let mean = if keep_dims {
            mean
        } else {
            super::reshape_to(&mean, variance.shape().clone())?
        };
        Ok((mean, variance))
    }
    inner(&x, &axes, keep_dims)
}

/// `log(sum(exp(x)))` over axes, without overflow.
///
/// # Errors
/// An axis that the tensor does not have.
pub fn logsumexp(x: impl Operand, axes: impl IntoAxes, keep_dims: bool) -> Result<Tensor> {
    fn inner(x: &dyn Operand, axes: &dyn IntoAxes, keep_dims: bool) -> Result<Tensor> {
        let x = floating(x)?;
        let axes = axes.axes(x.rank(), "logsumexp")?;
        let top = finite_top(&x, axes.clone())?;
        let total = reduce(&exp(subtract(&x, &top)?)?, Fold::Sum, axes, keep_dims)?;
        let logarithm = log(&total)?;
        let top = super::reshape_to(&top, logarithm.shape().clone())?;
        add(&logarithm, &top)
    }
    inner(&x, &axes, keep_dims)
}

/// The largest elements over axes, which stay with size 1, as constants; 0 where that is not finite.
pub(super) fn finite_top(x: &Tensor, axes: impl IntoAxes) -> Result<Tensor> {
    let top = super::stop_gradient(reduce(x, Fold::Max, axes, true)?)?;
    where_(isfinite(&top)?, &top, super::zeros_like(&top)?)
}

/// The place of the largest element along an axis, as int64; the first of equals.
///
/// # Errors
/// An axis that the tensor does not have, or an empty one.
pub fn argmax(x: impl Operand, axis: isize) -> Result<Tensor> {
    arg_reduce(x, axis, true)
}

/// The place of the smallest element along an axis, as int64; the first of equals.
///
/// # Errors
/// An axis that the tensor does not have, or an empty one.
pub fn argmin(x: impl Operand, axis: isize) -> Result<Tensor> {
    arg_reduce(x, axis, false)
}

fn arg_reduce(x: impl Operand, axis: isize, largest: bool) -> Result<Tensor> {
    let x = x.tensor()?;
    let axis = x
        .shape()
        .axis(axis, if largest { "argmax" } else { "argmin" })?;
    apply_one(Op::ArgReduce(ArgReduce { largest, axis }), &[&x])
}

/// Running sums along an axis.
///
/// # Errors
/// An axis that the tensor does not have.
pub fn cumsum(x: impl Operand, axis: isize) -> Result<Tensor> {
    fn inner(x: &dyn Operand, axis: isize) -> Result<Tensor> {
        let x = x.tensor()?;
        let x = cast(&*x, x.dtype().with_int_literal())?;
        let axis = x.shape().axis(axis, "cumsum")?;
        apply_one(
            Op::CumSum(CumSum {
                axis,
                reverse: false,
            }),
            &[&x],
        )
    }
    inner(&x, axis)
}

/// The places that would sort an axis ascending, as int32.
///
/// # Errors
/// An axis that the tensor does not have.
pub fn argsort(x: impl Operand, axis: isize) -> Result<Tensor> {
    let x = x.tensor()?;
    let axis = x.shape().axis(axis, "argsort")?;
    apply_one(
        Op::ArgSort(ArgSort {
            axis,
            descending: false,
        }),
        &[&x],
    )
}

/// The `k` largest values of the last axis, descending, and their places as int32.
///
/// # Errors
/// `k` is larger than the axis.
pub fn top_k(x: impl Operand, k: usize) -> Result<(Tensor, Tensor)> {
    fn inner(x: &dyn Operand, k: usize) -> Result<(Tensor, Tensor)> {
        let x = x.tensor()?;
        let axis = x.shape().axis(-1, "top_k")?;
        let n = x.shape()[axis];
        if k > n {
            return Err(Error::argument("top_k.k", k, format!("at most {n}")));
        }
        let order = apply_one(
            Op::ArgSort(ArgSort {
                axis,
                descending: true,
            }),
            &[&x],
        )?;
        let places = super::slice_axis(&order, axis as isize, 0, k)?;
        // Rows side by side, so that one place names an element.
        let rows = x.size() / n.max(1);
        let starts = super::arange(0, rows as i64, DType::I32)?;
        let starts = super::reshape_to(multiply(&starts, n as i32)?, [rows, 1].into())?;
        let flat_places = add(super::reshape_to(&places, [rows, k].into())?, &starts)?;
        let values = super::take(super::reshape_to(&x, [x.size()].into())?, &flat_places, 0)?;
        Ok((super::reshape_to(&values, places.shape().clone())?, places))
    }
    inner(&x, k)
}

/// Whether each target is among the `k` largest predictions `[batch, classes]`; ties count.
///
/// # Errors
/// Shapes that do not fit.
pub fn in_top_k(targets: impl Operand, predictions: impl Operand, k: usize) -> Result<Tensor> {
    let predictions = predictions.tensor()?;
    let classes = predictions.shape()[predictions.shape().axis(-1, "in_top_k")?];
    let chosen = super::one_hot(targets, classes, predictions.dtype())?;
    let score = reduce(&multiply(&chosen, &predictions)?, Fold::Sum, [-1], true)?;
    let higher = cast(
        &greater(
            &predictions,
            &broadcast_to(&score, predictions.shape().clone())?,
        )?,
        DType::I32,
    )?;
    let valid = any(&chosen, [-1])?;
    logical_and(
        less(&sum(&higher, [-1])?, k as i32)?,
        logical_and(valid, all(isfinite(&score)?, [-1])?)?,
    )
}
