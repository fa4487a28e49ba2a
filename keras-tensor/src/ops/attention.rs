//! Attention.

use super::{
    Operand, arange, einsum, expand_dims, full, greater_equal, logical_and, multiply, softmax,
    where_,
};
use crate::op::Attention;
use crate::{DType, Error, Op, Result, Tensor, apply_one, observe};

/// Which of `keys` each of `queries` may attend to when none may look ahead: bools `[queries, keys]`, true up to the
/// diagonal.
///
/// # Errors
/// No memory.
pub fn causal_mask(queries: usize, keys: usize) -> Result<Tensor> {
    let rows = arange(0, queries as i64, DType::I32)?;
    let columns = arange(0, keys as i64, DType::I32)?;
    greater_equal(expand_dims(&rows, 1)?, &columns)
}

/// `softmax(scale * query @ key^T) @ value`, each head for itself: `query` is `[batch, queries, heads, dim]`, `key` and
/// `value` are `[batch, keys, heads, dim]`.
///
/// `scale` is `1 / sqrt(dim)` by default. A key takes no part where `mask`, bools that broadcast to
/// `[batch, heads, queries, keys]`, is false, or ahead of the query with `is_causal`.
///
/// ```
/// use keras_tensor::ops;
/// let x = ops::ones([2, 5, 4, 8], Default::default())?;
/// let y = ops::dot_product_attention(&x, &x, &x, None, None, true)?;
/// assert_eq!(y.shape().to_string(), "(2, 5, 4, 8)");
/// # Ok::<(), keras_tensor::Error>(())
/// ```
///
/// # Errors
/// Shapes that do not fit.
pub fn dot_product_attention(
    query: impl Operand,
    key: impl Operand,
    value: impl Operand,
    mask: Option<&Tensor>,
    scale: Option<f64>,
    is_causal: bool,
) -> Result<Tensor> {
    let (query, key, value) = (query.tensor()?, key.tensor()?, value.tensor()?);
    if [&query, &key, &value].iter().any(|t| t.rank() != 4) {
        let shapes: [&[usize]; 3] = [query.shape(), key.shape(), value.shape()];
        let wanted = "query, key and value of 4 axes, [batch, length, heads, dim]";
        return Err(Error::shape("dot_product_attention", &shapes, wanted));
    }
    let scale = scale.unwrap_or(1.0 / (query.shape()[3] as f64).sqrt());
    let mut inputs = vec![&*query, &*key, &*value];
    inputs.extend(mask);
    let is_full = inputs.iter().all(|t| t.size() > 0);
    if is_full
        && query.dtype().is_float()
        && Attention::shape(&inputs).is_some()
        && !observe::small_ops()
    {
        let op = Attention {
            scale,
            is_causal,
            has_mask: mask.is_some(),
        };
        return apply_one(Op::Attention(op), &inputs);
    }
    let mask = attention_mask(mask, is_causal, query.shape()[1], key.shape()[1])?;
    let weights = attention_weights(&*query, &*key, mask.as_ref(), scale)?;
    einsum("bnts,bsnh->btnh", &[&weights, &value])
}

/// Which keys each of `queries` may attend to, as both `mask` and `is_causal` allow; none if neither forbids anything.
///
/// # Errors
/// A mask that does not fit.
pub fn attention_mask(
    mask: Option<&Tensor>,
    is_causal: bool,
    queries: usize,
    keys: usize,
) -> Result<Option<Tensor>> {
    let causal = match is_causal {
        true => Some(causal_mask(queries, keys)?),
        false => None,
    };
    Ok(match (mask, causal) {
        (Some(a), Some(b)) => Some(logical_and(a, &b)?),
        (Some(a), None) => Some(a.clone()),
        (None, causal) => causal,
    })
}

/// `softmax(scale * query @ key^T)`, `[batch, heads, queries, keys]`: what [`dot_product_attention`] multiplies values by.
///
/// # Errors
/// Shapes that do not fit.
pub fn attention_weights(
    query: impl Operand,
    key: impl Operand,
    mask: Option<&Tensor>,
    scale: f64,
) -> Result<Tensor> {
    let scores = einsum("btnh,bsnh->bnts", &[&multiply(query, scale)?, &key])?;
    let scores = match mask {
        Some(mask) => {
            // Far below all scores, and far from the end of the range.
            let lowest = match scores.dtype() {
                DType::F64 => -0.7 * f64::MAX,
                DType::F16 => -0.7 * 65504.0,
                _ => -0.7 * f64::from(f32::MAX),
            };
            where_(mask, &scores, full([], lowest, scores.dtype())?)?
        }
        None => scores,
    };
    softmax(&scores, -1)
}
