//! The table of ops: what each is in TensorFlow.

use keras_tensor::op::{Binary, Fold, Fused, Unary};
use keras_tensor::{DType, Op, Result};

use super::function::{Attribute, Function};
use super::space;
use crate::graph::Node;
use crate::limits::format_error;

/// Adds what a node of the graph computes.
///
/// # Errors
/// An op that TensorFlow does not have.
pub(super) fn add(f: &mut Function<'_>, node: &Node) -> Result<()> {
    let inputs: Vec<String> = node.inputs.iter().map(|&p| f.names[p].clone()).collect();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let result = one(f, node, &inputs)?;
    if let [output] = node.outputs[..] {
        f.names[output] = result;
    }
    Ok(())
}

/// An op of a tensor and of int32s that are no attribute.
fn indexed(dtype: DType, index: &'static str) -> [(&'static str, Attribute); 2] {
    [
        ("T", Attribute::Type(dtype)),
        (index, Attribute::Type(DType::I32)),
    ]
}

fn one(f: &mut Function<'_>, node: &Node, x: &[&str]) -> Result<String> {
    let output = &f.graph.values[node.outputs[0]];
    let (dtype, rank) = (output.dtype, output.sizes.len());
    let of_input = |i: usize| &f.graph.values[node.inputs[i]];
    match &node.op {
        Op::Fill(fill) => {
            let (shape, value) = (f.sizes(&node.sizes)?, f.number(fill.value, dtype)?);
            f.node("Fill", &[&shape, &value], &indexed(dtype, "index_type"))
        }
        Op::Arange(arange) => {
            let (count, no_axes) = (f.sizes(&node.sizes)?, f.integers(&[])?);
            let count = f.node(
                "Reshape",
                &[&count, &no_axes],
                &indexed(DType::I32, "Tshape"),
            )?;
            let (zero, one) = (f.number(0.0, DType::I32)?, f.number(1.0, DType::I32)?);
            let index = [("Tidx", Attribute::Type(DType::I32))];
            let places = f.node("Range", &[&zero, &count, &one], &index)?;
            let places = cast(f, &places, DType::I32, dtype)?;
            let (step, start) = (
                f.number(arange.step, dtype)?,
                f.number(arange.start, dtype)?,
            );
            let scaled = f.typed("Mul", &[&places, &step], dtype)?;
            f.typed("AddV2", &[&scaled, &start], dtype)
        }
        Op::Cast(to) => {
            let from = of_input(0).dtype;
            cast(f, x[0], from, *to)
        }
        Op::Detach => Ok(x[0].to_string()),
        Op::Reshape(_) => {
            let shape = f.sizes(&node.sizes)?;
            f.node("Reshape", &[x[0], &shape], &indexed(dtype, "Tshape"))
        }
        Op::Transpose(order) => transpose(f, x[0], order, dtype),
        Op::Broadcast(_) => {
            let shape = f.sizes(&node.sizes)?;
            f.node("BroadcastTo", &[x[0], &shape], &indexed(dtype, "Tidx"))
        }
        Op::Slice(_) => {
            let (begin, size) = node.sizes.split_at(rank);
            let (begin, size) = (f.sizes(begin)?, f.sizes(size)?);
            f.node("Slice", &[x[0], &begin, &size], &indexed(dtype, "Index"))
        }
        Op::Pad(pad) => {
            let both: Vec<(usize, usize)> = pad
                .before
                .iter()
                .copied()
                .zip(pad.after.iter().copied())
                .collect();
            padded(f, x[0], &both, pad.value, dtype)
        }
        Op::Concat(axis) => {
            let axis = f.number(*axis as f64, DType::I32)?;
            let inputs: Vec<&str> = x.iter().copied().chain([&*axis]).collect();
            let attributes = [
                ("N", Attribute::Int(x.len() as i64)),
                ("T", Attribute::Type(dtype)),
                ("Tidx", Attribute::Type(DType::I32)),
            ];
            f.node("ConcatV2", &inputs, &attributes)
        }
        Op::Gather(axis) => {
            let index = of_input(1).dtype;
            let axis = f.number(*axis as f64, DType::I32)?;
            let attributes = [
                ("Tparams", Attribute::Type(dtype)),
                ("Tindices", Attribute::Type(index)),
                ("Taxis", Attribute::Type(DType::I32)),
            ];
            f.node("GatherV2", &[x[0], x[1], &axis], &attributes)
        }
        Op::OneHot(one_hot) => {
            let from = of_input(0).dtype;
            let index = cast(f, x[0], from, DType::I64)?;
            let depth = f.number(one_hot.classes as f64, DType::I32)?;
            let (on, off) = (f.number(1.0, dtype)?, f.number(0.0, dtype)?);
            let attributes = [
                ("T", Attribute::Type(dtype)),
                ("TI", Attribute::Type(DType::I64)),
                ("axis", Attribute::Int(-1)),
            ];
            f.node("OneHot", &[&index, &depth, &on, &off], &attributes)
        }
        Op::Unary(Unary::Not) => f.node("LogicalNot", x, &[]),
        Op::Unary(function) => {
            let from = of_input(0).dtype;
            f.typed(unary(*function), x, from)
        }
        Op::Binary(function) => {
            let from = of_input(0).dtype;
            binary(f, *function, x, from)
        }
        Op::Clip(clip) => {
            let (min, max) = (f.number(clip.min, dtype)?, f.number(clip.max, dtype)?);
            let above = f.typed("Maximum", &[x[0], &min], dtype)?;
            f.typed("Minimum", &[&above, &max], dtype)
        }
        Op::Select => f.typed("SelectV2", x, dtype),
        Op::Reduce(reduce) => {
            let axes: Vec<i64> = reduce.axes.iter().map(|&a| a as i64).collect();
            let (op, from) = (fold(reduce.fold), of_input(0).dtype);
            let axes = f.integers(&axes)?;
            let mut attributes = vec![
                ("keep_dims", Attribute::Bool(reduce.keep_dims)),
                ("Tidx", Attribute::Type(DType::I32)),
            ];
            if !matches!(reduce.fold, Fold::All | Fold::Any) {
                attributes.push(("T", Attribute::Type(from)));
            }
            f.node(op, &[x[0], &axes], &attributes)
        }
        Op::ArgReduce(arg) => {
            let (from, op) = (
                of_input(0).dtype,
                if arg.largest { "ArgMax" } else { "ArgMin" },
            );
            let axis = f.number(arg.axis as f64, DType::I32)?;
            let attributes = [
                ("T", Attribute::Type(from)),
                ("Tidx", Attribute::Type(DType::I32)),
                ("output_type", Attribute::Type(DType::I64)),
            ];
            let place = f.node(op, &[x[0], &axis], &attributes)?;
            cast(f, &place, DType::I64, dtype)
        }
        Op::CumSum(sum) => {
            let axis = f.number(sum.axis as f64, DType::I32)?;
            let attributes = [
                ("T", Attribute::Type(dtype)),
                ("Tidx", Attribute::Type(DType::I32)),
                ("reverse", Attribute::Bool(sum.reverse)),
            ];
            f.node("Cumsum", &[x[0], &axis], &attributes)
        }
        Op::ArgSort(sort) => {
            let mut order: Vec<usize> = (0..rank).collect();
            order.swap(sort.axis, rank - 1);
            let from = of_input(0).dtype;
            let mut last = transpose(f, x[0], &order, from)?;
            if !sort.descending {
                last = f.typed("Neg", &[&last], from)?;
            }
            let count = f.sizes(&output.sizes[sort.axis..=sort.axis])?;
            let no_axes = f.integers(&[])?;
            let count = f.node(
                "Reshape",
                &[&count, &no_axes],
                &indexed(DType::I32, "Tshape"),
            )?;
            let places = f.typed("TopKV2", &[&last, &count], from)?;
            let places = cast(f, &places, DType::I32, dtype)?;
            transpose(f, &places, &order, dtype)
        }
        Op::Softmax(axis) => {
            let mut order: Vec<usize> = (0..rank).collect();
            order.swap(*axis, rank - 1);
            if *axis == rank - 1 {
                return f.typed("Softmax", x, dtype);
            }
            let last = transpose(f, x[0], &order, dtype)?;
            let y = f.typed("Softmax", &[&last], dtype)?;
            transpose(f, &y, &order, dtype)
        }
        Op::MatMul(how) => {
            let attributes = [
                ("T", Attribute::Type(dtype)),
                ("adj_x", Attribute::Bool(how.transpose_a)),
                ("adj_y", Attribute::Bool(how.transpose_b)),
            ];
            f.node("BatchMatMulV2", x, &attributes)
        }
        Op::Dense(activation) => {
            let op = if rank == 2 { "MatMul" } else { "BatchMatMulV2" };
            let mut y = f.typed(op, &x[..2], dtype)?;
            if let Some(bias) = x.get(2) {
                y = f.typed("AddV2", &[&y, bias], dtype)?;
            }
            activated(f, *activation, y, dtype)
        }
        Op::Conv(conv) => space::conv(f, node, conv, x),
        Op::ConvFused(fused) => {
            let given = fused.named(x.iter().copied());
            let mut y = space::conv(f, node, &fused.conv, x)?;
            for (op, operand) in [
                ("Mul", given.scale),
                ("AddV2", given.bias),
                ("AddV2", given.residual),
            ] {
                if let Some(operand) = operand {
                    y = f.typed(op, &[&y, operand], dtype)?;
                }
            }
            activated(f, fused.activation, y, dtype)
        }
        Op::Pool(pool) => space::pool(f, node, pool, x[0]),
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
        | Op::Custom(_) => Err(missing(&node.op)),
    }
}

