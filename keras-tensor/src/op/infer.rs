//! The shape rule of every op: what comes out, or why nothing can.

use smallvec::{SmallVec, smallvec};

use super::{Binary, Distribution, Fold, Fused, Op, Unary};
use crate::{DType, Error, Result, Shape, Tensor};

/// The shape and dtype of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// The dtype.
    pub dtype: DType,
    /// The shape.
    pub shape: Shape,
}

/// The shapes and dtypes of an op's results.
pub type Specs = SmallVec<[Spec; 3]>;

fn spec(dtype: DType, shape: Shape) -> Specs {
    smallvec![Spec { dtype, shape }]
}

/// Shapes and dtypes of what `op` makes of `inputs`, without computing it.
///
/// # Errors
/// Inputs that the op cannot take: a wrong number, shapes or dtypes that do not fit.
pub fn infer(op: &Op, inputs: &[&Tensor]) -> Result<Specs> {
    let count = |wanted: usize| {
        if inputs.len() == wanted {
            Ok(())
        } else {
            Err(Error::argument(
                op.name(),
                format!("{} inputs", inputs.len()),
                format!("{wanted} inputs"),
            ))
        }
    };
    Ok(match op {
        Op::Fill(f) => {
            count(0)?;
            spec(f.dtype, f.shape.clone())
        }
        Op::Arange(a) => {
            count(0)?;
            spec(a.dtype, [a.count].into())
        }
        Op::Random(r) => {
            count(1)?;
            is_seed("random", inputs[0])?;
            if let Distribution::Integers { low, high } = r.distribution
                && low >= high
            {
                return Err(Error::argument(
                    "random integers",
                    format!("{low} to {high}"),
                    "a highest value above the lowest",
                ));
            }
            spec(r.dtype, r.shape.clone())
        }
        Op::Cast(dtype) => {
            count(1)?;
            spec(*dtype, inputs[0].shape().clone())
        }
        Op::Detach => {
            count(1)?;
            spec(inputs[0].dtype(), inputs[0].shape().clone())
        }
        Op::Reshape(shape) => {
            count(1)?;
            if shape.checked_size("reshape")? != inputs[0].size() {
                return Err(Error::shape(
                    "reshape",
                    &[inputs[0].shape(), shape],
                    "as many elements after as before",
                ));
            }
            spec(inputs[0].dtype(), shape.clone())
        }
        Op::Transpose(order) => {
            count(1)?;
            let x = inputs[0].shape();
            let mut seen: SmallVec<[bool; 6]> = smallvec![false; x.rank()];
            if order.len() != x.rank()
                || order
                    .iter()
                    .any(|&a| a >= x.rank() || std::mem::replace(&mut seen[a], true))
            {
                return Err(Error::shape(
                    "transpose",
                    &[x],
                    format!("an order that names each axis once, not {order:?}"),
                ));
            }
            spec(inputs[0].dtype(), order.iter().map(|&a| x[a]).collect())
        }
        Op::Broadcast(shape) => {
            count(1)?;
            if inputs[0].shape().broadcast(shape, "broadcast_to")? != *shape {
                return Err(Error::shape(
                    "broadcast_to",
                    &[inputs[0].shape(), shape],
                    "axes that are equal, or 1 before",
                ));
            }
            spec(inputs[0].dtype(), shape.clone())
        }
        Op::Slice(s) => {
            count(1)?;
            let x = inputs[0].shape();
            let fits = s.begin.rank() == x.rank()
                && s.size.rank() == x.rank()
                && (0..x.rank()).all(|i| {
                    s.begin[i]
                        .checked_add(s.size[i])
                        .is_some_and(|end| end <= x[i])
                });
            if !fits {
                return Err(Error::shape(
                    "slice",
                    &[x],
                    format!("a box inside it, not {} from {}", s.size, s.begin),
                ));
            }
            spec(inputs[0].dtype(), s.size.clone())
        }
        Op::Pad(p) => {
            count(1)?;
            let x = inputs[0].shape();
            if p.before.rank() != x.rank() || p.after.rank() != x.rank() {
                return Err(Error::shape("pad", &[x], "a width for each axis"));
            }
            let shape = (0..x.rank())
                .map(|i| {
                    p.before[i]
                        .checked_add(x[i])
                        .and_then(|n| n.checked_add(p.after[i]))
                })
                .collect::<Option<SmallVec<[usize; 6]>>>()
                .ok_or_else(|| Error::shape("pad", &[x], "fewer elements"))?;
            spec(inputs[0].dtype(), Shape::from(&shape[..]))
        }
        Op::Concat(axis) => concat(*axis, inputs)?,
        Op::Gather(axis) => {
            count(2)?;
            let (x, places) = (inputs[0].shape(), inputs[1]);
            integers("take", places)?;
            if *axis >= x.rank() {
                return Err(Error::shape("take", &[x], format!("an axis {axis}")));
            }
            let shape = x[..*axis]
                .iter()
                .chain(places.shape().iter())
                .chain(&x[axis + 1..])
                .copied()
                .collect();
            spec(inputs[0].dtype(), shape)
        }
        Op::ScatterAdd(s) => {
            count(2)?;
            let (x, places) = (inputs[0].shape(), inputs[1]);
            integers("scatter_add", places)?;
            number("scatter_add", inputs[0])?;
            let inner = s.axis.saturating_add(places.rank());
            if inner > x.rank() || x[s.axis..inner] != places.shape()[..] {
                return Err(Error::shape(
                    "scatter_add",
                    &[x, places.shape()],
                    "places of the shape of the values' axes",
                ));
            }
            let shape = x[..s.axis]
                .iter()
                .chain(&[s.size])
                .chain(&x[inner..])
                .copied()
                .collect();
            spec(inputs[0].dtype(), shape)
        }
        Op::OneHot(o) => {
            count(1)?;
            integers("one_hot", inputs[0])?;
            let mut shape = inputs[0].shape().clone();
            shape.push(o.classes);
            spec(o.dtype, shape)
        }
        Op::Unary(u) => {
            count(1)?;
            let dtype = inputs[0].dtype();
            let dtype = if u.gives_bool() {
                DType::Bool
            } else if dtype.is_float() || (u.keeps_integers() && dtype != DType::Bool) {
                dtype
            } else {
                return Err(Error::dtype(
                    op.name(),
                    dtype,
                    "a float type; cast it first",
                ));
            };
            if *u == Unary::Not && inputs[0].dtype() != DType::Bool {
                return Err(Error::dtype(op.name(), inputs[0].dtype(), "bool"));
            }
            spec(dtype, inputs[0].shape().clone())
        }
        Op::Binary(b) => {
            count(2)?;
            same_dtype(op.name(), inputs)?;
            if !b.gives_bool() && !matches!(b, Binary::Mul | Binary::Max | Binary::Min) {
                number(op.name(), inputs[0])?;
            }
            let shape = inputs[0].shape().broadcast(inputs[1].shape(), op.name())?;
            let dtype = if b.gives_bool() {
                DType::Bool
            } else {
                inputs[0].dtype()
            };
            spec(dtype, shape)
        }
        Op::Clip(_) => {
            count(1)?;
            number(op.name(), inputs[0])?;
            spec(inputs[0].dtype(), inputs[0].shape().clone())
        }
        Op::ActivationGrad(_) => {
            count(2)?;
            same_shape(op.name(), inputs)?;
            float(op.name(), inputs[0])?;
            spec(inputs[0].dtype(), inputs[0].shape().clone())
        }
        Op::Conv(c) => {
            count(2)?;
            same_dtype(op.name(), inputs)?;
            float(op.name(), inputs[0])?;
            spec(
                inputs[0].dtype(),
                super::conv::infer(c, inputs[0], inputs[1])?,
            )
        }
        Op::ConvFused(f) => {
            count(f.inputs())?;
            same_dtype(op.name(), inputs)?;
            float(op.name(), inputs[0])?;
            spec(inputs[0].dtype(), super::conv::infer_fused(f, inputs)?)
        }
        Op::ConvChain(c) => {
            count(c.inputs())?;
            same_dtype(op.name(), inputs)?;
            float(op.name(), inputs[0])?;
            let y = c.walk(inputs, |_, _, _, _| {})?;
            spec(y.dtype(), y.shape().clone())
        }
        Op::Pool(p) => {
            count(p.part.inputs())?;
            same_dtype(op.name(), inputs)?;
            float(op.name(), inputs[0])?;
            spec(inputs[0].dtype(), super::pool::infer(p, inputs)?)
        }
        Op::Select => {
            count(3)?;
            same_dtype("where", &inputs[1..])?;
            if inputs[0].dtype() != DType::Bool {
                return Err(Error::dtype(
                    "where",
                    inputs[0].dtype(),
                    "a condition of bools",
                ));
            }
            let shape = inputs[0].shape().broadcast(inputs[1].shape(), "where")?;
            spec(
                inputs[1].dtype(),
                shape.broadcast(inputs[2].shape(), "where")?,
            )
        }
        Op::Reduce(r) => {
            count(1)?;
            match r.fold {
                Fold::Sum | Fold::Mean | Fold::Prod => number(op.name(), inputs[0])?,
                Fold::All | Fold::Any if inputs[0].dtype() != DType::Bool => {
                    return Err(Error::dtype(
                        op.name(),
                        inputs[0].dtype(),
                        "bools; compare with something first",
                    ));
                }
                Fold::All | Fold::Any | Fold::Max | Fold::Min => {}
            }
            let x = inputs[0].shape();
            if r.axes.windows(2).any(|w| w[0] >= w[1]) || r.axes.iter().any(|&a| a >= x.rank()) {
                return Err(Error::shape(
                    op.name(),
                    &[x],
                    format!("axes of it, ascending, not {:?}", r.axes),
                ));
            }
            let mut shape = Shape::scalar();
            for (i, &n) in x.iter().enumerate() {
                if !r.axes.contains(&i) {
                    shape.push(n);
                } else if r.keep_dims {
                    shape.push(1);
                }
            }
            spec(inputs[0].dtype(), shape)
        }
        Op::ArgReduce(a) => {
            count(1)?;
            let mut shape = inputs[0].shape().clone();
            if a.axis >= shape.rank() || shape[a.axis] == 0 {
                return Err(Error::shape(op.name(), &[&shape], "an axis with elements"));
            }
            shape.remove(a.axis);
            spec(DType::I64, shape)
        }
        Op::CumSum(c) => {
            count(1)?;
            has_axis(op.name(), inputs[0], c.axis)?;
            number(op.name(), inputs[0])?;
            spec(inputs[0].dtype(), inputs[0].shape().clone())
        }
        Op::ArgSort(a) => {
            count(1)?;
            has_axis(op.name(), inputs[0], a.axis)?;
            spec(DType::I32, inputs[0].shape().clone())
        }
        Op::Dropout(rate) => {
            count(2)?;
            is_seed(op.name(), inputs[1])?;
            float(op.name(), inputs[0])?;
            if !(0.0..1.0).contains(rate) {
                let wanted = "a share from 0 to below 1";
                return Err(Error::argument("dropout.rate", rate, wanted));
            }
            spec(inputs[0].dtype(), inputs[0].shape().clone())
        }
        Op::Softmax(axis) => {
            count(1)?;
            has_axis(op.name(), inputs[0], *axis)?;
            float(op.name(), inputs[0])?;
            spec(inputs[0].dtype(), inputs[0].shape().clone())
        }
        Op::SoftmaxCrossEntropy => {
            count(2)?;
            same_shape(op.name(), inputs)?;
            float(op.name(), inputs[0])?;
            let mut shape = inputs[0].shape().clone();
            if shape.rank() == 0 {
                return Err(Error::shape(op.name(), &[&shape], "an axis of classes"));
            }
            shape.remove(shape.rank() - 1);
            spec(inputs[0].dtype(), shape)
        }
        Op::SoftmaxGrad(axis) => {
            count(2)?;
            has_axis(op.name(), inputs[0], *axis)?;
            same_shape(op.name(), inputs)?;
            float(op.name(), inputs[0])?;
            spec(inputs[0].dtype(), inputs[0].shape().clone())
        }
        Op::SoftmaxCrossEntropyGrad => {
            count(3)?;
            same_dtype(op.name(), inputs)?;
            let rows = infer(&Op::SoftmaxCrossEntropy, &inputs[..2])?;
            if inputs[2].shape() != &rows[0].shape {
                return Err(Error::shape(
                    op.name(),
                    &[inputs[0].shape(), inputs[2].shape()],
                    "a gradient for each row of logits",
                ));
            }
            spec(inputs[0].dtype(), inputs[0].shape().clone())
        }
        Op::Normalize(n) => {
            count(inputs.len().clamp(3, 4))?;
            same_dtype(op.name(), inputs)?;
            float(op.name(), inputs[0])?;
            n.infer(inputs)?
        }
        Op::NormalizeGrad(n) => {
            count(if n.activation == Fused::Linear { 5 } else { 6 })?;
            same_dtype(op.name(), inputs)?;
            float(op.name(), inputs[0])?;
            n.infer_gradient(inputs)?
        }
        Op::ScaleShift(axis) => {
            count(3)?;
            same_dtype(op.name(), inputs)?;
            float(op.name(), inputs[0])?;
            has_axis(op.name(), inputs[0], *axis)?;
            let features = [inputs[0].shape()[*axis]];
            if inputs[1..].iter().any(|t| t.shape()[..] != features) {
                return Err(Error::shape(
                    op.name(),
                    &[inputs[0].shape(), inputs[1].shape(), inputs[2].shape()],
                    format!("a scale and a shift for each of {} features", features[0]),
                ));
            }
            spec(inputs[0].dtype(), inputs[0].shape().clone())
        }
        Op::MatMul(m) => {
            count(2)?;
            same_dtype("matmul", inputs)?;
            number("matmul", inputs[0])?;
            let (a, b) = (inputs[0].shape(), inputs[1].shape());
            if a.rank() < 2 || b.rank() < 2 {
                return Err(Error::shape("matmul", &[a, b], "at least two axes each"));
            }
            let (ra, rb) = (a.rank(), b.rank());
            let (m_, ka) = transposed(a[ra - 2], a[ra - 1], m.transpose_a);
            let (kb, n) = transposed(b[rb - 2], b[rb - 1], m.transpose_b);
            if ka != kb {
                return Err(Error::shape(
                    "matmul",
                    &[a, b],
                    format!("the inner axes must be equal, and are {ka} and {kb}"),
                ));
            }
            let mut shape =
                Shape::from(&a[..ra - 2]).broadcast(&Shape::from(&b[..rb - 2]), "matmul")?;
            shape.push(m_);
            shape.push(n);
            spec(inputs[0].dtype(), shape)
        }
        Op::Dense(_) => {
            if inputs.len() != 2 {
                count(3)?;
            }
            same_dtype("dense", inputs)?;
            float("dense", inputs[0])?;
            let (x, kernel) = (inputs[0].shape(), inputs[1].shape());
            let fits = x.rank() >= 1
                && kernel.rank() == 2
                && x[x.rank() - 1] == kernel[0]
                && inputs.get(2).is_none_or(|b| b.shape() == &[kernel[1]]);
            if !fits {
                let shapes: Vec<&[usize]> = inputs.iter().map(|t| &t.shape()[..]).collect();
                return Err(Error::shape(
                    "dense",
                    &shapes,
                    "inputs [.., in], a kernel [in, out] and a bias [out]",
                ));
            }
            let mut shape = x.clone();
            let last = shape.rank() - 1;
            shape[last] = kernel[1];
            spec(inputs[0].dtype(), shape)
        }
        Op::Update(u) => {
            count(2 + u.states())?;
            update(op.name(), inputs, 1)?
        }
        Op::Recurrent(r) => {
            count(r.inputs())?;
            float(op.name(), inputs[0])?;
            r.infer(inputs)?
        }
        Op::RecurrentGrad(r) => {
            count(r.inputs())?;
            float(op.name(), inputs[0])?;
            r.infer(inputs)?
        }
        Op::Attention(a) => {
            count(a.inputs())?;
            float(op.name(), inputs[0])?;
            a.infer(inputs)?
        }
        Op::AttentionGrad(a) => {
            count(a.inputs() + 2)?;
            float(op.name(), inputs[0])?;
            a.infer_gradient(inputs)?
        }
        Op::Custom(custom) => custom.infer(inputs)?,
    })
}

