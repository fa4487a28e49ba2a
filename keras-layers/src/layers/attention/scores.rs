//! What `Attention` and `AdditiveAttention` share: from scores to the output.

use keras_tensor::{DType, Error, Outputs, Result, Tensor, ops};

use super::super::regularization::dropped;
use crate::{Arguments, Call, Seed};

/// Query, value and key of a call; without a key, values are their own keys.
pub(super) fn arguments<'a, T>(layer: &str, inputs: &'a [T]) -> Result<[&'a T; 3]> {
    match inputs {
        [query, value] => Ok([query, value, value]),
        [query, value, key] => Ok([query, value, key]),
        // One sequence attends to itself.
        [x] => Ok([x, x, x]),
        other => Err(Error::argument(
            format!("inputs of {layer}"),
            format!("{} tensors", other.len()),
            "a list [query, value] or [query, value, key]",
        )),
    }
}

/// `softmax(scores) @ value` with masks and dropout, then the scores if they are asked for.
///
/// Values that are masked take no part; what masked queries find is 0, and the output has their mask.
pub(super) fn attend(
    scores: &Tensor,
    inputs: &Arguments<Tensor>,
    dropout: f64,
    seed: &Seed,
    cx: &Call,
) -> Result<Outputs> {
    let [query, value, _] = arguments("attention", inputs.inputs())?;
    let rank = scores.rank();
    let mut mask = value.mask().map(|m| ops::expand_dims(m, -2)).transpose()?;
    if inputs.is_set("use_causal_mask") {
        let causal = ops::causal_mask(scores.shape()[rank - 2], scores.shape()[rank - 1])?;
        mask = Some(match mask {
            Some(mask) => ops::logical_and(&mask, &causal)?,
            None => causal,
        });
    }
    let scores = match mask {
        Some(mask) => {
            let far: f64 = if scores.dtype() == DType::F16 {
                65504.0
            } else {
                1e9
            };
            ops::where_(&mask, scores, ops::subtract(scores, far)?)?
        }
        None => scores.clone(),
    };
    let weights = ops::softmax(&scores, -1)?;
    let kept = if cx.is_training() && dropout > 0.0 {
        dropped(&weights, weights.shape(), dropout, seed)?
    } else {
        weights.clone()
    };
    let mut y = ops::matmul(&kept, value)?;
    if let Some(mask) = query.mask() {
        y = ops::where_(ops::expand_dims(mask, -1)?, &y, ops::zeros_like(&y)?)?;
        y = y.with_mask(Some(mask.clone()));
    }
    let mut outputs = Outputs::from_iter([y]);
    if inputs.is_set("return_attention_scores") {
        outputs.push(weights);
    }
    Ok(outputs)
}
