//! Which entry of the table checks which op. A new variant does not compile until it is named here.

use keras_tensor::Op;
use keras_tensor::op::{Binary, Fold, Unary};

/// A match without a catch-all arm, and the list of the names in it. `None`: there is no gradient.
macro_rules! covered {
    ($function:ident, $names:ident, $type:ty, { $($pattern:pat => $entry:expr),* $(,)? }) => {
        fn $function(op: &$type) -> Option<&'static str> {
            match op { $($pattern => $entry),* }
        }
        const $names: &[Option<&str>] = &[$($entry),*];
    };
}

covered!(unary, UNARY, Unary, {
    Unary::Neg => Some("negative"),
    Unary::Abs => Some("abs"),
    Unary::Sign => Some("sign"),
    Unary::Square => Some("square"),
    Unary::Sqrt => Some("sqrt"),
    Unary::Rsqrt => Some("rsqrt"),
    Unary::Reciprocal => Some("reciprocal"),
    Unary::Exp => Some("exp"),
    Unary::Expm1 => Some("expm1"),
    Unary::Log => Some("log"),
    Unary::Log1p => Some("log1p"),
    Unary::Sin => Some("sin"),
    Unary::Cos => Some("cos"),
    Unary::Tan => Some("tan"),
    Unary::Asin => Some("arcsin"),
    Unary::Acos => Some("arccos"),
    Unary::Atan => Some("arctan"),
    Unary::Sinh => Some("sinh"),
    Unary::Cosh => Some("cosh"),
    Unary::Tanh => Some("tanh"),
    Unary::Sigmoid => Some("sigmoid"),
    Unary::Relu => Some("relu"),
    Unary::Softplus => Some("softplus"),
    Unary::Erf => Some("erf"),
    Unary::Floor => Some("floor"),
    Unary::Ceil => Some("ceil"),
    Unary::Round => Some("round"),
    Unary::IsNan | Unary::IsFinite | Unary::Not => None,
});

covered!(binary, BINARY, Binary, {
    Binary::Add => Some("add"),
    Binary::Sub => Some("subtract"),
    Binary::Mul => Some("multiply"),
    Binary::Div => Some("divide"),
    Binary::Pow => Some("power"),
    Binary::Max => Some("maximum"),
    Binary::Min => Some("minimum"),
    Binary::Mod => Some("mod"),
    Binary::FloorDiv => Some("floor_divide"),
    Binary::Equal | Binary::NotEqual | Binary::Less | Binary::LessEqual => None,
    Binary::Greater | Binary::GreaterEqual | Binary::And | Binary::Or | Binary::Xor => None,
});

covered!(fold, FOLDS, Fold, {
    Fold::Sum => Some("sum"),
    Fold::Mean => Some("mean"),
    Fold::Max => Some("max"),
    Fold::Min => Some("min"),
    Fold::Prod => Some("prod"),
    Fold::All | Fold::Any => None,
});

covered!(other, OTHERS, Op, {
    Op::Unary(_) | Op::Binary(_) | Op::Reduce(_) => None,
    Op::Fill(_) | Op::Arange(_) | Op::Random(_) => None,
    Op::Detach | Op::OneHot(_) | Op::ArgReduce(_) | Op::ArgSort(_) => None,
    Op::ConvChain(_) | Op::Update(_) | Op::RecurrentGrad(_) | Op::AttentionGrad(_) => None,
    Op::SoftmaxGrad(_) | Op::SoftmaxCrossEntropyGrad | Op::NormalizeGrad(_) => None,
    Op::Cast(_) => Some("cast"),
    Op::Reshape(_) => Some("reshape"),
    Op::Transpose(_) => Some("transpose"),
    Op::Broadcast(_) => Some("broadcast_to"),
    Op::Slice(_) => Some("slice"),
    Op::Pad(_) => Some("pad"),
    Op::Concat(_) => Some("concatenate"),
    Op::Gather(_) => Some("take"),
    Op::ScatterAdd(_) => Some("scatter_add"),
    Op::Clip(_) => Some("clip"),
    Op::ActivationGrad(_) => Some("activation_grad"),
    Op::Select => Some("where"),
    Op::CumSum(_) => Some("cumsum"),
    Op::Softmax(_) => Some("softmax"),
    Op::SoftmaxCrossEntropy => Some("softmax_cross_entropy"),
    Op::Normalize(_) => Some("normalize"),
    Op::Dropout(_) => Some("dropout"),
    Op::ScaleShift(_) => Some("scale_shift"),
    Op::MatMul(_) => Some("matmul"),
    Op::Dense(_) => Some("dense"),
    Op::Conv(_) => Some("conv"),
    Op::ConvFused(_) => Some("conv_fused"),
    Op::Pool(_) => Some("pool"),
    Op::Recurrent(_) => Some("recurrent"),
    Op::Attention(_) => Some("attention"),
    Op::Custom(_) => Some("custom"),
});

/// The name of the entry that checks an op.
pub(crate) fn entry(op: &Op) -> Option<&'static str> {
    match op {
        Op::Unary(u) => unary(u),
        Op::Binary(b) => binary(b),
        Op::Reduce(r) => fold(&r.fold),
        _ => other(op),
    }
}

/// The names of all entries that must exist.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    [UNARY, BINARY, FOLDS, OTHERS]
        .into_iter()
        .flatten()
        .filter_map(|n| *n)
}
