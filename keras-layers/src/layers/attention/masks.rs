//! Which keys a query may attend to, in attention of several heads.

use keras_tensor::{DType, Error, Result, Tensor, ops};

use crate::Arguments;

/// Query, value and key of a call; without a value the query attends to itself, without a key values are their own.
pub(super) fn arguments<T>(inputs: &Arguments<T>) -> Result<[&T; 3]> {
    let query = inputs.first()?;
    let value = inputs.tensor(1, "value").unwrap_or(query);
    Ok([query, value, inputs.tensor(2, "key").unwrap_or(value)])
}

/// All masks of a call in one: bools `[batch, queries, keys]`, with sizes of 1 where they do not matter.
///
/// `axes` are those that attention goes along, `window` the distance at which keys get out of sight.
pub(super) fn of_call(
    inputs: &Arguments<Tensor>,
    axes: &[usize],
    window: Option<usize>,
) -> Result<Option<Tensor>> {
    let [query, value, key] = arguments(inputs)?;
    let mut all = Vec::new();
    let attached = |t: &Tensor, name: &str| -> Result<Option<Tensor>> {
        let mask = t.mask().or_else(|| inputs.tensor(usize::MAX, name));
        mask.map(|m| ops::cast(m, DType::Bool)).transpose()
    };
    if let Some(mask) = attached(query, "query_mask")? {
        all.push(ops::expand_dims(&mask, -1)?);
    }
    if let Some(mask) = attached(value, "value_mask")? {
        all.push(ops::expand_dims(&mask, -2)?);
    }
    if inputs.tensor(2, "key").is_some()
        && let Some(mask) = attached(key, "key_mask")?
    {
        all.push(ops::expand_dims(&mask, -2)?);
    }
    let causal = inputs.is_set("use_causal_mask");
    if causal || window.is_some() {
        let &[axis] = axes else {
            let wanted = "one axis, where masks are causal or a sliding window is set";
            return Err(Error::argument(
                "attention_axes",
                format!("{axes:?}"),
                wanted,
            ));
        };
        let (queries, keys) = (query.shape()[axis], value.shape()[axis]);
        if causal {
            all.push(ops::expand_dims(ops::causal_mask(queries, keys)?, 0)?);
        }
        if let Some(window) = window {
            all.push(ops::expand_dims(near(queries, keys, window)?, 0)?);
        }
    }
    if let Some(mask) = inputs.tensor(usize::MAX, "attention_mask") {
        all.push(ops::cast(mask, DType::Bool)?);
    }
    let mut all = all.into_iter();
    let Some(first) = all.next() else {
        return Ok(None);
    };
    all.try_fold(first, |a, b| ops::logical_and(&a, &b))
        .map(Some)
}

/// Bools `[queries, keys]`, true at distances below `window`.
fn near(queries: usize, keys: usize, window: usize) -> Result<Tensor> {
    let rows = ops::arange(0, queries as i64, DType::I32)?;
    let columns = ops::arange(0, keys as i64, DType::I32)?;
    let distance = ops::abs(ops::subtract(ops::expand_dims(&rows, 1)?, &columns)?)?;
    ops::less(&distance, window as i64)
}

/// The mask with axes of size 1 for heads, up to the rank of the scores; `attended` axes of queries and of keys stay
/// last.
pub(super) fn over_heads(mask: &Tensor, attended: usize, rank: usize) -> Result<Tensor> {
    let mut mask = mask.clone();
    while mask.rank() < rank {
        let before = mask.rank().checked_sub(2 * attended).ok_or_else(|| {
            let wanted = format!("a mask of at least {} axes", 2 * attended);
            Error::shape("attention_mask", &[mask.shape()], wanted)
        })?;
        mask = ops::expand_dims(&mask, before as isize)?;
    }
    Ok(mask)
}
