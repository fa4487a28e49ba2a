//! Attention.

use super::{
    Operand, arange, einsum, expand_dims, full, greater_equal, logical_and, multiply, softmax,
    where_,
};
use crate::{DType, Error, Result, Tensor};

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
    let scores = einsum("btnh,bsnh->bnts", &[&multiply(&query, scale)?, &key])?;
    let causal = if is_causal {
        Some(causal_mask(scores.shape()[2], scores.shape()[3])?)
    } else {
        None
    };
    let mask = match (mask, causal) {
        (Some(a), Some(b)) => Some(logical_and(a, &b)?),
        (Some(a), None) => Some(a.clone()),
        (None, causal) => causal,
    };
    let scores = match mask {
        Some(mask) => {
            // Far below all scores, and far from the end of the range.
            let lowest = match scores.dtype() {
                DType::F64 => -0.7 * f64::MAX,
                DType::F16 => -0.7 * 65504.0,
                _ => -0.7 * f64::from(f32::MAX),
            };
            where_(&mask, &scores, full([], lowest, scores.dtype())?)?
        }
        None => scores,
    };
    einsum("bnts,bsnh->btnh", &[&softmax(&scores, -1)?, &value])
}
