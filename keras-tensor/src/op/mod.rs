//! Operations as data.
//!
//! An op is a value, so it can be run, differentiated, shape-checked, counted, exported, or sent to another device.
//! Whoever adds one is led by the compiler: every match over [`Op`] in this workspace names all variants.

mod attention;
mod chain;
mod conv;
mod cost;
mod infer;
mod normalize;
mod pool;
mod recurrent;
mod update;

pub use attention::Attention;
pub use chain::ConvChain;
pub use conv::{Conv, ConvFused, ConvFusedInputs, ConvPart, Spatial};
pub use cost::Cost;
pub use infer::{Spec, Specs, infer};
pub use normalize::{Normalize, Over};
pub use pool::{Pool, PoolPart};
pub use recurrent::{
    Recurrent, RecurrentCell, RecurrentGrad, RecurrentGradInputs, RecurrentGradients,
    RecurrentInputs,
};
pub use update::{Adagrad, Adam, Adamax, Lion, Nadam, Rmsprop, Sgd, Update};

use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;

use crate::{DType, Result, Shape, Tensor};

/// The results of an op; most have one, updates of weights up to three.
pub type Outputs = SmallVec<[Tensor; 3]>;

/// Axes of a tensor, already counted from the first.
pub type Axes = SmallVec<[usize; 6]>;

/// Every computation there is.
#[derive(Clone, Debug)]
pub enum Op {
    /// A new tensor of one value.
    Fill(Fill),
    /// A new tensor of evenly spaced values.
    Arange(Arange),
    /// A new tensor of random values; the input is a seed `[2]` of dtype uint32.
    Random(Random),
    /// The same values in another dtype.
    Cast(DType),
    /// The same value without a derivative.
    Detach,
    /// The same elements in another shape of equal size.
    Reshape(Shape),
    /// Axes in another order: axis `i` of the result is axis `order[i]` of the input.
    Transpose(Axes),
    /// The input repeated along axes of size 1 and new leading axes.
    Broadcast(Shape),
    /// A box cut out of the input.
    Slice(Slice),
    /// The input with a border of one value.
    Pad(Pad),
    /// Inputs one after the other along an axis.
    Concat(usize),
    /// Parts of the first input along an axis, at the places that the second input, of integers, names.
    Gather(usize),
    /// The reverse of `Gather`: zeros with the first input's parts added at the places that the second names.
    ScatterAdd(ScatterAdd),
    /// Integers as rows that are 1 at that place and 0 elsewhere.
    OneHot(OneHot),
    /// A function of each element.
    Unary(Unary),
    /// A function of pairs of elements, broadcast.
    Binary(Binary),
    /// Elements kept between two bounds.
    Clip(Clip),
    /// The gradient through a fused activation; inputs are the outer gradient and the activation's output.
    ActivationGrad(Fused),
    /// Elements of the second input where the first is true, of the third elsewhere, broadcast.
    Select,
    /// Axes folded into one value each.
    Reduce(Reduce),
    /// The place of the largest or smallest element along an axis, as int64 (int32 in Keras's `argmax`).
    ArgReduce(ArgReduce),
    /// Running sums along an axis.
    CumSum(CumSum),
    /// Places that would sort an axis, as int32; equal elements keep their order.
    ArgSort(ArgSort),
    /// Elements of the first input, of which this share is set to 0 and the others are scaled by `1 / (1 - share)`; the second
    /// is a seed as of `Random`.
    Dropout(f64),
    /// `exp(x) / sum(exp(x))` along an axis.
    Softmax(usize),
    /// Cross-entropy of logits `[.., classes]` with probabilities of the same shape, over the last axis.
    SoftmaxCrossEntropy,
    /// The gradient through `Softmax`; inputs are the outer gradient and the softmax.
    SoftmaxGrad(usize),
    /// The gradient of `SoftmaxCrossEntropy` with regard to the logits; inputs are these, the probabilities and the outer
    /// gradient.
    SoftmaxCrossEntropyGrad,
    /// Normalization by the mean and the variance of a batch or of a sample, and what follows it in the same pass.
    Normalize(Normalize),
    /// The gradient through the first result of `Normalize`; inputs are `x`, `gamma`, the mean, the variance and the outer
    /// gradient, and `beta` for an activation; results the gradients with regard to `x`, `gamma` and `beta`.
    NormalizeGrad(Normalize),
    /// `x * scale + shift`; scale and shift are `[features]`, which this axis of `x` counts.
    ScaleShift(usize),
    /// The product of matrices in the last two axes; the axes before are broadcast.
    MatMul(MatMul),
    /// `activation(x @ kernel + bias)` for `x` `[.., in]`, `kernel` `[in, out]`, and `bias` `[out]` if it is given.
    Dense(Fused),
    /// Convolution, or its derivative by the input or by the kernel.
    Conv(Conv),
    /// Convolution with what follows it: a scale, a bias, a sum with another tensor, an activation.
    ConvFused(ConvFused),
    /// Convolutions with what follows each, one after the other.
    ConvChain(ConvChain),
    /// Pooling, or one of its reverses.
    Pool(Pool),
    /// A recurrent cell, step by step through a sequence.
    Recurrent(Recurrent),
    /// The derivative of `Recurrent`.
    RecurrentGrad(RecurrentGrad),
    /// `softmax(scale * query @ key^T) @ value` for each of several heads.
    Attention(Attention),
    /// The derivative of `Attention`.
    AttentionGrad(Attention),
    /// A step of an optimizer in place.
    Update(Update),
    /// An op that the user wrote.
    Custom(Arc<dyn CustomOp>),
}

