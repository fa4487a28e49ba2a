//! What layers that merge tensors share.

use keras_tensor::op::{Axes, Fold};
use keras_tensor::{Error, Outputs, Result, Shape, Tensor, ops};

use crate::layer::only_output;
use crate::{Arguments, Dims};

/// Checks that the tensors of a list broadcast element by element, and have one size of batch.
pub(super) fn check(layer: &str, inputs: &Arguments<Dims>) -> Result<()> {
    inputs.first()?;
    let all = inputs.inputs();
    if differ(all.iter().filter_map(|d| *d.first()?)) {
        return Err(misfit(layer, all, "batches of equal size"));
    }
    let rank = all.iter().map(|d| d.len()).max().unwrap_or(0);
    for from_end in 1..rank {
        // The batch is compared above.
        let longer = all.iter().filter(|d| d.len() > from_end);
        if differ(longer.filter_map(|d| d[d.len() - from_end].filter(|&n| n != 1))) {
            return Err(misfit(layer, all, "axes of equal size, or of size 1"));
        }
    }
    Ok(())
}

/// Whether sizes are not all equal.
fn differ(mut sizes: impl Iterator<Item = usize>) -> bool {
    let first = sizes.next();
    sizes.any(|n| Some(n) != first)
}

/// The error for shapes that cannot be merged; it names them all.
pub(super) fn misfit(layer: &str, inputs: &[Dims], wanted: &str) -> Error {
    let shapes: Vec<String> = inputs.iter().map(ToString::to_string).collect();
    Error::argument(format!("inputs of {layer}"), shapes.join(" and "), wanted)
}

/// Merges a list of tensors, those of lower rank with new axes after the batch; the output is masked where all are.
pub(super) fn merge(
    inputs: &Arguments<Tensor>,
    how: &dyn Fn(&[Tensor]) -> Result<Tensor>,
) -> Result<Outputs> {
    inputs.first()?;
    let all = inputs.inputs();
    let rank = all.iter().map(Tensor::rank).max().unwrap_or(0);
    let aligned = all
        .iter()
        .map(|x| with_rank(x, rank))
        .collect::<Result<Vec<_>>>()?;
    only_output(how(&aligned)?, union_of_masks(all))
}

/// Folds a list that is not empty from the left.
pub(super) fn fold(
    all: &[Tensor],
    f: &dyn Fn(&Tensor, &Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let (first, rest) = all
        .split_first()
        .ok_or_else(|| Error::argument("inputs", "no tensors", "at least one"))?;
    rest.iter().try_fold(first.clone(), |y, x| f(&y, x))
}

/// Where any tensor is not masked, if all have masks.
pub(super) fn union_of_masks(all: &[Tensor]) -> Result<Option<Tensor>> {
    let masks: Option<Vec<Tensor>> = all.iter().map(|x| x.mask().cloned()).collect();
    match masks {
        Some(masks) if masks.windows(2).all(|m| m[0].shape() == m[1].shape()) => {
            fold(&masks, &|a, b| ops::logical_or(a, b)).map(Some)
        }
        _ => Ok(None),
    }
}

/// A mask of leading axes with as many axes as `x` has.
pub(super) fn beside(mask: &Tensor, x: &Tensor) -> Result<Tensor> {
    let mut shape = mask.shape().clone();
    while shape.rank() < x.rank() {
        shape.push(1);
    }
    ops::reshape_to(mask, shape)
}

/// Whether any element of the last axis is not masked.
pub(super) fn any_of_last(mask: &Tensor) -> Result<Tensor> {
    let last: Axes = [mask.rank().saturating_sub(1)].into_iter().collect();
    ops::reduce(mask, Fold::Any, last, false)
}

/// `x` with axes of size 1 after the batch, up to `rank`; those lose their mask.
fn with_rank(x: &Tensor, rank: usize) -> Result<Tensor> {
    if x.rank() == rank {
        return Ok(x.clone());
    }
    let mut shape: Shape = x.shape().clone();
    while shape.rank() < rank {
        shape.insert(shape.rank().min(1), 1);
    }
    Ok(ops::reshape_to(x, shape)?.with_mask(None))
}
