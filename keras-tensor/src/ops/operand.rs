//! What tensor functions take.

use std::borrow::Cow;

use crate::op::Fill;
use crate::{DType, Op, Result, Shape, Tensor, Variable, apply_one};

/// A number in the source text, which takes the dtype of the tensor beside it, as in Python.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Literal {
    /// `2.0`
    Float(f64),
    /// `2`
    Int(i64),
}

impl Literal {
    /// The dtype of the result beside a tensor of `other`.
    pub fn dtype_beside(self, other: DType) -> DType {
        match self {
            Literal::Float(_) => other.with_float_literal(),
            Literal::Int(_) => other.with_int_literal(),
        }
    }

    /// The dtype that it takes on its own.
    pub fn default_dtype(self) -> DType {
        match self {
            Literal::Float(_) => DType::F32,
            Literal::Int(_) => DType::I32,
        }
    }

    /// The number.
    pub fn value(self) -> f64 {
        match self {
            Literal::Float(v) => v,
            Literal::Int(v) => v as f64,
        }
    }
}

/// Something that tensor functions can take.
///
/// What they do with it stands in an `inner` function over `&dyn Operand`, which is compiled once, not for all that is given.
pub trait Operand {
    /// The tensor, read without copying where it is one already.
    ///
    /// # Errors
    /// A weight that was not built, a variable whose first value cannot be computed.
    fn tensor(&self) -> Result<Cow<'_, Tensor>>;

    /// The number, if it is one that takes its dtype from its neighbour.
    fn literal(&self) -> Option<Literal> {
        None
    }
}

impl Operand for Tensor {
    fn tensor(&self) -> Result<Cow<'_, Tensor>> {
        Ok(Cow::Borrowed(self))
    }
}

impl Operand for Variable {
    fn tensor(&self) -> Result<Cow<'_, Tensor>> {
        Ok(Cow::Owned(self.value()?))
    }
}

impl<T: Operand + ?Sized> Operand for &T {
    fn tensor(&self) -> Result<Cow<'_, Tensor>> {
        (**self).tensor()
    }
    fn literal(&self) -> Option<Literal> {
        (**self).literal()
    }
}

impl Operand for Cow<'_, Tensor> {
    fn tensor(&self) -> Result<Cow<'_, Tensor>> {
        Ok(Cow::Borrowed(self))
    }
}

fn number(literal: Literal) -> Result<Cow<'static, Tensor>> {
    filled(literal.value(), Shape::scalar(), literal.default_dtype()).map(Cow::Owned)
}

impl Operand for Literal {
    fn tensor(&self) -> Result<Cow<'_, Tensor>> {
        number(*self)
    }
    fn literal(&self) -> Option<Literal> {
        Some(*self)
    }
}

impl Operand for f64 {
    fn tensor(&self) -> Result<Cow<'_, Tensor>> {
        number(Literal::Float(*self))
    }
    fn literal(&self) -> Option<Literal> {
        Some(Literal::Float(*self))
    }
}

impl Operand for f32 {
    fn tensor(&self) -> Result<Cow<'_, Tensor>> {
        number(Literal::Float(*self as f64))
    }
    fn literal(&self) -> Option<Literal> {
        Some(Literal::Float(*self as f64))
    }
}

impl Operand for i32 {
    fn tensor(&self) -> Result<Cow<'_, Tensor>> {
        number(Literal::Int(*self as i64))
    }
    fn literal(&self) -> Option<Literal> {
        Some(Literal::Int(*self as i64))
    }
}

impl Operand for i64 {
    fn tensor(&self) -> Result<Cow<'_, Tensor>> {
        number(Literal::Int(*self))
    }
    fn literal(&self) -> Option<Literal> {
        Some(Literal::Int(*self))
    }
}

pub(crate) fn filled(value: f64, shape: Shape, dtype: DType) -> Result<Tensor> {
    apply_one(
        Op::Fill(Fill {
            value,
            shape,
            dtype,
        }),
        &[],
    )
}

/// The operand in `dtype`.
fn in_dtype(x: &dyn Operand, dtype: DType) -> Result<Cow<'_, Tensor>> {
    if let Some(literal) = x.literal() {
        return filled(literal.value(), Shape::scalar(), dtype).map(Cow::Owned);
    }
    let x = x.tensor()?;
    if x.dtype() == dtype {
        Ok(x)
    } else {
        apply_one(Op::Cast(dtype), &[&x]).map(Cow::Owned)
    }
}

/// Two operands in the dtype that they meet in.
pub(crate) fn meet<'a>(
    a: &'a dyn Operand,
    b: &'a dyn Operand,
) -> Result<(Cow<'a, Tensor>, Cow<'a, Tensor>)> {
    match (a.literal(), b.literal()) {
        (None, None) => {
            let (x, y) = (a.tensor()?, b.tensor()?);
            if x.dtype() == y.dtype() {
                return Ok((x, y));
            }
            let dtype = x.dtype().promote(y.dtype());
            Ok((in_dtype(a, dtype)?, in_dtype(b, dtype)?))
        }
        (Some(literal), None) => {
            let dtype = literal.dtype_beside(b.tensor()?.dtype());
            Ok((in_dtype(a, dtype)?, in_dtype(b, dtype)?))
        }
        (None, Some(literal)) => {
            let dtype = literal.dtype_beside(a.tensor()?.dtype());
            Ok((in_dtype(a, dtype)?, in_dtype(b, dtype)?))
        }
        (Some(x), Some(y)) => {
            let dtype = x.default_dtype().promote(y.default_dtype());
            Ok((in_dtype(a, dtype)?, in_dtype(b, dtype)?))
        }
    }
}

/// The operand as floats: integers become float32.
pub(crate) fn floating(x: &dyn Operand) -> Result<Cow<'_, Tensor>> {
    if let Some(literal) = x.literal() {
        return in_dtype(x, literal.default_dtype().with_float_literal());
    }
    let t = x.tensor()?;
    let dtype = t.dtype().with_float_literal();
    if t.dtype() == dtype {
        Ok(t)
    } else {
        apply_one(Op::Cast(dtype), &[&t]).map(Cow::Owned)
    }
}
