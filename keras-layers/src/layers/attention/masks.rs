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

#[cfg(test)]
mod tests {
    use super::super::{Attention, GroupedQueryAttention, MultiHeadAttention};
    use super::*;
    use crate::layers::Embedding;
    use crate::{Call, LayerRef};

    /// Embedded integers, masked where they are 0.
    fn words(data: &[i32], shape: [usize; 2]) -> Tensor {
        let layer = LayerRef::from(Embedding::new(6, 8).mask_zero(true));
        let x = Tensor::new(data, shape).unwrap();
        layer.call(&x, &Call::inference()).unwrap()
    }

    fn call(layer: &LayerRef, inputs: Arguments<Tensor>) -> Tensor {
        let outputs = layer.call_many(inputs, &Call::inference());
        outputs.unwrap().swap_remove(0)
    }

    /// As Keras's test_masking of multi_head_attention_test.py.
    fn attached_masks_are_one_attention_mask(layer: impl Into<LayerRef>, causal: bool) {
        let layer = layer.into();
        let query = words(&[1, 2, 3, 0, 0, 3, 3, 1, 1, 2, 1, 0, 0, 0, 0], [3, 5]);
        let value = words(&[5, 4, 0, 3, 0, 0, 2, 1, 1], [3, 3]);
        let seen = |b: usize, i: usize, j: usize| {
            let queries = [3, 5, 1][b];
            let values = [2, 1, 3][b];
            i < queries && j < values && (!causal || j <= i)
        };
        let all = (0..3).flat_map(|b| (0..5).flat_map(move |i| (0..3).map(move |j| seen(b, i, j))));
        let mask = Tensor::new(&all.collect::<Vec<bool>>(), [3, 5, 3]).unwrap();
        let inputs = Arguments::new(&query).and(&value);
        let by_masks = call(&layer, inputs.flag("use_causal_mask", causal));
        let bare = |x: &Tensor| x.clone().with_mask(None);
        let inputs = Arguments::new(bare(&query)).and(bare(&value));
        let by_hand = call(&layer, inputs.named("attention_mask", &mask));
        assert_eq!(
            by_masks.to_f64_vec().unwrap(),
            by_hand.to_f64_vec().unwrap()
        );
        let of = |t: &Tensor| t.mask().map(|m| m.to_f64_vec().unwrap());
        assert_eq!((of(&by_masks), of(&by_hand)), (of(&query), None));
    }

    #[test]
    fn masks_of_query_and_value_are_taken_into_account() {
        for causal in [false, true] {
            attached_masks_are_one_attention_mask(MultiHeadAttention::new(2, 2), causal);
            attached_masks_are_one_attention_mask(GroupedQueryAttention::new(2, 2, 2), causal);
        }
    }

    #[test]
    fn masked_queries_find_nothing_and_masked_values_are_not_found() {
        let query = words(&[1, 0], [1, 2]);
        let value = words(&[2, 0], [1, 2]);
        let layer = LayerRef::from(Attention::new());
        let y = call(&layer, Arguments::new([&query, &value]));
        let (y, value) = (y.to_f64_vec().unwrap(), value.to_f64_vec().unwrap());
        assert_eq!(y[..8], value[..8]);
        assert_eq!(y[8..], [0.0; 8]);
    }

    #[test]
    fn one_sequence_attends_to_itself() {
        let x = words(&[1, 2, 3], [1, 3]);
        let layer = LayerRef::from(MultiHeadAttention::new(2, 2));
        let alone = layer.call(&x, &Call::inference()).unwrap();
        let both = call(&layer, Arguments::new(&x).and(&x));
        assert_eq!(alone.to_string(), both.to_string());
    }

    #[test]
    fn misfits_are_named() {
        let x = words(&[1, 2, 3], [1, 3]);
        let y = words(&[1, 2], [1, 2]);
        let inputs = Arguments::new(&x).and(&x).and(&y);
        let layer = LayerRef::from(MultiHeadAttention::new(2, 2));
        let error = layer.call_many(inputs, &Call::inference()).unwrap_err();
        assert!(
            error.to_string().contains("(1, 3, 8) and (1, 2, 8)"),
            "{error}"
        );
        let layer = LayerRef::from(MultiHeadAttention::new(2, 2).attention_axes(3));
        assert!(layer.call(&x, &Call::inference()).is_err());
        let layer = LayerRef::from(GroupedQueryAttention::new(2, 3, 2));
        assert!(layer.call(&x, &Call::inference()).is_err());
    }
}
