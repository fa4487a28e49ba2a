//! The table of ops: what each is in ONNX.

use keras_tensor::op::{Binary, Fold, Fused, Unary};
use keras_tensor::{DType, Op, Result};

use super::builder::Attribute::{Int, Ints};
use super::builder::{Builder, number_of};
use super::space;
use crate::graph::Node;
use crate::limits::format_error;

/// Adds what a node of the graph computes.
///
/// # Errors
/// An op that ONNX does not have.
pub(super) fn add(b: &mut Builder<'_>, node: &Node) -> Result<()> {
    let inputs: Vec<String> = node.inputs.iter().map(|&place| b.name(place)).collect();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let result = one(b, node, &inputs)?;
    if let [output] = node.outputs[..] {
        let name = b.name(output);
        b.node_to("Identity", &[&result], &[], &[&name]);
    }
    Ok(())
}

/// The name of the result.
fn one(b: &mut Builder<'_>, node: &Node, x: &[&str]) -> Result<String> {
    let output = &b.graph.values[node.outputs[0]];
    let (dtype, rank) = (output.dtype, output.sizes.len());
    let of_input = |i: usize| &b.graph.values[node.inputs[i]];
    Ok(match &node.op {
        Op::Fill(fill) => {
            let (value, shape) = (b.number(fill.value, dtype)?, b.sizes(&node.sizes)?);
            b.node("Expand", &[&value, &shape], &[])
        }
        Op::Arange(arange) => {
            let count = b.sizes(&node.sizes)?;
            let no_axes = b.integers(&[])?;
            let count = b.node("Reshape", &[&count, &no_axes], &[]);
            let zero = b.number(0.0, DType::I64)?;
            let one = b.number(1.0, DType::I64)?;
            let places = b.node("Range", &[&zero, &count, &one], &[]);
            let places = cast(b, &places, dtype);
            let (step, start) = (
                b.number(arange.step, dtype)?,
                b.number(arange.start, dtype)?,
            );
            let scaled = b.node("Mul", &[&places, &step], &[]);
            b.node("Add", &[&scaled, &start], &[])
        }
        Op::Cast(dtype) => cast(b, x[0], *dtype),
        Op::Detach => x[0].to_string(),
        Op::Reshape(_) => {
            let open = node.sizes.iter().filter(|s| !s.is_fixed()).count();
            let shape = if open == 1 {
                let size = |s: &crate::graph::Size| if s.is_fixed() { s.constant } else { -1 };
                let sizes: Vec<i64> = node.sizes.iter().map(size).collect();
                b.integers(&sizes)?
            } else {
                b.sizes(&node.sizes)?
            };
            b.node("Reshape", &[x[0], &shape], &[])
        }
        Op::Transpose(order) => transpose(b, x[0], order),
        Op::Broadcast(_) => {
            let shape = b.sizes(&node.sizes)?;
            b.node("Expand", &[x[0], &shape], &[])
        }
        Op::Slice(_) => {
            let (begin, size) = node.sizes.split_at(rank);
            let end: Vec<_> = begin
                .iter()
                .zip(size)
                .map(|(begin, size)| crate::graph::Size {
                    per_batch: begin.per_batch + size.per_batch,
                    constant: begin.constant + size.constant,
                })
                .collect();
            let (begin, end) = (b.sizes(begin)?, b.sizes(&end)?);
            b.node("Slice", &[x[0], &begin, &end], &[])
        }
        Op::Pad(pad) => {
            let both = pad.before.iter().chain(pad.after.iter());
            let both: Vec<i64> = both.map(|&n| n as i64).collect();
            let (pads, value) = (b.integers(&both)?, b.number(pad.value, dtype)?);
            b.node("Pad", &[x[0], &pads, &value], &[])
        }
        Op::Concat(axis) => b.node("Concat", x, &[("axis", Int(*axis as i64))]),
        Op::Gather(axis) => b.node("Gather", x, &[("axis", Int(*axis as i64))]),
        Op::OneHot(one_hot) => {
            let places: Vec<i64> = (0..one_hot.classes as i64).collect();
            let places = b.integers(&places)?;
            let x = cast(b, x[0], DType::I64);
            let last = b.integers(&[-1])?;
            let x = b.node("Unsqueeze", &[&x, &last], &[]);
            let same = b.node("Equal", &[&x, &places], &[]);
            cast(b, &same, one_hot.dtype)
        }
        Op::Unary(function) => unary(b, *function, x[0], dtype)?,
        Op::Binary(function) => {
            let inner = of_input(0).dtype;
            binary(b, *function, x, inner)?
        }
        Op::Clip(clip) => {
            let (min, max) = (b.number(clip.min, dtype)?, b.number(clip.max, dtype)?);
            b.node("Clip", &[x[0], &min, &max], &[])
        }
        Op::Select => b.node("Where", x, &[]),
        Op::Reduce(reduce) => {
            let axes: Vec<i64> = reduce.axes.iter().map(|&a| a as i64).collect();
            fold(b, reduce.fold, x[0], &axes, reduce.keep_dims)?
        }
        Op::ArgReduce(arg) => {
            let op = if arg.largest { "ArgMax" } else { "ArgMin" };
            let attributes = [("axis", Int(arg.axis as i64)), ("keepdims", Int(0))];
            let place = b.node(op, x, &attributes);
            cast(b, &place, dtype)
        }
        Op::CumSum(sum) => {
            let axis = b.number(sum.axis as f64, DType::I64)?;
            let attributes = [("reverse", Int(sum.reverse.into()))];
            b.node("CumSum", &[x[0], &axis], &attributes)
        }
        Op::ArgSort(sort) => {
            let count = b.sizes(&[output.sizes[sort.axis]])?;
            let attributes = [
                ("axis", Int(sort.axis as i64)),
                ("largest", Int(sort.descending.into())),
            ];
            let (values, places) = (format!("{count}_sorted"), format!("{count}_places"));
            b.node_to("TopK", &[x[0], &count], &attributes, &[&values, &places]);
            cast(b, &places, dtype)
        }
        Op::Softmax(axis) => b.node("Softmax", x, &[("axis", Int(*axis as i64))]),
        Op::MatMul(how) => {
            let swapped = |b: &mut Builder<'_>, i: usize| {
                let rank = b.graph.values[node.inputs[i]].sizes.len();
                let order: Vec<usize> = (0..rank - 2).chain([rank - 1, rank - 2]).collect();
                transpose(b, x[i], &order)
            };
            let left = if how.transpose_a {
                swapped(b, 0)
            } else {
                x[0].to_string()
            };
            let right = if how.transpose_b {
                swapped(b, 1)
            } else {
                x[1].to_string()
            };
            b.node("MatMul", &[&left, &right], &[])
        }
        Op::Dense(activation) => {
            let mut y = b.node("MatMul", &x[..2], &[]);
            if let Some(bias) = x.get(2) {
                y = b.node("Add", &[&y, bias], &[]);
            }
            activated(b, *activation, y, dtype)?
        }
        Op::Conv(conv) => space::conv(b, node, conv, x)?,
        Op::ConvFused(fused) => {
            let given = fused.named(x.iter().copied());
            let mut y = space::conv(b, node, &fused.conv, x)?;
            for (op, operand) in [
                ("Mul", given.scale),
                ("Add", given.bias),
                ("Add", given.residual),
            ] {
                if let Some(operand) = operand {
                    y = b.node(op, &[&y, operand], &[]);
                }
            }
            activated(b, fused.activation, y, dtype)?
        }
        Op::Pool(pool) => space::pool(b, pool, x[0], rank)?,
        Op::Random(_)
        | Op::Dropout(_)
        | Op::ScatterAdd(_)
        | Op::ActivationGrad(_)
        | Op::SoftmaxCrossEntropy
        | Op::SoftmaxGrad(_)
        | Op::SoftmaxCrossEntropyGrad
        | Op::Normalize(_)
        | Op::NormalizeGrad(_)
        | Op::ScaleShift(_)
        | Op::Recurrent(_)
        | Op::RecurrentGrad(_)
        | Op::Attention(_)
        | Op::AttentionGrad(_)
        | Op::ConvChain(_)
        | Op::Update(_)
        | Op::Custom(_) => return Err(missing(&node.op)),
    })
}