/// With a fused activation applied.
fn activated(f: &mut Function<'_>, activation: Fused, y: String, dtype: DType) -> Result<String> {
    let op = match activation {
        Fused::Linear => return Ok(y),
        Fused::Relu => "Relu",
        Fused::Relu6 => "Relu6",
        Fused::Sigmoid => "Sigmoid",
        Fused::Tanh => "Tanh",
    };
    f.typed(op, &[&y], dtype)
}

/// An op that cannot be written.
pub(super) fn missing(op: &Op) -> keras_tensor::Error {
    let problem = format!(
        "the op `{}` has no counterpart; it cannot be exported",
        op.name()
    );
    format_error("a model as SavedModel", problem)
}

pub(super) fn cast(f: &mut Function<'_>, x: &str, from: DType, to: DType) -> Result<String> {
    let attributes = [
        ("SrcT", Attribute::Type(from)),
        ("DstT", Attribute::Type(to)),
    ];
    f.node("Cast", &[x], &attributes)
}

pub(super) fn transpose(
    f: &mut Function<'_>,
    x: &str,
    order: &[usize],
    dtype: DType,
) -> Result<String> {
    let order: Vec<i64> = order.iter().map(|&n| n as i64).collect();
    let order = f.integers(&order)?;
    f.node("Transpose", &[x, &order], &indexed(dtype, "Tperm"))
}