/// An update gives back the weight and every state variable, but not the gradient.
fn update(op: &str, inputs: &[&Tensor], gradient: usize) -> Result<Specs> {
    same_shape(op, inputs)?;
    float(op, inputs[0])?;
    Ok(inputs
        .iter()
        .enumerate()
        .filter(|(i, _)| *i != gradient)
        .map(|(_, t)| Spec {
            dtype: t.dtype(),
            shape: t.shape().clone(),
        })
        .collect())
}

fn concat(axis: usize, inputs: &[&Tensor]) -> Result<Specs> {
    let Some(first) = inputs.first() else {
        return Err(Error::argument("concatenate", "no tensors", "at least one"));
    };
    same_dtype("concatenate", inputs)?;
    has_axis("concatenate", first, axis)?;
    let mut shape = first.shape().clone();
    shape[axis] = 0;
    for t in inputs {
        let fits = t.rank() == shape.rank()
            && (0..shape.rank()).all(|i| i == axis || t.shape()[i] == shape[i]);
        if !fits {
            return Err(Error::shape(
                "concatenate",
                &[first.shape(), t.shape()],
                format!("shapes that are equal but for axis {axis}"),
            ));
        }
        shape[axis] += t.shape()[axis];
    }
    Ok(spec(first.dtype(), shape))
}

