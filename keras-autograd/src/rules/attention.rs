//! The rule of attention: one op, or tensor ops where an outer tape listens.

use keras_tensor::op::Attention;
use keras_tensor::{Op, Outputs, Result, SmallVec, Tensor, apply, observe, ops};

use super::{Given, Grads};

pub(super) fn attention(a: &Attention, given: &Given) -> Result<Grads> {
    let gradients = match observe::anybody() {
        true => in_ops(a, given)?,
        false => {
            let mut inputs: SmallVec<[&Tensor; 6]> = given.inputs.iter().collect();
            inputs.extend([&given.outputs[0], given.gradient]);
            apply(Op::AttentionGrad(*a), &inputs)?
        }
    };
    let mut all: Grads = gradients.into_iter().map(Some).collect();
    all.extend(a.has_mask.then_some(None));
    Ok(all)
}

/// The same in ops that have derivatives.
fn in_ops(a: &Attention, given: &Given) -> Result<Outputs> {
    let [query, key, value] = [&given.inputs[0], &given.inputs[1], &given.inputs[2]];
    let mask = ops::attention_mask(
        given.inputs.get(3),
        a.is_causal,
        query.shape()[1],
        key.shape()[1],
    )?;
    let weights = ops::attention_weights(query, key, mask.as_ref(), a.scale)?;
    let d_value = ops::einsum("bnts,btnh->bsnh", &[&weights, given.gradient])?;
    let d_weights = ops::einsum("btnh,bsnh->bnts", &[given.gradient, value])?;
    let product = ops::multiply(&weights, &d_weights)?;
    let dots = ops::expand_dims(ops::sum(&product, -1)?, -1)?;
    let mut d_scores = ops::subtract(&product, ops::multiply(&weights, &dots)?)?;
    if let Some(mask) = &mask {
        // A query that may attend to no key has weights all the same.
        d_scores = ops::where_(mask, &d_scores, 0.0)?;
    }
    let d_scores = ops::multiply(&d_scores, a.scale)?;
    let d_query = ops::einsum("bnts,bsnh->btnh", &[&d_scores, key])?;
    let d_key = ops::einsum("bnts,btnh->bsnh", &[&d_scores, query])?;
    Ok([d_query, d_key, d_value].into_iter().collect())
}
