//! Where numbers are computed, on slices, generic over the element type.
//!
//! The door has checked every shape and dtype before a kernel is called. This is the only module with unsafe code:
//! ARCHITECTURE.md says where. Work is split among threads by shape alone, so results are the same bits at any number of
//! threads.

mod arrays;
mod attention;
mod columns;
mod conv;
mod elementary;
mod elementwise;
mod fold;
mod gemm;
mod layout;
mod matmul;
mod normalize;
mod optimizer;
pub(crate) mod peak;
mod random;
mod recurrent;
mod reduce;
mod shares;
mod simd;
mod softmax;
mod sort;
mod strided;
pub mod threads;
mod turn;
mod vector;

use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

use crate::buffer::{Buffer, Held};
use crate::op::{Op, Outputs, Spec, Specs};
use crate::{DType, Result, Shape, Tensor};

/// Names the type `T` that a dtype stands for, for every dtype.
macro_rules! with_any {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::DType::F64 => {
                type $T = f64;
                $body
            }
            $crate::DType::F16 => {
                type $T = half::f16;
                $body
            }
            $crate::DType::BF16 => {
                type $T = half::bf16;
                $body
            }
            $crate::DType::I8 => {
                type $T = i8;
                $body
            }
            $crate::DType::I16 => {
                type $T = i16;
                $body
            }
            $crate::DType::I32 => {
                type $T = i32;
                $body
            }
            $crate::DType::I64 => {
                type $T = i64;
                $body
            }
            $crate::DType::U8 | $crate::DType::Bool => {
                type $T = u8;
                $body
            }
            $crate::DType::U16 => {
                type $T = u16;
                $body
            }
            $crate::DType::U32 => {
                type $T = u32;
                $body
            }
            $crate::DType::U64 => {
                type $T = u64;
                $body
            }
        }
    };
}

/// Names the type for the dtypes that analysis is compiled for.
macro_rules! with_float {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::DType::F64 => {
                type $T = f64;
                $body
            }
            other => unreachable!("{other} is computed in another dtype"),
        }
    };
}

/// Names the type for the dtypes that folds and sorting are compiled for.
macro_rules! with_fold {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::DType::I32 => {
                type $T = i32;
                $body
            }
            $crate::DType::I64 => {
                type $T = i64;
                $body
            }
            other => $crate::kernels::with_float!(other, $T => $body),
        }
    };
}

/// Names the type for the dtypes that arithmetic is compiled for; [`run`] converts the others to one of these.
macro_rules! with_number {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::DType::U8 | $crate::DType::Bool => {
                type $T = u8;
                $body
            }
            other => $crate::kernels::with_fold!(other, $T => $body),
        }
    };
}

pub(crate) use layout::{copy, places, scatter};
pub(crate) use with_any;
use with_float;
use with_fold;
use with_number;

/// An op's inputs: lent, or given up so that their memory may be used again.
pub(crate) enum Inputs<'a> {
    Borrowed(&'a [&'a Tensor]),
    Owned(SmallVec<[Tensor; 4]>),
}

impl Inputs<'_> {
    pub(crate) fn as_refs(&self) -> SmallVec<[&Tensor; 4]> {
        match self {
            Inputs::Borrowed(all) => SmallVec::from_slice(all),
            Inputs::Owned(all) => all.iter().collect(),
        }
    }
}

/// Computes the results that `specs` describe.
pub(crate) fn run(op: &Op, inputs: Inputs, specs: Specs) -> Result<Outputs> {
    let refs = inputs.as_refs();
    if let Some(dtype) = computed_in(op, &refs) {
        return converted(op, &refs, specs, dtype);
    }
    drop(refs);
    let inputs = match inputs {
        Inputs::Owned(owned) => match run_owned(op, owned, &specs)? {
            Owned::Done(outputs) => return Ok(outputs),
            Owned::Refused(owned) => Inputs::Owned(owned),
        },
        borrowed => borrowed,
    };
    let refs = inputs.as_refs();
    run_borrowed(op, &refs, specs)
}