/// With a fused activation applied.
fn activated(b: &mut Builder<'_>, activation: Fused, y: String, dtype: DType) -> Result<String> {
    Ok(match activation {
        Fused::Linear => y,
        Fused::Relu => b.node("Relu", &[&y], &[]),
        Fused::Relu6 => {
            let (min, max) = (b.number(0.0, dtype)?, b.number(6.0, dtype)?);
            b.node("Clip", &[&y, &min, &max], &[])
        }
        Fused::Sigmoid => b.node("Sigmoid", &[&y], &[]),
        Fused::Tanh => b.node("Tanh", &[&y], &[]),
    })
}

/// An op that cannot be written.
pub(super) fn missing(op: &Op) -> keras_tensor::Error {
    format_error(
        "a model as ONNX",
        format!(
            "the op `{}` has no counterpart; it cannot be exported",
            op.name()
        ),
    )
}

fn cast(b: &mut Builder<'_>, x: &str, dtype: DType) -> String {
    b.node("Cast", &[x], &[("to", Int(number_of(dtype) as i64))])
}

pub(super) fn transpose(b: &mut Builder<'_>, x: &str, order: &[usize]) -> String {
    let order: Vec<i64> = order.iter().map(|&n| n as i64).collect();
    b.node("Transpose", &[x], &[("perm", Ints(&order))])
}