fn transposed(a: usize, b: usize, swap: bool) -> (usize, usize) {
    if swap { (b, a) } else { (a, b) }
}

fn integers(op: &str, t: &Tensor) -> Result<()> {
    if t.dtype().is_float() || t.dtype() == DType::Bool {
        return Err(Error::dtype(op, t.dtype(), "integers; cast it first"));
    }
    Ok(())
}

fn is_seed(op: &str, t: &Tensor) -> Result<()> {
    if t.dtype() != DType::U32 {
        return Err(Error::dtype(op, t.dtype(), "a seed of dtype uint32"));
    }
    if t.shape() != &[2] {
        return Err(Error::shape(op, &[t.shape()], "a seed of shape (2,)"));
    }
    Ok(())
}

/// Sums of bools are no bools.
fn number(op: &str, t: &Tensor) -> Result<()> {
    if t.dtype() == DType::Bool {
        return Err(Error::dtype(op, t.dtype(), "numbers; cast it first"));
    }
    Ok(())
}

fn float(op: &str, t: &Tensor) -> Result<()> {
    if !t.dtype().is_float() {
        return Err(Error::dtype(op, t.dtype(), "a float type; cast it first"));
    }
    Ok(())
}

fn has_axis(op: &str, t: &Tensor, axis: usize) -> Result<()> {
    if axis >= t.rank() {
        return Err(Error::shape(op, &[t.shape()], format!("an axis {axis}")));
    }
    Ok(())
}

fn same_dtype(op: &str, inputs: &[&Tensor]) -> Result<()> {
    match inputs.iter().find(|t| t.dtype() != inputs[0].dtype()) {
        Some(other) => Err(Error::dtype(
            op,
            other.dtype(),
            format!("{} as the first input; cast it first", inputs[0].dtype()),
        )),
        None => Ok(()),
    }
}

fn same_shape(op: &str, inputs: &[&Tensor]) -> Result<()> {
    same_dtype(op, inputs)?;
    match inputs.iter().find(|t| t.shape() != inputs[0].shape()) {
        Some(other) => Err(Error::shape(
            op,
            &[inputs[0].shape(), other.shape()],
            "equal shapes",
        )),
        None => Ok(()),
    }
}
