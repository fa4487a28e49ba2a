//! Updates of variables, for [`UpdateRule`](crate::UpdateRule)s.
//!
//! They write over the memory of a variable where nobody else holds its value.

use keras_tensor::{Op, Result, SmallVec, Tensor, Variable, apply_owned, op, ops};
use std::iter::once;

/// Runs a fused update, [`Op::Update`], on a weight and its state.
///
/// # Errors
/// Values that do not fit the op; then nothing has changed.
pub fn fused(
    update: op::Update,
    weight: &Variable,
    gradient: Tensor,
    state: &[Variable],
) -> Result<()> {
    let op = Op::Update(update);
    // A value that was taken out must come back, so whatever can fail is done before: lazy values are made, and
    // inference checks shapes and dtypes.
    {
        let mut before: SmallVec<[Tensor; 4]> = SmallVec::new();
        before.push(weight.value()?);
        before.push(gradient.clone());
        for v in state {
            before.push(v.value()?);
        }
        let refs: SmallVec<[&Tensor; 4]> = before.iter().collect();
        op::infer(&op, &refs)?;
    }
    let mut inputs: SmallVec<[Tensor; 4]> = SmallVec::new();
    inputs.push(weight.take()?);
    inputs.push(gradient);
    for v in state {
        inputs.push(v.take()?);
    }
    let outputs = apply_owned(op, inputs)?;
    once(weight)
        .chain(state)
        .zip(outputs)
        .try_for_each(|(variable, value)| variable.put(value))
}

/// `variable -= factor * amount`
///
/// # Errors
/// An amount of another shape or dtype.
pub fn subtract(variable: &Variable, amount: Tensor, factor: f64) -> Result<()> {
    let descent = op::Update::Sgd(op::Sgd {
        learning_rate: factor,
        momentum: 0.0,
        nesterov: false,
    });
    fused(descent, variable, amount, &[])
}

/// `average = kept * average + (1 - kept) * value`, given back.
///
/// # Errors
/// A value of another shape or dtype.
pub fn blend(average: &Variable, kept: f64, value: &Tensor) -> Result<Tensor> {
    let old = ops::multiply(average, kept)?;
    let new = ops::add(old, ops::multiply(value, 1.0 - kept)?)?;
    average.assign(&new)?;
    Ok(new)
}

/// `average += (value - average) * share`, given back.
///
/// # Errors
/// A value of another shape or dtype.
pub fn approach(average: &Variable, value: &Tensor, share: f64) -> Result<Tensor> {
    let ahead = ops::subtract(average, value)?;
    subtract(average, ahead, share)?;
    average.value()
}
