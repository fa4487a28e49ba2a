//! The table of ops.

use keras_tensor::op::{Binary, Fold, Unary};
use keras_tensor::{DType, Op, Result, Shape, Tensor, ops};
use std::rc::Rc;

use super::graph::{Node, WHAT};
use super::run::{Value, as_dtype};
use crate::Limits;
use crate::limits::format_error;

/// Bytes of a tensor whose size the graph chooses, and no tensor that it is given.
const LARGEST: u64 = 256 << 20;

/// The place of the first tensor of an output of this name; ops of several outputs have them one after the other.
pub(super) fn first_of(op: &str, output: &str) -> usize {
    match (op, output) {
        ("TopKV2", "indices") => 1,
        _ => 0,
    }
}

fn unary(op: &str) -> Option<Unary> {
    Some(match op {
        "Neg" => Unary::Neg,
        "Abs" => Unary::Abs,
        "Sign" => Unary::Sign,
        "Square" => Unary::Square,
        "Sqrt" => Unary::Sqrt,
        "Rsqrt" => Unary::Rsqrt,
        "Reciprocal" => Unary::Reciprocal,
        "Exp" => Unary::Exp,
        "Expm1" => Unary::Expm1,
        "Log" => Unary::Log,
        "Log1p" => Unary::Log1p,
        "Sin" => Unary::Sin,
        "Cos" => Unary::Cos,
        "Tan" => Unary::Tan,
        "Asin" => Unary::Asin,
        "Acos" => Unary::Acos,
        "Atan" => Unary::Atan,
        "Sinh" => Unary::Sinh,
        "Cosh" => Unary::Cosh,
        "Tanh" => Unary::Tanh,
        "Sigmoid" => Unary::Sigmoid,
        "Relu" => Unary::Relu,
        "Softplus" => Unary::Softplus,
        "Erf" => Unary::Erf,
        "Floor" => Unary::Floor,
        "Ceil" => Unary::Ceil,
        "Rint" | "Round" => Unary::Round,
        "IsNan" => Unary::IsNan,
        "IsFinite" => Unary::IsFinite,
        "LogicalNot" => Unary::Not,
        _ => return None,
    })
}

fn binary(op: &str) -> Option<Binary> {
    Some(match op {
        "AddV2" | "Add" | "BiasAdd" => Binary::Add,
        "Sub" => Binary::Sub,
        "Mul" => Binary::Mul,
        "RealDiv" => Binary::Div,
        "Maximum" => Binary::Max,
        "Minimum" => Binary::Min,
        "Pow" => Binary::Pow,
        "FloorMod" => Binary::Mod,
        "FloorDiv" => Binary::FloorDiv,
        "Equal" => Binary::Equal,
        "NotEqual" => Binary::NotEqual,
        "Less" => Binary::Less,
        "LessEqual" => Binary::LessEqual,
        "Greater" => Binary::Greater,
        "GreaterEqual" => Binary::GreaterEqual,
        "LogicalAnd" => Binary::And,
        "LogicalOr" => Binary::Or,
        _ => return None,
    })
}

fn fold(op: &str) -> Option<Fold> {
    Some(match op {
        "Sum" => Fold::Sum,
        "Mean" => Fold::Mean,
        "Max" => Fold::Max,
        "Min" => Fold::Min,
        "Prod" => Fold::Prod,
        "All" => Fold::All,
        "Any" => Fold::Any,
        _ => return None,
    })
}

fn one(op: Op, inputs: &[&Tensor]) -> Result<Tensor> {
    keras_tensor::apply_one(op, inputs)
}

fn damaged(problem: &str) -> keras_tensor::Error {
    format_error(WHAT, problem)
}

fn axis_of(axis: i64, rank: usize) -> Result<usize> {
    let counted = if axis < 0 { axis + rank as i64 } else { axis };
    let axis = usize::try_from(counted).ok().filter(|&a| a < rank.max(1));
    axis.ok_or_else(|| damaged("an axis that the tensor does not have"))
}

fn shape_of(sizes: &[i64], limits: &Limits, dtype: DType) -> Result<Shape> {
    let size = |&n: &i64| usize::try_from(n).map_err(|_| damaged("a negative size"));
    let shape: Shape = sizes.iter().map(size).collect::<Result<_>>()?;
    let bytes = (shape.checked_size(WHAT)? as u64).saturating_mul(dtype.size() as u64);
    if bytes > LARGEST.min(limits.bytes) {
        return Err(damaged("a tensor of more bytes than a graph may ask for"));
    }
    Ok(shape)
}

