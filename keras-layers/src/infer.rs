//! Shape inference: a layer's `call` is run on meta tensors.
//!
//! It runs twice, with different sizes for the unknown axes; what differs between the results is unknown.

use keras_tensor::{DType, Error, Outputs, Result, Shape, Tensor, observe};
use std::cell::Cell;

use crate::{Arguments, Dims, Spec};

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

/// What is known of what `call` makes of such inputs.
pub(crate) fn outputs(
    inputs: &Arguments<Spec>,
    call: &dyn Fn(Arguments<Tensor>) -> Result<Outputs>,
) -> Result<Vec<Spec>> {
    let unknown = |from: usize| move |x: &Spec| x.dims.iter().skip(from).any(Option::is_none);
    let run = |i: usize| {
        let probe = Probe {
            batch: BATCHES[i],
            other: inputs.tensors().any(unknown(1)).then_some(OTHERS[i]),
        };
        let meta = |dims: &Dims, dtype: DType| {
            let size = |(axis, d): (usize, &Option<usize>)| {
                d.unwrap_or(if axis == 0 { BATCHES[i] } else { OTHERS[i] })
            };
            Tensor::meta(dims.iter().enumerate().map(size).collect::<Shape>(), dtype)
        };
        let metas = inputs.map(|x| {
            let mask = x.mask.as_ref().map(|dims| meta(dims, DType::Bool));
            Ok(meta(&x.dims, x.dtype).with_mask(mask))
        })?;
        let before = ACTIVE.replace(Some(probe));
        let result = observe::meta_scope(|| call(metas));
        ACTIVE.set(before);
        result
    };
    let first = run(0)?;
    let second = match inputs.tensors().any(unknown(0)) {
        true => run(1)?,
        false => first.clone(),
    };
    let pairs = first.iter().zip(&second);
    pairs
        .map(|(a, b)| {
            let masks = a.mask().zip(b.mask());
            Ok(Spec {
                dims: agreed(a.shape(), b.shape())?,
                dtype: a.dtype(),
                mask: masks
                    .map(|(a, b)| agreed(a.shape(), b.shape()))
                    .transpose()?,
            })
        })
        .collect()
}

/// What differs between two results is unknown.
fn agreed(a: &Shape, b: &Shape) -> Result<Dims> {
    if a.rank() != b.rank() {
        return Err(Error::shape(
            "shape inference",
            &[a, b],
            "a rank that does not depend on the size of the batch",
        ));
    }
    let sizes = a.iter().zip(b.iter());
    Ok(sizes.map(|(a, b)| (a == b).then_some(*a)).collect())
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