/// Attributes of [`Op::Fill`].
#[derive(Clone, Debug, PartialEq)]
pub struct Fill {
    /// The value of every element.
    pub value: f64,
    /// The shape.
    pub shape: Shape,
    /// The dtype.
    pub dtype: DType,
}

/// Attributes of [`Op::Arange`].
#[derive(Clone, Debug, PartialEq)]
pub struct Arange {
    /// The first value.
    pub start: f64,
    /// The distance between values.
    pub step: f64,
    /// How many.
    pub count: usize,
    /// The dtype.
    pub dtype: DType,
}

/// Attributes of [`Op::Random`].
#[derive(Clone, Debug, PartialEq)]
pub struct Random {
    /// What to draw from.
    pub distribution: Distribution,
    /// The shape.
    pub shape: Shape,
    /// The dtype.
    pub dtype: DType,
}

/// What random values are drawn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// Even in `[low, high)`.
    Uniform {
        /// The lowest value.
        low: f64,
        /// The bound above.
        high: f64,
    },
    /// The bell curve.
    Normal {
        /// Its middle.
        mean: f64,
        /// Its width.
        stddev: f64,
    },
    /// The bell curve cut at two standard deviations.
    TruncatedNormal {
        /// Its middle.
        mean: f64,
        /// Its width before the cut.
        stddev: f64,
    },
    /// Even among the integers in `[low, high)`.
    Integers {
        /// The lowest value.
        low: i64,
        /// The bound above.
        high: i64,
    },
}

/// Attributes of [`Op::Slice`].
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// The first index of each axis.
    pub begin: Shape,
    /// The size of each axis.
    pub size: Shape,
}

/// Attributes of [`Op::Pad`].
#[derive(Clone, Debug, PartialEq)]
pub struct Pad {
    /// Elements before each axis.
    pub before: Shape,
    /// Elements after each axis.
    pub after: Shape,
    /// The value of the border.
    pub value: f64,
}

/// Attributes of [`Op::ScatterAdd`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScatterAdd {
    /// The axis that the places count along.
    pub axis: usize,
    /// The size of that axis in the result.
    pub size: usize,
}

/// Attributes of [`Op::OneHot`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneHot {
    /// The number of classes; integers outside of `0..classes` give a row of zeros.
    pub classes: usize,
    /// The dtype of the result.
    pub dtype: DType,
}

/// Functions of one element. Those from `IsNan` on give bools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Unary {
    Neg,
    Abs,
    Sign,
    Square,
    Sqrt,
    Rsqrt,
    Reciprocal,
    Exp,
    Expm1,
    Log,
    Log1p,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Sigmoid,
    Relu,
    Softplus,
    Erf,
    Floor,
    Ceil,
    Round,
    IsNan,
    IsFinite,
    Not,
}

/// Functions of two elements. Those from `Equal` on give bools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Max,
    Min,
    Mod,
    FloorDiv,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
    Xor,
}