/// Carries out an op that needs nothing but its inputs.
///
/// # Errors
/// An op that is not in the table, or inputs that it cannot take.
pub(super) fn carry_out(node: &Node<'_>, inputs: &[Value], limits: &Limits) -> Result<Vec<Value>> {
    let missing = || damaged("an input is missing");
    let value = |i: usize| inputs.get(i).ok_or_else(missing);
    let x = |i: usize| value(i)?.tensor();
    let integers = |i: usize| value(i)?.integers();
    let number = |i: usize| integers(i)?.first().copied().ok_or_else(missing);
    if let Some(function) = unary(node.op) {
        return done(one(Op::Unary(function), &[x(0)?])?);
    }
    if node.op == "BiasAdd" && node.text("data_format", "NHWC")?.starts_with("NC") {
        let (data, bias) = (x(0)?, x(1)?);
        let mut shape: Shape = std::iter::repeat_n(1, data.rank()).collect();
        shape[axis_of(1, data.rank())?] = bias.size();
        return done(ops::add(data, ops::reshape_to(bias, shape)?)?);
    }
    if let Some(function) = binary(node.op) {
        return done(one(Op::Binary(function), &[x(0)?, x(1)?])?);
    }
    if let Some(fold) = fold(node.op) {
        let rank = x(0)?.rank();
        let axes = integers(1)?.into_iter().map(|a| axis_of(a, rank));
        let axes: keras_tensor::op::Axes = axes.collect::<Result<_>>()?;
        let keep = node.flag("keep_dims", false)?;
        return done(ops::reduce(x(0)?, fold, axes, keep)?);
    }
    let y = match node.op {
        "Identity"
        | "StopGradient"
        | "Placeholder"
        | "PlaceholderWithDefault"
        | "EnsureShape"
        | "PreventGradient" => return Ok(vec![value(0)?.clone()]),
        "IdentityN" => return Ok(inputs.to_vec()),
        "Cast" => as_dtype(x(0)?, node.dtype("DstT")?)?,
        "ZerosLike" => match value(0)? {
            Value::List(list) => {
                let empty = list
                    .iter()
                    .map(|t| t.as_ref().map(ops::zeros_like).transpose());
                return Ok(vec![Value::List(Rc::new(empty.collect::<Result<_>>()?))]);
            }
            other => ops::zeros_like(other.tensor()?)?,
        },
        "OnesLike" => ops::ones_like(x(0)?)?,
        "Relu6" => ops::clip(x(0)?, 0.0, 6.0)?,
        "LeakyRelu" => {
            let slope = node.float("alpha", 0.2)?;
            let (up, down) = (ops::relu(x(0)?)?, ops::minimum(x(0)?, 0.0)?);
            ops::add(&up, ops::multiply(&down, slope)?)?
        }
        "Elu" | "Selu" => {
            let (alpha, scale) = match node.op {
                "Elu" => (1.0, 1.0),
                _ => (1.673_263_242_354_377_2, 1.050_700_987_355_480_5),
            };
            let down = ops::multiply(ops::expm1(ops::minimum(x(0)?, 0.0)?)?, alpha)?;
            ops::multiply(ops::add(ops::relu(x(0)?)?, &down)?, scale)?
        }
        "Softsign" => ops::divide(x(0)?, ops::add(ops::abs(x(0)?)?, 1.0)?)?,
        "Erfc" => ops::subtract(1.0, ops::erf(x(0)?)?)?,
        "Softmax" => ops::softmax(x(0)?, -1)?,
        "LogSoftmax" => ops::log_softmax(x(0)?, -1)?,
        "SquaredDifference" => ops::square(ops::subtract(x(0)?, x(1)?)?)?,
        "DivNoNan" => ops::divide_no_nan(x(0)?, x(1)?)?,
        "Div" => ops::divide(x(0)?, x(1)?)?,
        "MatMul" => {
            let flags = ["transpose_a", "transpose_b"].map(|name| node.flag(name, false));
            let [a, b] = flags;
            ops::matmul_transposed(x(0)?, x(1)?, a?, b?)?
        }
        "BatchMatMulV2" | "BatchMatMul" => {
            let (a, b) = (node.flag("adj_x", false)?, node.flag("adj_y", false)?);
            ops::matmul_transposed(x(0)?, x(1)?, a, b)?
        }
        "Einsum" => {
            let tensors: Vec<&Tensor> = inputs.iter().map(Value::tensor).collect::<Result<_>>()?;
            let operands: Vec<&dyn ops::Operand> =
                tensors.iter().map(|&t| t as &dyn ops::Operand).collect();
            ops::einsum(node.text("equation", "")?, &operands)?
        }
        "SelectV2" | "Select" => ops::where_(x(0)?, x(1)?, x(2)?)?,
        "ClipByValue" => ops::minimum(ops::maximum(x(0)?, x(1)?)?, x(2)?)?,
        "Reshape" => {
            let sizes: Vec<isize> = integers(1)?.into_iter().map(|n| n as isize).collect();
            ops::reshape(x(0)?, &sizes)?
        }
        "Transpose" => {
            let rank = x(0)?.rank();
            let order = integers(1)?.into_iter().map(|a| axis_of(a, rank));
            ops::transpose(x(0)?, Some(&order.collect::<Result<Vec<_>>>()?))?
        }
        "ExpandDims" => ops::expand_dims(x(0)?, number(1)? as isize)?,
        "Squeeze" => {
            let x = x(0)?;
            let dims = node.integers("squeeze_dims")?.into_iter();
            let axes: Vec<usize> = dims.map(|a| axis_of(a, x.rank())).collect::<Result<_>>()?;
            let gone = |i: usize| x.shape()[i] == 1 && (axes.is_empty() || axes.contains(&i));
            let shape = (0..x.rank()).filter(|&i| !gone(i)).map(|i| x.shape()[i]);
            ops::reshape_to(x, shape.collect())?
        }
        "Shape" => {
            let sizes: Vec<f64> = x(0)?.shape().iter().map(|&n| n as f64).collect();
            let count = sizes.len();
            let dtype = if node.has("out_type") {
                node.dtype("out_type")?
            } else {
                DType::I32
            };
            Tensor::from_f64(&sizes, [count], dtype)?
        }
        "Size" => Tensor::scalar(x(0)?.size() as i32),
        "Rank" => Tensor::scalar(x(0)?.rank() as i32),
        "Fill" => {
            let fill = x(1)?;
            let shape = shape_of(&integers(0)?, limits, fill.dtype())?;
            ops::broadcast_to(fill, shape)?
        }
        "BroadcastTo" => {
            let shape = shape_of(&integers(1)?, limits, x(0)?.dtype())?;
            ops::broadcast_to(x(0)?, shape)?
        }
        "Range" => {
            let (start, limit, step) = (x(0)?.item()?, x(1)?.item()?, x(2)?.item()?);
            let count = ((limit - start) / step).ceil().max(0.0);
            let bounded = shape_of(&[count as i64], limits, DType::F64)?;
            let all: Vec<f64> = (0..bounded[0]).map(|i| start + i as f64 * step).collect();
            Tensor::from_f64(&all, [all.len()], x(0)?.dtype())?
        }
        "Tile" => {
            let mut y = x(0)?.clone();
            let times = shape_of(&integers(1)?, limits, y.dtype())?;
            let sizes: Vec<i64> = y
                .shape()
                .iter()
                .zip(times.iter())
                .map(|(a, b)| a.saturating_mul(*b) as i64)
                .collect();
            shape_of(&sizes, limits, y.dtype())?;
            for (axis, &count) in times.iter().enumerate() {
                let parts: Vec<&Tensor> = std::iter::repeat_n(&y, count).collect();
                y = match parts.is_empty() {
                    true => ops::slice_axis(&y, axis as isize, 0, 0)?,
                    false => ops::concatenate(&parts, axis as isize)?,
                };
            }
            y
        }
        "Pad" | "PadV2" | "MirrorPad" => {
            let value = if node.op == "PadV2" {
                x(2)?.item()?
            } else {
                0.0
            };
            if node.op == "MirrorPad" {
                return Err(damaged("an op that is not supported"));
            }
            let flat = integers(1)?;
            let width = |n: i64| usize::try_from(n).map_err(|_| damaged("a negative size"));
            let widths = flat
                .chunks_exact(2)
                .map(|p| Ok((width(p[0])?, width(p[1])?)));
            ops::pad(x(0)?, &widths.collect::<Result<Vec<_>>>()?, value)?
        }
        "Pack" => {
            let tensors: Vec<&Tensor> = inputs.iter().map(Value::tensor).collect::<Result<_>>()?;
            ops::stack(&tensors, node.integer("axis", 0)? as isize)?
        }
        "ConcatV2" => {
            let (axis, tensors) = inputs.split_last().ok_or_else(missing)?;
            let axis = axis.integers()?.first().copied().ok_or_else(missing)?;
            let tensors: Vec<&Tensor> = tensors.iter().map(Value::tensor).collect::<Result<_>>()?;
            ops::concatenate(&tensors, axis as isize)?
        }
        "Split" | "Unpack" => return parts(node, inputs),
        "Slice" => {
            let (begin, size) = (integers(1)?, integers(2)?);
            let x = x(0)?;
            let all = x.shape().iter().zip(begin.iter().zip(&size));
            let all = all.map(|(&n, (&begin, &size))| {
                let begin = usize::try_from(begin).map_err(|_| damaged("a negative size"))?;
                let size = usize::try_from(size).unwrap_or(n.saturating_sub(begin));
                Ok((begin, size))
            });
            let (begin, size): (Vec<_>, Vec<_>) =
                all.collect::<Result<Vec<_>>>()?.into_iter().unzip();
            ops::slice(x, &begin, &size)?
        }
        "StridedSlice" => {
            super::slices::strided(node, x(0)?, [integers(1)?, integers(2)?, integers(3)?])?
        }
        "GatherV2" | "Gather" => {
            if node.integer("batch_dims", 0)? != 0 {
                return Err(damaged("a gather of each sample apart is not supported"));
            }
            let axis = if inputs.len() > 2 { number(2)? } else { 0 };
            ops::take(x(0)?, x(1)?, axis as isize)?
        }
        "OneHot" => {
            let classes = shape_of(&[number(1)?], limits, DType::F64)?[0];
            let (on, off) = (x(2)?, x(3)?);
            let hot = ops::one_hot(x(0)?, classes, DType::Bool)?;
            ops::where_(&hot, on, off)?
        }
        "ReverseV2" => {
            let mut y = x(0)?.clone();
            for axis in integers(1)? {
                let axis = axis_of(axis, y.rank())?;
                let count = y.shape()[axis] as i64;
                let places: Vec<i64> = (0..count).rev().collect();
                let places = Tensor::new(&places, [places.len()])?;
                y = ops::take(&y, &places, axis as isize)?;
            }
            y
        }
        "ArgMax" => as_dtype(&ops::argmax(x(0)?, number(1)? as isize)?, DType::I64)?,
        "ArgMin" => as_dtype(&ops::argmin(x(0)?, number(1)? as isize)?, DType::I64)?,
        "Cumsum" => {
            if node.flag("exclusive", false)? {
                return Err(damaged("an exclusive sum is not supported"));
            }
            let sum = keras_tensor::op::CumSum {
                axis: axis_of(number(1)?, x(0)?.rank())?,
                reverse: node.flag("reverse", false)?,
            };
            one(Op::CumSum(sum), &[x(0)?])?
        }
        "TopKV2" => {
            let count = usize::try_from(number(1)?).map_err(|_| damaged("a negative size"))?;
            let (values, places) = ops::top_k(x(0)?, count)?;
            return Ok(vec![
                Value::Tensor(values),
                Value::Tensor(as_dtype(&places, DType::I32)?),
            ]);
        }
        op if op.starts_with("TensorList") => return super::lists::carry_out(node, inputs, limits),
        _ => return Err(damaged("an op that is not supported")),
    };
    done(y)
}

