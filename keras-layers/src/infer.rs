//! Shape inference: a layer's `call` is run on meta tensors.
//!
//! It runs twice, with different sizes for the unknown axes; what differs between the results is unknown.

use keras_tensor::{DType, Error, Result, Shape, Tensor, observe};
use std::cell::Cell;

use crate::Dims;

/// Sizes that stand for unknown axes. All unknown axes but the batch share one, with many divisors, so that patches,
/// square masks and U-Nets of unknown size pass.
#[derive(Clone, Copy, PartialEq)]
struct Probe {
    batch: usize,
    other: Option<usize>,
}

const BATCHES: [usize; 2] = [83, 89];
const OTHERS: [usize; 2] = [960, 1344];

thread_local! {
    static ACTIVE: Cell<Option<Probe>> = const { Cell::new(None) };
}

/// The shape of what `call` makes of an input of this shape.
pub(crate) fn output(
    input: &Dims,
    dtype: DType,
    call: &dyn Fn(&Tensor) -> Result<Tensor>,
) -> Result<Dims> {
    let run = |i: usize| {
        let probe = Probe {
            batch: BATCHES[i],
            other: input
                .iter()
                .skip(1)
                .any(Option::is_none)
                .then_some(OTHERS[i]),
        };
        let shape: Shape = input
            .iter()
            .enumerate()
            .map(|(axis, d)| d.unwrap_or(if axis == 0 { BATCHES[i] } else { OTHERS[i] }))
            .collect();
        let before = ACTIVE.replace(Some(probe));
        let result = observe::meta_scope(|| call(&Tensor::meta(shape, dtype)));
        ACTIVE.set(before);
        result
    };
    let first = run(0)?;
    if input.iter().all(Option::is_some) {
        return Ok(first.shape().into());
    }
    let second = run(1)?;
    if first.rank() != second.rank() {
        return Err(Error::shape(
            "shape inference",
            &[first.shape(), second.shape()],
            "a rank that does not depend on the size of the batch",
        ));
    }
    Ok(first
        .shape()
        .iter()
        .zip(second.shape().iter())
        .map(|(a, b)| (a == b).then_some(*a))
        .collect())
}

/// What a layer that is called now is built for: while shapes are inferred, axes of probe sizes are unknown.
pub(crate) fn dims_of(shape: &Shape) -> Dims {
    let Some(probe) = ACTIVE.get() else {
        return Dims::from(shape);
    };
    shape
        .iter()
        .enumerate()
        .map(|(axis, &n)| {
            let unknown = (axis == 0 && n == probe.batch) || (axis > 0 && Some(n) == probe.other);
            (!unknown).then_some(n)
        })
        .collect()
}
