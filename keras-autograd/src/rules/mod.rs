//! One gradient rule per op, written in tensor ops.
//!
//! A rule goes from the gradients with regard to the outputs to those with regard to the inputs. The engine in the tape
//! accumulates, sums broadcasts back to the input's shape, and skips what nobody wants.

mod attention;
mod conv;
mod elementwise;
mod layout;
mod linalg;
mod nn;
mod normalize;
mod pool;
mod recurrent;
mod reduce;

use keras_tensor::op::Fused;
use keras_tensor::{Error, Op, Result, SmallVec, Tensor, apply_owned, smallvec};

use crate::tape::Record;

/// A gradient for each input; `None` where there is none.
pub(crate) type Grads = SmallVec<[Option<Tensor>; 4]>;

/// What a rule is given.
struct Given<'a> {
    inputs: &'a [Tensor],
    outputs: &'a [Tensor],
    /// The gradient with regard to the only output.
    gradient: &'a Tensor,
    /// Which inputs' gradients are wanted.
    wanted: &'a [bool],
}

/// Which values a rule reads; the tape keeps the others as shapes only.
pub(crate) struct Needs {
    inputs: u8,
    outputs: u8,
}

impl Needs {
    pub(crate) fn input(&self, i: usize) -> bool {
        self.inputs & (1 << i.min(7)) != 0
    }

    pub(crate) fn output(&self, i: usize) -> bool {
        self.outputs & (1 << i.min(7)) != 0
    }
}

/// What the rule of `op` reads.
pub(crate) fn needs(op: &Op) -> Needs {
    const NOTHING: Needs = reads(0, false);
    const OUTPUT: Needs = reads(0, true);
    const fn reads(inputs: u8, output: bool) -> Needs {
        let outputs = if output { 0xff } else { 0 };
        Needs { inputs, outputs }
    }
    match op {
        Op::Fill(_) | Op::Arange(_) | Op::Random(_) | Op::Detach => NOTHING,
        Op::Cast(_) | Op::Reshape(_) | Op::Transpose(_) | Op::Broadcast(_) => NOTHING,
        Op::Slice(_) | Op::Pad(_) | Op::Concat(_) | Op::CumSum(_) => NOTHING,
        Op::OneHot(_) | Op::ArgReduce(_) | Op::ArgSort(_) => NOTHING,
        Op::Gather(_) | Op::ScatterAdd(_) => reads(0b10, false),
        Op::Unary(u) => elementwise::unary_needs(*u, OUTPUT, reads(1, false), NOTHING),
        Op::Binary(b) => elementwise::binary_needs(*b, reads),
        Op::Clip(_) | Op::Select => reads(1, false),
        Op::ActivationGrad(_) => reads(0b11, false),
        Op::Reduce(r) => reduce::needs(r, NOTHING, reads(1, true), reads(1, false)),
        Op::Softmax(_) => OUTPUT,
        Op::SoftmaxCrossEntropy | Op::MatMul(_) | Op::Conv(_) => reads(0b11, false),
        Op::Pool(p) => pool::needs(p.part, reads(1, false), NOTHING),
        Op::ConvFused(f) => reads(
            0b011 | (f.has_scale as u8) << 2,
            f.activation != Fused::Linear,
        ),
        Op::Dense(Fused::Linear) => reads(0b011, false),
        Op::Dense(_) => reads(0b011, true),
        Op::Recurrent(_) => reads(0xff, true),
        Op::Normalize(n) => normalize::needs(n),
        Op::Dropout(_) => reads(0b10, false),
        Op::ScaleShift(_) => reads(0b011, false),
        Op::SoftmaxGrad(_) | Op::SoftmaxCrossEntropyGrad | Op::NormalizeGrad(_) => NOTHING,
        Op::Attention(_) => reads(0b1111, true),
        Op::ConvChain(_) | Op::RecurrentGrad(_) | Op::AttentionGrad(_) | Op::Update(_) => NOTHING,
        Op::Custom(_) => reads(0xff, true),
    }
}

