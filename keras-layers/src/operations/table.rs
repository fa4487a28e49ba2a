use keras_tensor::{Error, Result, Tensor, ops, registry};
use serde_json::Value;

use super::given::Given;
use super::{Entry, Run};
use crate::activations as act;

const fn one(
    module: &'static str,
    class_name: &'static str,
    run: fn(&Given) -> Result<Tensor>,
) -> Entry {
    Entry {
        class_name,
        module,
        run: Run::One(run),
    }
}

const fn many(
    module: &'static str,
    class_name: &'static str,
    run: fn(&Given) -> Result<Vec<Tensor>>,
) -> Entry {
    Entry {
        class_name,
        module,
        run: Run::Many(run),
    }
}

/// Every operation that a graph can hold.
static TABLE: &[Entry] = &[
    // Arithmetic
    one("numpy", "Add", |g| ops::add(g.x(0)?, g.x(1)?)),
    one("numpy", "Subtract", |g| ops::subtract(g.x(0)?, g.x(1)?)),
    one("numpy", "Multiply", |g| ops::multiply(g.x(0)?, g.x(1)?)),
    one("numpy", "Divide", |g| ops::divide(g.x(0)?, g.x(1)?)),
    one("numpy", "TrueDivide", |g| ops::divide(g.x(0)?, g.x(1)?)),
    one("numpy", "DivideNoNan", |g| {
        ops::divide_no_nan(g.x(0)?, g.x(1)?)
    }),
    one("numpy", "FloorDivide", |g| {
        ops::floor_divide(g.x(0)?, g.x(1)?)
    }),
    one("numpy", "Mod", |g| ops::modulo(g.x(0)?, g.x(1)?)),
    one("numpy", "Power", |g| ops::power(g.x(0)?, g.x(1)?)),
    one("numpy", "Maximum", |g| ops::maximum(g.x(0)?, g.x(1)?)),
    one("numpy", "Minimum", |g| ops::minimum(g.x(0)?, g.x(1)?)),
    one("numpy", "Negative", |g| ops::negative(g.x(0)?)),
    // Comparisons
    one("numpy", "Equal", |g| ops::equal(g.x(0)?, g.x(1)?)),
    one("numpy", "NotEqual", |g| ops::not_equal(g.x(0)?, g.x(1)?)),
    one("numpy", "Greater", |g| ops::greater(g.x(0)?, g.x(1)?)),
    one("numpy", "GreaterEqual", |g| {
        ops::greater_equal(g.x(0)?, g.x(1)?)
    }),
    one("numpy", "Less", |g| ops::less(g.x(0)?, g.x(1)?)),
    one("numpy", "LessEqual", |g| ops::less_equal(g.x(0)?, g.x(1)?)),
    one("numpy", "LogicalAnd", |g| {
        ops::logical_and(g.x(0)?, g.x(1)?)
    }),
    one("numpy", "LogicalOr", |g| ops::logical_or(g.x(0)?, g.x(1)?)),
    one("numpy", "LogicalXor", |g| {
        ops::logical_xor(g.x(0)?, g.x(1)?)
    }),
    one("numpy", "LogicalNot", |g| ops::logical_not(g.x(0)?)),
    one("numpy", "Isnan", |g| ops::isnan(g.x(0)?)),
    one("numpy", "Isfinite", |g| ops::isfinite(g.x(0)?)),
    one("numpy", "Where", |g| ops::where_(g.x(0)?, g.x(1)?, g.x(2)?)),
    // Functions of elements
    one("numpy", "Absolute", |g| ops::abs(g.x(0)?)),
    one("numpy", "Abs", |g| ops::abs(g.x(0)?)),
    one("numpy", "Sign", |g| ops::sign(g.x(0)?)),
    one("numpy", "Square", |g| ops::square(g.x(0)?)),
    one("numpy", "Sqrt", |g| ops::sqrt(g.x(0)?)),
    one("math", "Rsqrt", |g| ops::rsqrt(g.x(0)?)),
    one("numpy", "Reciprocal", |g| ops::reciprocal(g.x(0)?)),
    one("numpy", "Exp", |g| ops::exp(g.x(0)?)),
    one("numpy", "Expm1", |g| ops::expm1(g.x(0)?)),
    one("numpy", "Log", |g| ops::log(g.x(0)?)),
    one("numpy", "Log1p", |g| ops::log1p(g.x(0)?)),
    one("numpy", "Sin", |g| ops::sin(g.x(0)?)),
    one("numpy", "Cos", |g| ops::cos(g.x(0)?)),
    one("numpy", "Tan", |g| ops::tan(g.x(0)?)),
    one("numpy", "Arcsin", |g| ops::arcsin(g.x(0)?)),
    one("numpy", "Arccos", |g| ops::arccos(g.x(0)?)),
    one("numpy", "Arctan", |g| ops::arctan(g.x(0)?)),
    one("numpy", "Sinh", |g| ops::sinh(g.x(0)?)),
    one("numpy", "Cosh", |g| ops::cosh(g.x(0)?)),
    one("numpy", "Tanh", |g| ops::tanh(g.x(0)?)),
    one("math", "Erf", |g| ops::erf(g.x(0)?)),
    one("numpy", "Floor", |g| ops::floor(g.x(0)?)),
    one("numpy", "Ceil", |g| ops::ceil(g.x(0)?)),
    one("numpy", "Clip", |g| {
        ops::clip(g.x(0)?, g.number("x_min")?, g.number("x_max")?)
    }),
    // Activations
    one("nn", "Relu", |g| ops::relu(g.x(0)?)),
    one("nn", "Relu6", |g| act::relu6(&g.tensor(0)?)),
    one("nn", "Sigmoid", |g| ops::sigmoid(g.x(0)?)),
    one("nn", "Softplus", |g| ops::softplus(g.x(0)?)),
    one("nn", "Softsign", |g| act::softsign(&g.tensor(0)?)),
    one("nn", "Silu", |g| act::silu(&g.tensor(0)?)),
    one("nn", "Selu", |g| act::selu(&g.tensor(0)?)),
    one("nn", "Elu", |g| act::elu(&g.tensor(0)?, g.number("alpha")?)),
    one("nn", "LeakyRelu", |g| {
        act::leaky_relu(&g.tensor(0)?, g.number("negative_slope")?)
    }),
    one("nn", "Gelu", |g| {
        act::gelu(&g.tensor(0)?, g.flag("approximate"))
    }),
    one("nn", "HardSigmoid", |g| act::hard_sigmoid(&g.tensor(0)?)),
    one("nn", "HardSilu", |g| act::hard_silu(&g.tensor(0)?)),
    one("nn", "Softmax", |g| ops::softmax(g.x(0)?, g.axis("axis")?)),
    one("nn", "LogSoftmax", |g| {
        ops::log_softmax(g.x(0)?, g.axis("axis")?)
    }),
    // Folds
    one("numpy", "Sum", |g| g.fold(|x, axes| ops::sum(x, axes))),
    one("numpy", "Mean", |g| g.fold(|x, axes| ops::mean(x, axes))),
    one("numpy", "Max", |g| g.fold(|x, axes| ops::max(x, axes))),
    one("numpy", "Amax", |g| g.fold(|x, axes| ops::max(x, axes))),
    one("numpy", "Min", |g| g.fold(|x, axes| ops::min(x, axes))),
    one("numpy", "Amin", |g| g.fold(|x, axes| ops::min(x, axes))),
    one("numpy", "Prod", |g| g.fold(|x, axes| ops::prod(x, axes))),
    one("numpy", "Var", |g| g.fold(|x, axes| ops::var(x, axes))),
    one("numpy", "Std", |g| g.fold(|x, axes| ops::std(x, axes))),
    one("numpy", "Any", |g| g.fold(|x, axes| ops::any(x, axes))),
    one("numpy", "All", |g| g.fold(|x, axes| ops::all(x, axes))),
    one("math", "Logsumexp", |g| {
        g.fold(|x, axes| ops::logsumexp(x, axes, false))
    }),
    one("numpy", "Argmax", |g| ops::argmax(g.x(0)?, g.axis("axis")?)),
    one("numpy", "Argmin", |g| ops::argmin(g.x(0)?, g.axis("axis")?)),
    one("numpy", "Cumsum", |g| ops::cumsum(g.x(0)?, g.axis("axis")?)),
    // Products
    one("numpy", "Matmul", |g| ops::matmul(g.x(0)?, g.x(1)?)),
    one("numpy", "Einsum", |g| {
        let (all, equation) = (g.tensors(), g.text("subscripts")?);
        let operands: Vec<&dyn ops::Operand> = all.iter().map(|t| t as _).collect();
        ops::einsum(equation, &operands)
    }),
    // Shapes
    one("numpy", "Reshape", |g| {
        ops::reshape(g.x(0)?, &g.axes("newshape")?)
    }),
    one("numpy", "Transpose", transpose),
    one("numpy", "ExpandDims", |g| {
        let mut x = g.tensor(0)?;
        for axis in g.axes("axis")? {
            x = ops::expand_dims(&x, axis)?;
        }
        Ok(x)
    }),
    one("numpy", "Squeeze", squeeze),
    one("numpy", "Concatenate", |g| {
        ops::concatenate(&g.tensors(), g.axis("axis")?)
    }),
    one("numpy", "Stack", |g| {
        ops::stack(&g.tensors(), g.axis("axis")?)
    }),
    one("numpy", "GetItem", get_item),
    one("numpy", "Take", |g| {
        ops::take(g.x(0)?, g.x(1)?, g.axis("axis")?)
    }),
    many("numpy", "Split", split),
    many("core", "Unstack", unstack),
    // Others
    one("core", "Cast", |g| ops::cast(g.x(0)?, g.dtype()?)),
    one("core", "StopGradient", |g| ops::stop_gradient(g.x(0)?)),
    one("numpy", "ZerosLike", |g| ops::zeros_like(g.x(0)?)),
    one("numpy", "OnesLike", |g| ops::ones_like(g.x(0)?)),
    one("nn", "OneHot", |g| {
        let classes = g.axis("num_classes")?.unsigned_abs();
        let dtype = g.dtype().unwrap_or_default();
        ops::one_hot(g.x(0)?, classes, dtype)
    }),
    one("nn", "Normalize", |g| {
        let epsilon = g.number("epsilon").unwrap_or(1e-12);
        ops::normalize(g.x(0)?, &g.axes("axis")?[..], epsilon)
    }),
];