/// The dtype that an op on these inputs is computed in, where kernels are not compiled for the inputs' own.
fn computed_in(op: &Op, inputs: &[&Tensor]) -> Option<DType> {
    let arithmetic = match op {
        Op::Unary(_)
        | Op::Binary(_)
        | Op::Clip(_)
        | Op::ActivationGrad(_)
        | Op::Dropout(_)
        | Op::Softmax(_)
        | Op::SoftmaxCrossEntropy
        | Op::SoftmaxGrad(_)
        | Op::SoftmaxCrossEntropyGrad
        | Op::Normalize(_)
        | Op::NormalizeGrad(_)
        | Op::ScaleShift(_)
        | Op::MatMul(_)
        | Op::Dense(_)
        | Op::Conv(_)
        | Op::ConvFused(_)
        | Op::ConvChain(_)
        | Op::Pool(_)
        | Op::Recurrent(_)
        | Op::RecurrentGrad(_)
        | Op::Attention(_)
        | Op::AttentionGrad(_)
        | Op::Update(_) => true,
        Op::Reduce(_) | Op::ArgReduce(_) | Op::CumSum(_) | Op::ArgSort(_) | Op::ScatterAdd(_) => {
            return match inputs.first()?.dtype() {
                DType::F16 | DType::BF16 => Some(DType::F32),
                DType::F32 | DType::F64 | DType::I32 | DType::I64 => None,
                _ => Some(DType::I64),
            };
        }
        Op::Fill(_)
        | Op::Arange(_)
        | Op::Random(_)
        | Op::Cast(_)
        | Op::Detach
        | Op::Reshape(_)
        | Op::Transpose(_)
        | Op::Broadcast(_)
        | Op::Slice(_)
        | Op::Pad(_)
        | Op::Concat(_)
        | Op::Gather(_)
        | Op::OneHot(_)
        | Op::Select
        | Op::Custom(_) => false,
    };
    match inputs.first()?.dtype() {
        _ if !arithmetic => None,
        DType::F16 | DType::BF16 => Some(DType::F32),
        DType::I8 | DType::I16 | DType::U16 | DType::U32 | DType::U64 => Some(DType::I64),
        DType::F32 | DType::F64 | DType::I32 | DType::I64 | DType::U8 | DType::Bool => None,
    }
}

fn converted(op: &Op, inputs: &[&Tensor], specs: Specs, dtype: DType) -> Result<Outputs> {
    let from = inputs[0].dtype();
    let of_bools;
    let op = match op {
        Op::Reduce(r) if from == DType::Bool => {
            of_bools = Op::Reduce(reduce::of_bools(r));
            &of_bools
        }
        _ => op,
    };
    let wide: SmallVec<[Tensor; 4]> = inputs
        .iter()
        .map(|t| {
            if t.dtype() == from {
                layout::cast(t, dtype)
            } else {
                Ok((*t).clone())
            }
        })
        .collect::<Result<_>>()?;
    let refs: SmallVec<[&Tensor; 4]> = wide.iter().collect();
    let wide_specs: Specs = specs
        .iter()
        .map(|s| Spec {
            dtype: if s.dtype == from { dtype } else { s.dtype },
            shape: s.shape.clone(),
        })
        .collect();
    run_borrowed(op, &refs, wide_specs)?
        .iter()
        .zip(&specs)
        .map(|(t, s)| {
            if t.dtype() == s.dtype {
                Ok(t.clone())
            } else {
                layout::cast(t, s.dtype)
            }
        })
        .collect()
}

/// What became of inputs that were given up.
enum Owned {
    Done(Outputs),
    /// No memory could be used again; the inputs come back.
    Refused(SmallVec<[Tensor; 4]>),
}

