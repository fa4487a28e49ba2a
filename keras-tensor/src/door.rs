//! The only way from tensors to tensors.

use smallvec::SmallVec;

use crate::kernels::{self, Inputs};
use crate::op::{Op, Outputs, infer};
use crate::{Result, Tensor, observe, profile};

/// Carries out an op: checks shapes, computes (or, for meta tensors, does not), and tells this thread's observers.
///
/// # Errors
/// Inputs that the op cannot take, or no memory.
pub fn apply(op: Op, inputs: &[&Tensor]) -> Result<Outputs> {
    let outputs = compute(&op, Inputs::Borrowed(inputs))?;
    if observe::anybody() {
        observe::tell(&op, inputs, &outputs);
    }
    Ok(outputs)
}

/// The same door for inputs that the caller gives up: a kernel may write into memory that nobody else holds.
///
/// # Errors
/// Inputs that the op cannot take, or no memory; the inputs are lost then.
pub fn apply_owned(op: Op, inputs: SmallVec<[Tensor; 4]>) -> Result<Outputs> {
    if observe::anybody() {
        let inputs: SmallVec<[&Tensor; 4]> = inputs.iter().collect();
        return apply(op, &inputs);
    }
    compute(&op, Inputs::Owned(inputs))
}

/// [`apply`] for ops with one result.
pub fn apply_one(op: Op, inputs: &[&Tensor]) -> Result<Tensor> {
    let mut outputs = apply(op, inputs)?;
    Ok(outputs.pop().expect("the op has one result"))
}

fn compute(op: &Op, inputs: Inputs) -> Result<Outputs> {
    if profile::is_on() {
        let metas: SmallVec<[Tensor; 4]> = inputs.as_refs().iter().map(|t| t.to_meta()).collect();
        return profile::timed(op, &metas, || carry_out(op, inputs));
    }
    carry_out(op, inputs)
}

fn carry_out(op: &Op, inputs: Inputs) -> Result<Outputs> {
    let borrowed = inputs.as_refs();
    let specs = infer(op, &borrowed)?;
    let symbolic = borrowed.iter().any(|t| !t.has_data())
        || (matches!(op, Op::Fill(_) | Op::Arange(_)) && observe::is_meta_scope());
    // Steps of optimizers take rows for a whole gradient.
    if !symbolic && !matches!(op, Op::Update(_)) {
        borrowed.iter().try_for_each(|t| t.make_whole())?;
    }
    drop(borrowed);
    if symbolic {
        return Ok(specs
            .into_iter()
            .map(|s| Tensor::meta(s.shape, s.dtype))
            .collect());
    }
    kernels::run(op, inputs, specs)
}