fn unary(b: &mut Builder<'_>, function: Unary, x: &str, dtype: DType) -> Result<String> {
    let name = match function {
        Unary::Neg => "Neg",
        Unary::Abs => "Abs",
        Unary::Sign => "Sign",
        Unary::Square => return Ok(b.node("Mul", &[x, x], &[])),
        Unary::Sqrt => "Sqrt",
        Unary::Rsqrt => {
            let root = b.node("Sqrt", &[x], &[]);
            return Ok(b.node("Reciprocal", &[&root], &[]));
        }
        Unary::Reciprocal => "Reciprocal",
        Unary::Exp => "Exp",
        Unary::Expm1 => {
            let (one, y) = (b.number(1.0, dtype)?, b.node("Exp", &[x], &[]));
            return Ok(b.node("Sub", &[&y, &one], &[]));
        }
        Unary::Log => "Log",
        Unary::Log1p => {
            let one = b.number(1.0, dtype)?;
            let y = b.node("Add", &[x, &one], &[]);
            return Ok(b.node("Log", &[&y], &[]));
        }
        Unary::Sin => "Sin",
        Unary::Cos => "Cos",
        Unary::Tan => "Tan",
        Unary::Asin => "Asin",
        Unary::Acos => "Acos",
        Unary::Atan => "Atan",
        Unary::Sinh => "Sinh",
        Unary::Cosh => "Cosh",
        Unary::Tanh => "Tanh",
        Unary::Sigmoid => "Sigmoid",
        Unary::Relu => "Relu",
        Unary::Softplus => "Softplus",
        Unary::Erf => "Erf",
        Unary::Floor => "Floor",
        Unary::Ceil => "Ceil",
        Unary::Round => "Round",
        Unary::IsNan => "IsNaN",
        Unary::IsFinite => {
            let nan = b.node("IsNaN", &[x], &[]);
            let infinite = b.node("IsInf", &[x], &[]);
            let either = b.node("Or", &[&nan, &infinite], &[]);
            return Ok(b.node("Not", &[&either], &[]));
        }
        Unary::Not => "Not",
    };
    Ok(b.node(name, &[x], &[]))
}

fn binary(b: &mut Builder<'_>, function: Binary, x: &[&str], dtype: DType) -> Result<String> {
    let name = match function {
        Binary::Add => "Add",
        Binary::Sub => "Sub",
        Binary::Mul => "Mul",
        Binary::Div => "Div",
        Binary::Pow => "Pow",
        Binary::Max => "Max",
        Binary::Min => "Min",
        // The rest of a division that is rounded down.
        Binary::Mod if !dtype.is_float() => "Mod",
        Binary::Mod => {
            let times = floor_div(b, x, dtype);
            let part = b.node("Mul", &[&times, x[1]], &[]);
            return Ok(b.node("Sub", &[x[0], &part], &[]));
        }
        Binary::FloorDiv => return Ok(floor_div(b, x, dtype)),
        Binary::Equal => "Equal",
        Binary::NotEqual => {
            let same = b.node("Equal", x, &[]);
            return Ok(b.node("Not", &[&same], &[]));
        }
        Binary::Less => "Less",
        Binary::LessEqual => "LessOrEqual",
        Binary::Greater => "Greater",
        Binary::GreaterEqual => "GreaterOrEqual",
        Binary::And => "And",
        Binary::Or => "Or",
        Binary::Xor => "Xor",
    };
    Ok(b.node(name, x, &[]))
}

fn floor_div(b: &mut Builder<'_>, x: &[&str], dtype: DType) -> String {
    if dtype.is_float() {
        let quotient = b.node("Div", x, &[]);
        return b.node("Floor", &[&quotient], &[]);
    }
    let (left, right) = (cast(b, x[0], DType::F64), cast(b, x[1], DType::F64));
    let quotient = b.node("Div", &[&left, &right], &[]);
    let floor = b.node("Floor", &[&quotient], &[]);
    cast(b, &floor, dtype)
}

fn fold(b: &mut Builder<'_>, fold: Fold, x: &str, axes: &[i64], keep: bool) -> Result<String> {
    let keep = ("keepdims", Int(keep.into()));
    let name = match fold {
        Fold::Sum => {
            let axes = b.integers(axes)?;
            let none = ("noop_with_empty_axes", Int(1));
            return Ok(b.node("ReduceSum", &[x, &axes], &[keep, none]));
        }
        Fold::Mean => "ReduceMean",
        Fold::Max => "ReduceMax",
        Fold::Min => "ReduceMin",
        Fold::Prod => "ReduceProd",
        Fold::All | Fold::Any => {
            let name = if fold == Fold::All {
                "ReduceMin"
            } else {
                "ReduceMax"
            };
            let numbers = cast(b, x, DType::I32);
            let y = b.node(name, &[&numbers], &[("axes", Ints(axes)), keep]);
            return Ok(cast(b, &y, DType::Bool));
        }
    };
    if axes.is_empty() {
        return Ok(x.to_string());
    }
    Ok(b.node(name, &[x], &[("axes", Ints(axes)), keep]))
}
