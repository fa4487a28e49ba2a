//! Attention of one or more heads.

use smallvec::smallvec;

use super::{Spec, Specs};
use crate::{DType, Error, Result, Shape, Tensor};

/// Attributes of [`super::Op::Attention`]: `softmax(scale * query @ key^T) @ value`, each head for itself.
///
/// Inputs: `query` `[batch, queries, heads, dim]`, `key` `[batch, keys, heads, dim]`, `value`
/// `[batch, keys, heads, value_dim]`, and if `has_mask`, bools that broadcast to `[batch, heads, queries, keys]`: where they
/// are false, a score is far below all others. The result is `[batch, queries, heads, value_dim]`.
///
/// Inputs of [`super::Op::AttentionGrad`], its derivative, are these, the result, and the gradient with regard to it; its
/// results are the gradients with regard to `query`, `key` and `value`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attention {
    /// What scores are multiplied by.
    pub scale: f64,
    /// Whether queries attend to no key that stands after them.
    pub is_causal: bool,
    /// Whether there is a mask.
    pub has_mask: bool,
}

impl Attention {
    /// How many inputs it takes.
    pub fn inputs(&self) -> usize {
        3 + usize::from(self.has_mask)
    }

    /// The shape of the result for these inputs, if they fit the op.
    pub(crate) fn shape(inputs: &[&Tensor]) -> Option<Shape> {
        let [query, key, value, rest @ ..] = inputs else {
            return None;
        };
        let ([batch, queries, heads, dim], [.., value_dim]) =
            (&query.shape()[..], &value.shape()[..])
        else {
            return None;
        };
        let keys = *key.shape().get(1)?;
        let scores = [*batch, *heads, *queries, keys];
        let repeats = |mask: &&&Tensor| {
            let missing = scores.len().checked_sub(mask.rank());
            mask.dtype() == DType::Bool
                && missing.is_some_and(|missing| {
                    let mut sizes = mask.shape().iter().zip(&scores[missing..]);
                    sizes.all(|(&own, &n)| own == n || own == 1)
                })
        };
        let is_right = key.shape()[..] == [*batch, keys, *heads, *dim]
            && value.shape()[..] == [*batch, keys, *heads, *value_dim]
            && [key, value].iter().all(|t| t.dtype() == query.dtype())
            && rest.first().is_none_or(|mask| repeats(&mask));
        is_right.then(|| [*batch, *queries, *heads, *value_dim].into())
    }

    pub(super) fn infer(&self, inputs: &[&Tensor]) -> Result<Specs> {
        let shape = Self::shape(inputs).ok_or_else(|| misfit(inputs))?;
        let dtype = inputs[0].dtype();
        Ok(smallvec![Spec { dtype, shape }])
    }

    pub(super) fn infer_gradient(&self, inputs: &[&Tensor]) -> Result<Specs> {
        let (given, rest) = inputs.split_at(self.inputs());
        let result = Self::shape(given).ok_or_else(|| misfit(inputs))?;
        let dtype = given[0].dtype();
        if rest
            .iter()
            .any(|t| *t.shape() != result || t.dtype() != dtype)
        {
            return Err(misfit(inputs));
        }
        let spec = |t: &&Tensor| Spec {
            dtype,
            shape: t.shape().clone(),
        };
        Ok(given[..3].iter().map(spec).collect())
    }
}

fn misfit(inputs: &[&Tensor]) -> Error {
    let shapes: Vec<&[usize]> = inputs.iter().map(|t| &t.shape()[..]).collect();
    Error::shape(
        "an attention op",
        &shapes,
        "query [batch, queries, heads, dim], key [batch, keys, heads, dim], value [batch, keys, heads, value_dim] of one \
         dtype, bools that broadcast to [batch, heads, queries, keys] where there is a mask, and for the derivative the \
         result and its gradient, [batch, queries, heads, value_dim]",
    )
}