impl Binary {
    /// Whether the results are bools, whatever the operands are.
    pub(crate) fn gives_bools(self) -> bool {
        self as u8 >= Binary::Equal as u8
    }
}

/// Attributes of [`Op::Clip`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clip {
    /// The lower bound.
    pub min: f64,
    /// The upper bound.
    pub max: f64,
}

/// Activations that a kernel applies to its own result, with a derivative that the result tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Fused {
    /// Nothing.
    #[default]
    Linear,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `tanh(x)`.
    Tanh,
}

impl Fused {
    /// Whether it is more than bounds on its argument.
    pub(crate) fn is_curved(self) -> bool {
        matches!(self, Fused::Sigmoid | Fused::Tanh)
    }
}

/// How [`Op::Reduce`] folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Fold {
    Sum,
    Mean,
    Max,
    Min,
    Prod,
    All,
    Any,
}

/// Attributes of [`Op::Reduce`].
#[derive(Clone, Debug, PartialEq)]
pub struct Reduce {
    /// How to fold.
    pub fold: Fold,
    /// Which axes, ascending.
    pub axes: Axes,
    /// Whether the folded axes stay with size 1.
    pub keep_dims: bool,
}

/// Attributes of [`Op::ArgReduce`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArgReduce {
    /// Largest, not smallest.
    pub largest: bool,
    /// Along which axis.
    pub axis: usize,
}

/// Attributes of [`Op::CumSum`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CumSum {
    /// Along which axis.
    pub axis: usize,
    /// From the last element to the first.
    pub reverse: bool,
}

/// Attributes of [`Op::ArgSort`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArgSort {
    /// Along which axis.
    pub axis: usize,
    /// Largest first.
    pub descending: bool,
}

/// Attributes of [`Op::MatMul`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct MatMul {
    /// Take the first input's matrices transposed.
    pub transpose_a: bool,
    /// Take the second input's matrices transposed.
    pub transpose_b: bool,
}

/// An op of the user's own, with its own gradient.
///
/// It must be a pure function of its inputs and its own fields.
pub trait CustomOp: Send + Sync + fmt::Debug {
    /// The name that errors and profiles show.
    fn name(&self) -> &str;
    /// Shapes and dtypes of the results.
    fn infer(&self, inputs: &[&Tensor]) -> Result<Specs>;
    /// The results.
    fn run(&self, inputs: &[&Tensor]) -> Result<Outputs>;
    /// The gradient with regard to each input, from those with regard to the outputs, written in tensor ops;
    /// `None` where there is none.
    fn gradient(
        &self,
        inputs: &[Tensor],
        outputs: &[Tensor],
        gradients: &[Option<Tensor>],
    ) -> Result<Vec<Option<Tensor>>>;
}

impl Op {
    /// The name that errors and profiles show.
    pub fn name(&self) -> &str {
        match self {
            Op::Fill(_) => "fill",
            Op::Arange(_) => "arange",
            Op::Random(_) => "random",
            Op::Cast(_) => "cast",
            Op::Detach => "stop_gradient",
            Op::Reshape(_) => "reshape",
            Op::Transpose(_) => "transpose",
            Op::Broadcast(_) => "broadcast_to",
            Op::Slice(_) => "slice",
            Op::Pad(_) => "pad",
            Op::Concat(_) => "concatenate",
            Op::Gather(_) => "take",
            Op::ScatterAdd(_) => "scatter_add",
            Op::OneHot(_) => "one_hot",
            Op::Unary(u) => u.name(),
            Op::Binary(b) => b.name(),
            Op::Clip(_) => "clip",
            Op::ActivationGrad(_) => "activation_grad",
            Op::Select => "where",
            Op::Reduce(r) => r.fold.name(),
            Op::ArgReduce(a) if a.largest => "argmax",
            Op::ArgReduce(_) => "argmin",
            Op::CumSum(_) => "cumsum",
            Op::ArgSort(_) => "argsort",
            Op::Dropout(_) => "dropout",
            Op::Softmax(_) => "softmax",
            Op::SoftmaxCrossEntropy => "softmax_cross_entropy",
            Op::SoftmaxGrad(_) => "softmax_gradient",
            Op::SoftmaxCrossEntropyGrad => "softmax_cross_entropy_gradient",
            Op::Normalize(_) => "normalize",
            Op::NormalizeGrad(_) => "normalize_gradient",
            Op::ScaleShift(_) => "scale_shift",
            Op::MatMul(_) => "matmul",
            Op::Dense(_) => "dense",
            Op::Conv(c) => c.part.name(),
            Op::ConvFused(_) => "conv_fused",
            Op::ConvChain(_) => "conv_chain",
            Op::Pool(p) => p.part.name(),
            Op::Recurrent(_) => "recurrent",
            Op::RecurrentGrad(_) => "recurrent_gradient",
            Op::Attention(_) => "attention",
            Op::AttentionGrad(_) => "attention_gradient",
            Op::Update(u) => u.name(),
            Op::Custom(op) => op.name(),
        }
    }
}