/// With so many elements of a value before and after each axis.
pub(super) fn padded(
    f: &mut Function<'_>,
    x: &str,
    both: &[(usize, usize)],
    value: f64,
    dtype: DType,
) -> Result<String> {
    if both.iter().all(|&(before, after)| before + after == 0) {
        return Ok(x.to_string());
    }
    let flat: Vec<i32> = both
        .iter()
        .flat_map(|&(b, a)| [b as i32, a as i32])
        .collect();
    let paddings = f.constant(&keras_tensor::Tensor::new(&flat, [both.len(), 2])?)?;
    let value = f.number(value, dtype)?;
    f.node(
        "PadV2",
        &[x, &paddings, &value],
        &indexed(dtype, "Tpaddings"),
    )
}

fn unary(function: Unary) -> &'static str {
    match function {
        Unary::Neg => "Neg",
        Unary::Abs => "Abs",
        Unary::Sign => "Sign",
        Unary::Square => "Square",
        Unary::Sqrt => "Sqrt",
        Unary::Rsqrt => "Rsqrt",
        Unary::Reciprocal => "Reciprocal",
        Unary::Exp => "Exp",
        Unary::Expm1 => "Expm1",
        Unary::Log => "Log",
        Unary::Log1p => "Log1p",
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
        Unary::Round => "Rint",
        Unary::IsNan => "IsNan",
        Unary::IsFinite => "IsFinite",
        Unary::Not => "LogicalNot",
    }
}

fn binary(f: &mut Function<'_>, function: Binary, x: &[&str], dtype: DType) -> Result<String> {
    let name = match function {
        Binary::Add => "AddV2",
        Binary::Sub => "Sub",
        Binary::Mul => "Mul",
        Binary::Div => "RealDiv",
        Binary::Pow => "Pow",
        Binary::Max => "Maximum",
        Binary::Min => "Minimum",
        Binary::Mod => "FloorMod",
        Binary::FloorDiv => "FloorDiv",
        Binary::Equal => "Equal",
        Binary::NotEqual | Binary::Xor => "NotEqual",
        Binary::Less => "Less",
        Binary::LessEqual => "LessEqual",
        Binary::Greater => "Greater",
        Binary::GreaterEqual => "GreaterEqual",
        Binary::And => return f.node("LogicalAnd", x, &[]),
        Binary::Or => return f.node("LogicalOr", x, &[]),
    };
    f.typed(name, x, dtype)
}

fn fold(fold: Fold) -> &'static str {
    match fold {
        Fold::Sum => "Sum",
        Fold::Mean => "Mean",
        Fold::Max => "Max",
        Fold::Min => "Min",
        Fold::Prod => "Prod",
        Fold::All => "All",
        Fold::Any => "Any",
    }
}
