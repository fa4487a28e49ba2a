//! Rules of folds.

use keras_tensor::op::{Axes, CumSum, Fold, Reduce};
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

/// For each element the product of all others in its fold, without dividing, so that zeros do no harm.
fn product_of_others(x: &Tensor, r: &Reduce) -> Result<Tensor> {
    let kept = (0..x.rank()).filter(|a| !r.axes.contains(a));
    let order: Axes = kept.chain(r.axes.iter().copied()).collect();
    let mut back = order.clone();
    for (to, &from) in order.iter().enumerate() {
        back[from] = to;
    }
    let moved = ops::transpose(x, Some(&order))?;
    let count: usize = r.axes.iter().map(|&a| x.shape()[a]).product();
    let rows = x.size().checked_div(count).unwrap_or(0);
    let folds = ops::reshape_to(&moved, [rows, count].into())?;
    let others = ops::multiply(products(&folds, false)?, products(&folds, true)?)?;
    ops::transpose(ops::reshape_to(others, moved.shape().clone())?, Some(&back))
}

/// For each element of `[rows, count]` the product of those before it, or after it. Factors double with every step.
fn products(x: &Tensor, after: bool) -> Result<Tensor> {
    let (rows, count) = (x.shape()[0], x.shape()[1]);
    let moved = |x: &Tensor, by: usize| {
        let (width, begin) = if after { ((0, by), by) } else { ((by, 0), 0) };
        let padded = ops::pad(x, &[(0, 0), width], 1.0)?;
        ops::slice(padded, &[0, begin], &[rows, count])
    };
    let mut result = moved(x, 1)?;
    let mut by = 1;
    while by < count {
        result = ops::multiply(&result, moved(&result, by)?)?;
        by *= 2;
    }
    Ok(result)
}

pub(super) fn cumsum(c: &CumSum, given: &Given) -> Result<Grads> {
    let back = Op::CumSum(CumSum {
        axis: c.axis,
        reverse: !c.reverse,
    });
    one(apply_one(back, &[given.gradient])?)
}