/// The operation of a class.
pub(super) fn entry(class_name: &str) -> Result<&'static Entry> {
    let known = || TABLE.iter().map(|e| e.class_name);
    TABLE
        .iter()
        .find(|e| e.class_name == class_name)
        .ok_or_else(|| registry::unknown("operation", class_name, known()))
}

fn transpose(g: &Given) -> Result<Tensor> {
    let x = g.tensor(0)?;
    if g.get("axes").is_null() {
        return ops::transpose(&x, None);
    }
    let rank = x.rank() as isize;
    let axes = g.axes("axes")?.into_iter();
    let axes: Vec<usize> = axes.map(|a| a.rem_euclid(rank.max(1)) as usize).collect();
    ops::transpose(&x, Some(&axes))
}

fn squeeze(g: &Given) -> Result<Tensor> {
    let mut x = g.tensor(0)?;
    let rank = x.rank() as isize;
    let mut axes: Vec<isize> = if g.get("axis").is_null() {
        (0..rank).filter(|&a| x.shape()[a as usize] == 1).collect()
    } else {
        let axes = g.axes("axis")?;
        axes.into_iter()
            .map(|a| if a < 0 { a + rank } else { a })
            .collect()
    };
    // From the last, so that the places of the others stay.
    axes.sort_unstable();
    for axis in axes.into_iter().rev() {
        x = ops::squeeze(&x, axis)?;
    }
    Ok(x)
}