impl Unary {
    /// Every function, for tests that loop over them.
    pub const ALL: [Unary; 30] = {
        use Unary::*;
        [
            Neg, Abs, Sign, Square, Sqrt, Rsqrt, Reciprocal, Exp, Expm1, Log, Log1p, Sin, Cos, Tan,
            Asin, Acos, Atan, Sinh, Cosh, Tanh, Sigmoid, Relu, Softplus, Erf, Floor, Ceil, Round,
            IsNan, IsFinite, Not,
        ]
    };

    /// Whether the result is of bools.
    pub fn gives_bool(self) -> bool {
        matches!(self, Unary::IsNan | Unary::IsFinite | Unary::Not)
    }

    /// Whether integers stay integers; the other functions compute integers in float32.
    pub fn keeps_integers(self) -> bool {
        use Unary::*;
        matches!(
            self,
            Neg | Abs | Sign | Square | Relu | Floor | Ceil | Round
        )
    }

    fn name(self) -> &'static str {
        use Unary::*;
        match self {
            Neg => "negative",
            Abs => "abs",
            Sign => "sign",
            Square => "square",
            Sqrt => "sqrt",
            Rsqrt => "rsqrt",
            Reciprocal => "reciprocal",
            Exp => "exp",
            Expm1 => "expm1",
            Log => "log",
            Log1p => "log1p",
            Sin => "sin",
            Cos => "cos",
            Tan => "tan",
            Asin => "arcsin",
            Acos => "arccos",
            Atan => "arctan",
            Sinh => "sinh",
            Cosh => "cosh",
            Tanh => "tanh",
            Sigmoid => "sigmoid",
            Relu => "relu",
            Softplus => "softplus",
            Erf => "erf",
            Floor => "floor",
            Ceil => "ceil",
            Round => "round",
            IsNan => "isnan",
            IsFinite => "isfinite",
            Not => "logical_not",
        }
    }
}

impl Binary {
    /// Every function, for tests that loop over them.
    pub const ALL: [Binary; 18] = {
        use Binary::*;
        [
            Add,
            Sub,
            Mul,
            Div,
            Pow,
            Max,
            Min,
            Mod,
            FloorDiv,
            Equal,
            NotEqual,
            Less,
            LessEqual,
            Greater,
            GreaterEqual,
            And,
            Or,
            Xor,
        ]
    };

    /// Whether the result is of bools.
    pub fn gives_bool(self) -> bool {
        use Binary::*;
        matches!(
            self,
            Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual | And | Or | Xor
        )
    }

    fn name(self) -> &'static str {
        use Binary::*;
        match self {
            Add => "add",
            Sub => "subtract",
            Mul => "multiply",
            Div => "divide",
            Pow => "power",
            Max => "maximum",
            Min => "minimum",
            Mod => "mod",
            FloorDiv => "floor_divide",
            Equal => "equal",
            NotEqual => "not_equal",
            Less => "less",
            LessEqual => "less_equal",
            Greater => "greater",
            GreaterEqual => "greater_equal",
            And => "logical_and",
            Or => "logical_or",
            Xor => "logical_xor",
        }
    }
}

impl Fused {
    /// Every activation, for tests that loop over them.
    pub const ALL: [Fused; 5] = [
        Fused::Linear,
        Fused::Relu,
        Fused::Relu6,
        Fused::Sigmoid,
        Fused::Tanh,
    ];
}

impl Fold {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Fold::Sum => "sum",
            Fold::Mean => "mean",
            Fold::Max => "max",
            Fold::Min => "min",
            Fold::Prod => "prod",
            Fold::All => "all",
            Fold::Any => "any",
        }
    }
}
