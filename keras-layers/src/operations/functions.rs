use keras_tensor::{DType, Result, Tensor};
use serde_json::{Value, json};

use super::Operation;
use super::given::constant_json;
use crate::{Argument, Arguments, Symbolic};

/// Keras's operation of this class behind tensors of a graph, with what the class is made with:
/// `apply("Mean", json!({"axis": 1, "keepdims": false}), &x)`. For operations that have no function of their own here.
///
/// # Errors
/// An unknown class, or inputs that it cannot take.
pub fn apply(
    class_name: &str,
    config: Value,
    inputs: impl Into<Arguments<Symbolic>>,
) -> Result<Vec<Symbolic>> {
    Operation::new(class_name, config)?.on(inputs.into())
}

fn one(
    class_name: &str,
    config: Value,
    inputs: impl Into<Arguments<Symbolic>>,
) -> Result<Symbolic> {
    Ok(apply(class_name, config, inputs)?.swap_remove(0))
}

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident $class:ident ($($x:ident),+);)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// Shapes that do not fit each other.
        pub fn $name($($x: impl Into<Argument<Symbolic>>),+) -> Result<Symbolic> {
            let inputs = [$($x.into()),+].into_iter().collect::<Arguments<Symbolic>>();
            one(stringify!($class), json!({}), inputs)
        }
    )*};
}
functions! {
    /// `x1 + x2`.
    add Add (x1, x2);
    /// `x1 - x2`.
    subtract Subtract (x1, x2);
    /// `x1 * x2`.
    multiply Multiply (x1, x2);
    /// `x1 / x2`.
    divide TrueDivide (x1, x2);
    /// `x1` to the power of `x2`.
    power Power (x1, x2);
    /// The larger of both.
    maximum Maximum (x1, x2);
    /// The smaller of both.
    minimum Minimum (x1, x2);
    /// `x1 == x2`, as bools.
    equal Equal (x1, x2);
    /// `x1 != x2`, as bools.
    not_equal NotEqual (x1, x2);
    /// `x1 > x2`, as bools.
    greater Greater (x1, x2);
    /// `x1 < x2`, as bools.
    less Less (x1, x2);
    /// `x1` where the condition holds, `x2` elsewhere.
    where_ Where (condition, x1, x2);
    /// The matrix product.
    matmul Matmul (x1, x2);
    /// `-x`.
    negative Negative (x);
    /// `|x|`.
    absolute Absolute (x);
    /// `x * x`.
    square Square (x);
    /// The square root.
    sqrt Sqrt (x);
    /// `e^x`.
    exp Exp (x);
    /// The natural logarithm.
    log Log (x);
    /// The sine, of radians.
    sin Sin (x);
    /// The cosine, of radians.
    cos Cos (x);
    /// The hyperbolic tangent.
    tanh Tanh (x);
    /// `max(x, 0)`.
    relu Relu (x);
    /// `1 / (1 + e^-x)`.
    sigmoid Sigmoid (x);
    /// `x * sigmoid(x)`.
    silu Silu (x);
    /// `log(1 + e^x)`.
    softplus Softplus (x);
    /// The same, through which no gradient flows.
    stop_gradient StopGradient (x);
}

