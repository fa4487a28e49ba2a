//! Shape inference: a layer's `call` is run on meta tensors.
//!
//! It runs twice, with different sizes for the unknown axes; what differs between the results is unknown.

use keras_tensor::{DType, Error, Outputs, Result, Shape, Tensor, observe};
use std::cell::Cell;

use crate::{Arguments, Dims};

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

/// The shapes and dtypes of what `call` makes of inputs of these shapes.
pub(crate) fn outputs(
    inputs: &Arguments<Dims>,
    dtype: DType,
    call: &dyn Fn(Arguments<Tensor>) -> Result<Outputs>,
) -> Result<Vec<(Dims, DType)>> {
    let unknown = |from: usize| move |d: &Dims| d.iter().skip(from).any(Option::is_none);
    let run = |i: usize| {
        let probe = Probe {
            batch: BATCHES[i],
            other: inputs.tensors().any(unknown(1)).then_some(OTHERS[i]),
        };
        let metas = inputs.map(|dims| {
            let shape: Shape = dims
                .iter()
                .enumerate()
                .map(|(axis, d)| d.unwrap_or(if axis == 0 { BATCHES[i] } else { OTHERS[i] }))
                .collect();
            Ok(Tensor::meta(shape, dtype))
        })?;
        let before = ACTIVE.replace(Some(probe));
        let result = observe::meta_scope(|| call(metas));
        ACTIVE.set(before);
        result
    };
    let first = run(0)?;
    if !inputs.tensors().any(unknown(0)) {
        return Ok(first
            .iter()
            .map(|y| (y.shape().into(), y.dtype()))
            .collect());
    }
    let second = run(1)?;
    first
        .iter()
        .zip(&second)
        .map(|(a, b)| {
            if a.rank() != b.rank() {
                return Err(Error::shape(
                    "shape inference",
                    &[a.shape(), b.shape()],
                    "a rank that does not depend on the size of the batch",
                ));
            }
            let sizes = a.shape().iter().zip(b.shape().iter());
            let dims = sizes.map(|(a, b)| (a == b).then_some(*a)).collect();
            Ok((dims, a.dtype()))
        })
        .collect()
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