/// The gradients with regard to a record's inputs.
pub(crate) fn gradient(
    record: &Record,
    outer: SmallVec<[Option<Tensor>; 1]>,
    wanted: &[bool],
) -> Result<Grads> {
    if let Op::Custom(op) = &record.op {
        return Ok(op.gradient(&record.inputs, &record.outputs, &outer)?.into());
    }
    if let Op::Recurrent(r) = &record.op {
        return recurrent::recurrent(r, record, &outer, wanted);
    }
    if let Op::Normalize(n) = &record.op {
        return normalize::normalize(n, record, outer);
    }
    let Some(Some(gradient)) = outer.into_iter().next() else {
        return Ok(none(record.inputs.len()));
    };
    // The gradient of the only output may be written over where nobody else holds it.
    let given = |gradient| Given {
        inputs: &record.inputs,
        outputs: &record.outputs,
        gradient,
        wanted,
    };
    match &record.op {
        Op::Dense(activation) => linalg::dense(*activation, record, gradient, wanted),
        Op::ConvFused(f) => conv::fused(f, record, gradient, wanted),
        Op::Unary(u) => elementwise::unary(*u, &given(&gradient)),
        Op::Binary(b) => elementwise::binary(*b, &given(&gradient)),
        Op::Clip(c) => elementwise::clip(c, &given(&gradient)),
        Op::ActivationGrad(a) => elementwise::activation_grad(*a, &given(&gradient)),
        Op::Select => elementwise::select(&given(&gradient)),
        Op::Cast(_) => layout::cast(&given(&gradient)),
        Op::Reshape(_) => layout::reshape(&given(&gradient)),
        Op::Transpose(order) => layout::transpose(order, &given(&gradient)),
        Op::Broadcast(_) => one(gradient),
        Op::Slice(s) => layout::slice(s, &given(&gradient)),
        Op::Pad(p) => layout::pad(p, &given(&gradient)),
        Op::Concat(axis) => layout::concat(*axis, &given(&gradient)),
        Op::Gather(axis) => layout::gather(*axis, &given(&gradient)),
        Op::ScatterAdd(s) => layout::scatter_add(s, &given(&gradient)),
        Op::Reduce(r) => reduce::reduce(r, &given(&gradient)),
        Op::CumSum(c) => reduce::cumsum(c, &given(&gradient)),
        Op::Softmax(axis) => nn::softmax(*axis, &given(&gradient)),
        Op::SoftmaxCrossEntropy => nn::softmax_cross_entropy(&given(&gradient)),
        Op::Dropout(_) => nn::dropout(&record.op, &given(&gradient)),
        Op::ScaleShift(axis) => normalize::scale_shift(*axis, &given(&gradient)),
        Op::MatMul(m) => linalg::matmul(m, &given(&gradient)),
        Op::Conv(c) => conv::conv(c, &given(&gradient)),
        Op::Pool(p) => pool::pool(p, &given(&gradient)),
        Op::Fill(_)
        | Op::Arange(_)
        | Op::Random(_)
        | Op::Detach
        | Op::OneHot(_)
        | Op::ArgReduce(_)
        | Op::ArgSort(_) => Ok(none(record.inputs.len())),
        Op::Update(_) => Err(Error::NoGradient {
            op: record.op.name().into(),
            wanted: "updates of weights are not differentiated; end the tape before them".into(),
        }),
        Op::ConvChain(_) => Err(Error::NoGradient {
            op: record.op.name().into(),
            wanted: "call the model, not a plan of it, where a tape listens".into(),
        }),
        Op::Attention(a) => attention::attention(a, &given(&gradient)),
        Op::SoftmaxGrad(_)
        | Op::SoftmaxCrossEntropyGrad
        | Op::NormalizeGrad(_)
        | Op::AttentionGrad(_)
        | Op::RecurrentGrad(_) => Err(Error::NoGradient {
            op: record.op.name().into(),
            wanted: "make the outer tape before the inner one; this op runs where no tape listens"
                .into(),
        }),
        Op::Recurrent(_) | Op::Normalize(_) | Op::Custom(_) => unreachable!("handled above"),
    }
}

/// The gradient before a fused activation; the outer gradient's memory becomes its own.
fn before(activation: Fused, gradient: Tensor, output: &Tensor) -> Result<Tensor> {
    match activation {
        Fused::Linear => Ok(gradient),
        _ => {
            let op = Op::ActivationGrad(activation);
            Ok(apply_owned(op, smallvec![gradient, output.clone()])?.remove(0))
        }
    }
}

fn one(gradient: Tensor) -> Result<Grads> {
    Ok(Grads::from_iter([Some(gradient)]))
}

fn none(inputs: usize) -> Grads {
    (0..inputs).map(|_| None).collect()
}