/// Computes into the inputs' own memory where the op can and nobody else holds it.
fn run_owned(op: &Op, mut inputs: SmallVec<[Tensor; 4]>, specs: &Specs) -> Result<Owned> {
    match op {
        Op::Update(u) => Ok(Owned::Done(optimizer::update(u, inputs)?)),
        _ if (elementwise::fits_in_place(op) || matches!(op, Op::ScaleShift(_)))
            && inputs[0].is_unique()
            && inputs[0].dtype() == specs[0].dtype
            && *inputs[0].shape() == specs[0].shape =>
        {
            let first = inputs.remove(0);
            let dtype = first.dtype();
            let output = rewritten(first, |memory, shape| match op {
                Op::ScaleShift(axis) => {
                    let lanes = Lanes::new(shape, *axis);
                    normalize::scale_shift_in_place(memory, &lanes, &inputs[0], &inputs[1])
                }
                _ => elementwise::in_place(op, memory, dtype, shape, inputs.first()),
            })?;
            Ok(Owned::Done(smallvec![output]))
        }
        Op::ConvFused(f) if conv::fits_over_residual(f, &inputs, &specs[0].shape) => {
            let residual = inputs.pop().expect("the residual is the last input");
            let others: SmallVec<[&Tensor; 4]> = inputs.iter().collect();
            let output = rewritten(residual, |memory, shape| {
                conv::conv_fused_over(f, &others, shape, memory)
            })?;
            Ok(Owned::Done(smallvec![output]))
        }
        Op::NormalizeGrad(n) if normalize::fits_over_gradient(n, &inputs) => {
            let gradient = inputs.remove(4);
            let others: SmallVec<[&Tensor; 5]> = inputs.iter().collect();
            let mut outputs = Outputs::new();
            let by_x = rewritten(gradient, |memory, _| {
                outputs = normalize::normalize_grad_over(n, &others, memory, &specs[1..])?;
                Ok(())
            })?;
            outputs.insert(0, by_x);
            Ok(Owned::Done(outputs))
        }
        _ => Ok(Owned::Refused(inputs)),
    }
}

/// What `work` makes in the memory of a tensor that nobody else holds.
fn rewritten(
    tensor: Tensor,
    work: impl FnOnce(&mut Buffer, &Shape) -> Result<()>,
) -> Result<Tensor> {
    let (dtype, shape) = (tensor.dtype(), tensor.shape().clone());
    let mut buffer = tensor.into_unique_buffer().expect("nobody else holds it");
    let memory = Arc::get_mut(&mut buffer).expect("nobody else holds it");
    work(memory, &shape)?;
    Ok(Tensor::from_buffer(dtype, shape, buffer))
}

fn run_borrowed(op: &Op, inputs: &[&Tensor], mut specs: Specs) -> Result<Outputs> {
    match op {
        Op::Custom(custom) => return custom.run(inputs),
        Op::Recurrent(r) => return recurrent::recurrent(r, inputs, &specs),
        Op::RecurrentGrad(r) => return recurrent::recurrent_grad(r, inputs, &specs),
        Op::AttentionGrad(a) => return attention::attention_grad(a, inputs, &specs),
        Op::Normalize(n) => return normalize::normalize(n, inputs, &specs),
        Op::NormalizeGrad(n) => return normalize::normalize_grad(n, inputs, &specs),
        _ => {}
    }
    if let Op::Update(_) = op {
        // What somebody else holds, as the caller does, is copied there before it is written.
        let held = inputs.iter().map(|&t| t.clone()).collect();
        return match run_owned(op, held, &specs)? {
            Owned::Done(outputs) => Ok(outputs),
            Owned::Refused(_) => unreachable!("updates always run in place"),
        };
    }
    let Spec { dtype, shape } = specs.pop().expect("the op has one result");
    let x = inputs.first().copied();
    let x = || x.expect("the door has counted the inputs");
    let output = match op {
        Op::Fill(f) => layout::fill(f.value, shape, dtype),
        Op::Arange(a) => layout::arange(a, shape),
        Op::Random(r) => random::draw(r, x()),
        Op::Cast(to) => layout::cast(x(), *to),
        Op::Detach | Op::Reshape(_) => Ok(x().viewed(shape)),
        Op::Transpose(order) => layout::transpose(x(), order, shape),
        Op::Broadcast(_) => layout::broadcast(x(), shape),
        Op::Slice(s) => layout::slice(x(), s),
        Op::Pad(p) => layout::pad(x(), p, shape),
        Op::Concat(axis) => layout::concat(inputs, *axis, shape),
        Op::Gather(axis) => layout::gather(x(), inputs[1], *axis, shape),
        Op::ScatterAdd(s) => layout::scatter_add(x(), inputs[1], s, shape),
        Op::OneHot(o) => layout::one_hot(x(), o, shape),
        Op::Select => layout::select(inputs, shape),
        Op::Unary(_) | Op::Clip(_) => elementwise::unary(op, x(), dtype),
        Op::Binary(b) => elementwise::binary(*b, x(), inputs[1], dtype, shape),
        Op::ActivationGrad(a) => elementwise::activation_grad(*a, x(), inputs[1]),
        Op::Reduce(r) => reduce::reduce(r, x(), shape),
        Op::ArgReduce(a) => reduce::arg_reduce(a, x(), shape),
        Op::CumSum(c) => reduce::cumsum(c, x()),
        Op::ArgSort(a) => sort::argsort(a, x()),
        Op::Dropout(rate) => random::dropout(*rate, x(), inputs[1]),
        Op::Softmax(axis) => softmax::softmax(x(), *axis),
        Op::SoftmaxCrossEntropy => softmax::cross_entropy(x(), inputs[1], shape),
        Op::SoftmaxGrad(axis) => softmax::softmax_grad(*axis, x(), inputs[1]),
        Op::SoftmaxCrossEntropyGrad => softmax::cross_entropy_grad(x(), inputs[1], inputs[2]),
        Op::ScaleShift(axis) => normalize::scale_shift(x(), inputs[1], inputs[2], *axis),
        Op::MatMul(m) => matmul::matmul(m, x(), inputs[1], shape),
        Op::Dense(activation) => {
            matmul::dense(*activation, x(), inputs[1], inputs.get(2).copied(), shape)
        }
        Op::Conv(c) => conv::conv(c, x(), inputs[1], shape),
        Op::ConvFused(f) => conv::conv_fused(f, inputs, shape),
        Op::ConvChain(c) => conv::conv_chain(c, inputs, shape),
        Op::Pool(p) => conv::pool(p, inputs, shape),
        Op::Attention(a) => attention::attention(a, inputs, shape),
        Op::Recurrent(_)
        | Op::RecurrentGrad(_)
        | Op::AttentionGrad(_)
        | Op::Normalize(_)
        | Op::NormalizeGrad(_)
        | Op::Update(_)
        | Op::Custom(_) => {
            unreachable!("handled above")
        }
    }?;
    Ok(smallvec![output])
}