fn split(g: &Given) -> Result<Vec<Tensor>> {
    let x = g.tensor(0)?;
    let axis = g.axis("axis")?;
    let at = if axis < 0 {
        axis + x.rank() as isize
    } else {
        axis
    };
    let size = usize::try_from(at)
        .ok()
        .and_then(|a| x.shape().get(a).copied());
    let misfit =
        |wanted: &str| Error::shape("split", &[x.shape()], format!("axis {axis}, {wanted}"));
    let size = size.ok_or_else(|| misfit("which it does not have"))?;
    let places = g.axes("indices_or_sections")?;
    let ends: Vec<usize> = match g.get("indices_or_sections") {
        Value::Array(_) => {
            let inner = places.iter().map(|&p| (p.max(0) as usize).min(size));
            inner.chain([size]).collect()
        }
        _ => {
            let parts = places[0].max(1) as usize;
            if size % parts != 0 {
                return Err(misfit(&format!("whose size {parts} divides")));
            }
            (1..=parts).map(|i| i * (size / parts)).collect()
        }
    };
    let mut begin = 0;
    ends.into_iter()
        .map(|end| {
            let part = ops::slice_axis(&x, axis, begin, end.saturating_sub(begin));
            begin = end;
            part
        })
        .collect()
}

fn unstack(g: &Given) -> Result<Vec<Tensor>> {
    let x = g.tensor(0)?;
    let axis = g.axis("axis")?;
    let at = if axis < 0 {
        axis + x.rank() as isize
    } else {
        axis
    } as usize;
    let parts = x.shape().get(at).copied().unwrap_or(0);
    (0..parts)
        .map(|i| ops::squeeze(ops::slice_axis(&x, axis, i, 1)?, axis))
        .collect()
}