fn done(tensor: Tensor) -> Result<Vec<Value>> {
    Ok(vec![Value::Tensor(tensor)])
}

/// A tensor in equal parts along an axis, or in its rows.
fn parts(node: &Node<'_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let missing = || damaged("an input is missing");
    let (x, axis) = match node.op {
        "Split" => {
            let axis = inputs.first().ok_or_else(missing)?.integers()?;
            (inputs.get(1), axis.first().copied().unwrap_or(0))
        }
        _ => (inputs.first(), node.integer("axis", 0)?),
    };
    let x = x.ok_or_else(missing)?.tensor()?;
    let axis = axis_of(axis, x.rank())?;
    let size = *x.shape().get(axis).ok_or_else(missing)?;
    let count = if node.op == "Split" {
        node.integer("num_split", 1)?
    } else {
        size as i64
    };
    let count = usize::try_from(count)
        .ok()
        .filter(|&n| n > 0 && size.is_multiple_of(n));
    let count = count.ok_or_else(|| damaged("parts that are not equal"))?;
    let each = size / count;
    let part = |i: usize| {
        let part = ops::slice_axis(x, axis as isize, i * each, each)?;
        match node.op {
            "Split" => Ok(Value::Tensor(part)),
            _ => ops::squeeze(&part, axis as isize).map(Value::Tensor),
        }
    };
    (0..count).map(part).collect()
}