macro_rules! folds {
    ($($(#[$doc:meta])* $name:ident $class:ident;)*) => {$(
        $(#[$doc])*
        /// The axes: `None` for all, one, or several; with `keepdims` they stay, of size 1.
        ///
        /// # Errors
        /// An axis that the tensor does not have.
        pub fn $name(x: &Symbolic, axis: impl Into<FoldAxes>, keepdims: bool) -> Result<Symbolic> {
            one(stringify!($class), json!({"axis": axis.into().0, "keepdims": keepdims}), x)
        }
    )*};
}
folds! {
    /// The sum over axes.
    sum Sum;
    /// The mean over axes.
    mean Mean;
    /// The largest over axes.
    max Max;
    /// The smallest over axes.
    min Min;
    /// The variance over axes.
    var Var;
    /// The standard deviation over axes.
    std Std;
    /// Whether any over axes is true.
    any Any;
    /// Whether all over axes are true.
    all All;
}

/// The axes of a fold: all, one, or several.
pub struct FoldAxes(Value);

impl From<Option<isize>> for FoldAxes {
    fn from(axis: Option<isize>) -> Self {
        FoldAxes(json!(axis))
    }
}

impl From<isize> for FoldAxes {
    fn from(axis: isize) -> Self {
        FoldAxes(json!(axis))
    }
}

impl<const N: usize> From<[isize; N]> for FoldAxes {
    fn from(axes: [isize; N]) -> Self {
        FoldAxes(axes.into_iter().collect())
    }
}

/// `e^x / sum(e^x)` over an axis.
///
/// # Errors
/// An axis that the tensor does not have.
pub fn softmax(x: &Symbolic, axis: isize) -> Result<Symbolic> {
    one("Softmax", json!({"axis": axis}), x)
}

/// The same numbers in another shape, batch axis included; one size may be -1.
///
/// # Errors
/// A shape of another size.
pub fn reshape(x: &Symbolic, newshape: &[isize]) -> Result<Symbolic> {
    one("Reshape", json!({"newshape": newshape}), x)
}

/// The axes in another order.
///
/// # Errors
/// Not every axis once.
pub fn transpose(x: &Symbolic, axes: &[usize]) -> Result<Symbolic> {
    one("Transpose", json!({"axes": axes}), x)
}

/// One more axis of size 1.
///
/// # Errors
/// A place beyond the axes.
pub fn expand_dims(x: &Symbolic, axis: isize) -> Result<Symbolic> {
    one("ExpandDims", json!({"axis": axis}), x)
}

/// Without an axis of size 1.
///
/// # Errors
/// An axis of another size.
pub fn squeeze(x: &Symbolic, axis: isize) -> Result<Symbolic> {
    one("Squeeze", json!({"axis": axis}), x)
}

/// Tensors one after the other along an axis.
///
/// # Errors
/// Shapes that differ in another axis.
pub fn concatenate(tensors: &[&Symbolic], axis: isize) -> Result<Symbolic> {
    one("Concatenate", json!({"axis": axis}), list(tensors))
}

/// Tensors of one shape along a new axis.
///
/// # Errors
/// Shapes that differ.
pub fn stack(tensors: &[&Symbolic], axis: isize) -> Result<Symbolic> {
    one("Stack", json!({"axis": axis}), list(tensors))
}

/// An axis cut into parts of one size.
///
/// # Errors
/// A size that cannot be cut so.
pub fn split(x: &Symbolic, sections: usize, axis: isize) -> Result<Vec<Symbolic>> {
    let config = json!({"indices_or_sections": sections, "axis": axis});
    apply("Split", config, x)
}

/// The numbers in another dtype.
///
/// # Errors
/// No memory.
pub fn cast(x: &Symbolic, dtype: DType) -> Result<Symbolic> {
    one("Cast", json!({"dtype": dtype.name()}), x)
}

fn list(tensors: &[&Symbolic]) -> Arguments<Symbolic> {
    let all: Vec<Symbolic> = tensors.iter().map(|&t| t.clone()).collect();
    Arguments::new(all)
}

impl Symbolic {
    /// A part of the tensor, `None` for a whole axis: `x.slice(&[None, Some(1..3)])` is Python's `x[:, 1:3]`.
    ///
    /// # Errors
    /// More places than axes.
    pub fn slice(&self, places: &[Option<std::ops::Range<isize>>]) -> Result<Symbolic> {
        let key = places.iter().map(|range| {
            let (start, stop) = match range {
                Some(range) => (Some(range.start), Some(range.end)),
                None => (None, None),
            };
            json!({
                "class_name": "__slice__",
                "config": {"start": start, "stop": stop, "step": null},
            })
        });
        let key = Argument::Value(key.collect());
        one("GetItem", json!({}), Arguments::new(self).and(key))
    }
}

impl From<f64> for Argument<Symbolic> {
    fn from(number: f64) -> Self {
        Argument::Value(number.into())
    }
}

impl From<i32> for Argument<Symbolic> {
    fn from(number: i32) -> Self {
        Argument::Value(number.into())
    }
}

/// A constant of the graph. One without data, or of numbers that JSON has no words for, becomes `null`, which no
/// operation takes.
impl From<&Tensor> for Argument<Symbolic> {
    fn from(x: &Tensor) -> Self {
        Argument::Value(constant_json(x).unwrap_or_default())
    }
}