/// `x[1, :, 2:5, ..., None]`, with indices, slices, `...` and new axes.
fn get_item(g: &Given) -> Result<Tensor> {
    let mut x = g.tensor(0)?;
    let key = g.value(1);
    let single = std::slice::from_ref(key);
    let keys = key.as_array().map_or(single, Vec::as_slice);
    let wrong = |key: &Value| {
        let wanted = "an index, a slice of step 1, an ellipsis or a new axis";
        Error::argument("GetItem.key", key, wanted)
    };
    let is_ellipsis = |key: &Value| key["class_name"] == "__ellipsis__";
    let taken = keys
        .iter()
        .filter(|k| !k.is_null() && !is_ellipsis(k))
        .count();
    let mut axis = 0;
    for key in keys {
        if is_ellipsis(key) {
            axis += (x.rank() as isize - axis) - remaining(keys, key);
        } else if key.is_null() {
            x = ops::expand_dims(&x, axis)?;
            axis += 1;
        } else if let Some(index) = key.as_i64() {
            let size = size_of(&x, axis, taken)? as i64;
            let at = if index < 0 { index + size } else { index };
            let at = usize::try_from(at).ok().filter(|&a| a < size as usize);
            let at = at.ok_or_else(|| wrong(key))?;
            x = ops::squeeze(ops::slice_axis(&x, axis, at, 1)?, axis)?;
        } else if key["class_name"] == "__slice__" {
            let part = &key["config"];
            if !(part["step"].is_null() || part["step"] == 1) {
                return Err(wrong(key));
            }
            let size = size_of(&x, axis, taken)? as i64;
            let place = |v: &Value, default: i64| {
                let v = v.as_i64().unwrap_or(default);
                (if v < 0 { v + size } else { v }).clamp(0, size) as usize
            };
            let (begin, end) = (place(&part["start"], 0), place(&part["stop"], size));
            // Whole axes stay as they are, so that nothing is copied.
            if (begin, end) != (0, size as usize) {
                x = ops::slice_axis(&x, axis, begin, end.saturating_sub(begin))?;
            }
            axis += 1;
        } else {
            return Err(wrong(key));
        }
    }
    Ok(x)
}

/// How many axes the keys after the ellipsis take.
fn remaining(keys: &[Value], ellipsis: &Value) -> isize {
    let after = keys
        .iter()
        .skip_while(|k| !std::ptr::eq(*k, ellipsis))
        .skip(1);
    after.filter(|k| !k.is_null()).count() as isize
}

fn size_of(x: &Tensor, axis: isize, taken: usize) -> Result<usize> {
    let size = x.shape().get(axis as usize).copied();
    size.ok_or_else(|| {
        let wanted = format!("at least the {taken} axes that the key takes");
        Error::shape("GetItem", &[x.shape()], wanted)
    })
}