/// Tensors that are filled together.
fn built<T: crate::Element, const N: usize>(
    specs: &[Spec],
    fill: impl FnOnce([&mut [T]; N]) -> Result<()>,
) -> Result<Outputs> {
    let buffers = specs.iter().map(|s| {
        let size = s.shape.checked_size("tensor")?;
        Ok((size, Buffer::take(size * s.dtype.size())?))
    });
    let mut buffers: SmallVec<[(usize, Arc<Buffer>); 3]> = buffers.collect::<Result<_>>()?;
    let mut memory = buffers.iter_mut().map(|(size, buffer)| {
        let buffer = Arc::get_mut(buffer).expect("a taken buffer has one holder");
        elements(buffer, *size)
    });
    fill(std::array::from_fn(|_| {
        memory.next().expect("there is a spec for each")
    }))?;
    let tensor = |((_, buffer), s): ((usize, Arc<Buffer>), &Spec)| {
        Tensor::from_buffer(s.dtype, s.shape.clone(), buffer)
    };
    Ok(buffers.into_iter().zip(specs).map(tensor).collect())
}

/// All that floats have which kernels are compiled for.
trait Real:
    gemm::Tiled
    + crate::Element
    + Default
    + elementwise::Number
    + num_traits::Float
    + elementary::Elementary
    + vector::Vectors
{
}

impl Real for f32 {}
impl Real for f64 {}

/// A tensor's elements seen as `[outer, axis, inner]`.
struct Lanes {
    outer: usize,
    axis: usize,
    inner: usize,
}

impl Lanes {
    fn new(shape: &[usize], axis: usize) -> Self {
        Lanes {
            outer: shape[..axis].iter().product(),
            axis: shape[axis],
            inner: shape[axis + 1..].iter().product(),
        }
    }
}

/// The memory of a buffer as a slice of `size` elements.
pub(crate) fn elements<T: crate::Element>(memory: &mut Buffer, size: usize) -> &mut [T] {
    &mut memory.as_mut_slice::<T>()[..size]
}

/// Runs `work` with recycled memory of `size` elements, which holds anything before.
fn with_space<T: crate::Element>(
    size: usize,
    work: impl FnOnce(&mut [T]) -> Result<()>,
) -> Result<()> {
    // Kept for the next one when it goes.
    let mut space = Held::new(Buffer::take(size * size_of::<T>())?);
    let memory = space.get_mut().expect("a taken buffer has one holder");
    work(elements(memory, size))
}
