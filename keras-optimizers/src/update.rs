//! Updates of variables, for [`UpdateRule`](crate::UpdateRule)s.
//!
//! They write over the memory of a variable where nobody else holds its value.

use keras_tensor::{Op, Result, SmallVec, Tensor, Variable, apply_owned, op, ops};

/// A weight, its gradient and its state.
pub type Due<'a> = (&'a Variable, Tensor, &'a [Variable]);

/// Runs a fused update, [`Op::Update`], on weights of one dtype and their states, all in one pass.
///
/// # Errors
/// Values that do not fit the op; then nothing has changed.
pub fn fused<'a>(update: op::Update, due: impl IntoIterator<Item = Due<'a>>) -> Result<()> {
    let op = Op::Update(update);
    // A value that was taken out must come back, so whatever can fail is done before: lazy values are made, and
    // inference checks shapes and dtypes.
    let mut inputs: SmallVec<[Tensor; 4]> = SmallVec::new();
    let mut variables: SmallVec<[Option<&Variable>; 4]> = SmallVec::new();
    for (weight, gradient, state) in due {
        inputs.push(weight.value()?);
        inputs.push(gradient);
        variables.extend([Some(weight), None]);
        for v in state {
            inputs.push(v.value()?);
            variables.push(Some(v));
        }
    }
    op::infer(&op, &inputs.iter().collect::<SmallVec<[&Tensor; 4]>>())?;
    for (input, variable) in inputs.iter_mut().zip(&variables) {
        if let Some(variable) = variable {
            *input = variable.take()?;
        }
    }
    let outputs = apply_owned(op, inputs)?;
    let mut written = variables.into_iter().flatten().zip(outputs);
    written.try_for_each(|(variable, value)| variable.put(value))
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
    fused(descent, [(variable, amount, &[][..])])
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
