//! Rules of folds.

use keras_tensor::op::{CumSum, Fold, Reduce};
use keras_tensor::{Op, Result, Tensor, apply_one, ops};

use super::{Given, Grads, Needs, none, one};

pub(super) fn needs(r: &Reduce, nothing: Needs, both: Needs, input: Needs) -> Needs {
    match r.fold {
        Fold::Sum | Fold::Mean | Fold::All | Fold::Any => nothing,
        Fold::Max | Fold::Min => both,
        Fold::Prod => input,
    }
}

/// A folded value with its folded axes back, of size 1.
fn unfolded(t: &Tensor, r: &Reduce, input: &Tensor) -> Result<Tensor> {
    let mut shape = input.shape().clone();
    for &axis in &r.axes {
        shape[axis] = 1;
    }
    ops::reshape_to(t, shape)
}

pub(super) fn reduce(r: &Reduce, given: &Given) -> Result<Grads> {
    let (x, y) = (&given.inputs[0], &given.outputs[0]);
    let g = unfolded(given.gradient, r, x)?;
    let spread = |t: &Tensor| ops::broadcast_to(t, x.shape().clone());
    one(match r.fold {
        Fold::Sum => spread(&g)?,
        Fold::Mean => {
            let count: usize = r.axes.iter().map(|&a| x.shape()[a]).product();
            spread(&ops::divide(&g, count as f64)?)?
        }
        Fold::Max | Fold::Min => {
            // Equal extremes share the gradient evenly, as in TensorFlow.
            let extreme = ops::cast(ops::equal(x, unfolded(y, r, x)?)?, x.dtype())?;
            let count = ops::reduce(&extreme, Fold::Sum, r.axes.clone(), true)?;
            ops::multiply(ops::divide(&extreme, count)?, g)?
        }
        Fold::Prod => ops::multiply(product_of_others(x, r)?, g)?,
        Fold::All | Fold::Any => return Ok(none(1)),
    })
}

/// For each element the product of all others in its fold; with zeros among them, without dividing by them.
fn product_of_others(x: &Tensor, r: &Reduce) -> Result<Tensor> {
    let zero = ops::equal(x, 0.0)?;
    let nothing = ops::zeros_like(x)?;
    let safe = ops::where_(&zero, ops::ones_like(x)?, x)?;
    let product = ops::reduce(&safe, Fold::Prod, r.axes.clone(), true)?;
    let zeros = ops::cast(&zero, x.dtype())?;
    let zeros = ops::reduce(&zeros, Fold::Sum, r.axes.clone(), true)?;
    let others = ops::divide(&product, &safe)?;
    // An element that is not zero has other factors only where none is zero; a zero, where it is the only one.
    let beside_none = ops::where_(ops::equal(&zeros, 0.0)?, &others, &nothing)?;
    let the_only = ops::where_(ops::equal(&zeros, 1.0)?, &others, &nothing)?;
    ops::where_(&zero, the_only, beside_none)
}

pub(super) fn cumsum(c: &CumSum, given: &Given) -> Result<Grads> {
    let back = Op::CumSum(CumSum {
        axis: c.axis,
        reverse: !c.reverse,
    });
    one(apply_one(back, &[given.gradient])?)
}
