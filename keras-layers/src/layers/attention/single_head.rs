use keras_tensor::ops::Operand;
use keras_tensor::{Error, Outputs, Result, Shape, Tensor, ops};

use super::scores::{arguments, attend};
use crate::{Arguments, Call, Dims, Layer, Seed, Weight, Weights};

layer! {
    /// `softmax(query @ key^T) @ value`: what each query finds among the values whose keys are near to it.
    ///
    /// Called with a list: `query` `[batch, queries, dim]`, `value` `[batch, values, out]`, and `key`
    /// `[batch, values, dim]` where it is not `value`. The flags `use_causal_mask` and `return_attention_scores` are
    /// given by name. Paper: Luong et al., 2015.
    ///
    /// ```
    /// use keras_layers::{Arguments, Call, LayerRef, layers::Attention};
    /// use keras_tensor::ops;
    /// let query = ops::ones([2, 4, 5], Default::default())?;
    /// let value = ops::ones([2, 6, 5], Default::default())?;
    /// let layer = LayerRef::from(Attention::new());
    /// let y = layer.call_many(Arguments::new([query, value]), &Call::inference())?;
    /// assert_eq!(y[0].shape().to_string(), "(2, 4, 5)");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    Attention() {
        /// Whether scores are multiplied by a number that is learned; not by default.
        set use_scale: bool = false,
        /// `"dot"`, or `"concat"` for `sum(tanh(query + key))`; `"dot"` by default.
        into score_mode: String = "dot".into(),
        /// The share of scores that is dropped in training; 0 by default.
        set dropout: f64 = 0.0,
        /// Fixes what is dropped.
        some seed: Option<u32> = None,
    } keeps {
        scale: Weight,
        concat_score_weight: Weight,
        state: Seed,
    }
}

/// `sum(scale * tanh(inner * (query + key)))` for each pair of query and key.
fn of_sums(
    query: &Tensor,
    key: &Tensor,
    inner: Option<&Weight>,
    scale: Option<&Weight>,
) -> Result<Tensor> {
    let mut sums = ops::add(ops::expand_dims(query, -2)?, ops::expand_dims(key, -3)?)?;
    if let Some(inner) = inner {
        sums = ops::multiply(&sums, inner)?;
    }
    let mut curved = ops::tanh(&sums)?;
    if let Some(scale) = scale {
        curved = ops::multiply(&curved, scale)?;
    }
    ops::sum(&curved, -1)
}

/// Declares the generator of dropout's seeds.
fn declare_dropout(dropout: f64, seed: Option<u32>, state: &Seed, w: &mut Weights) -> Result<()> {
    if !(0.0..=1.0).contains(&dropout) {
        return Err(Error::argument("dropout", dropout, "a share from 0 to 1"));
    }
    if dropout > 0.0 {
        w.add_seed(state, seed)?;
    }
    Ok(())
}

impl Layer for Attention {
    fn build_many(&self, inputs: &Arguments<Dims>, w: &mut Weights) -> Result<()> {
        arguments("attention", inputs.inputs())?;
        if !["dot", "concat"].contains(&&*self.score_mode) {
            let got = format!("{:?}", self.score_mode);
            return Err(Error::argument("score_mode", got, "\"dot\" or \"concat\""));
        }
        declare_dropout(self.dropout, self.seed, &self.state, w)?;
        if self.use_scale {
            w.add(&self.scale, "scale", Shape::scalar(), "ones")?;
        }
        if self.score_mode == "concat" {
            let slot = &self.concat_score_weight;
            w.add(slot, "concat_score_weight", Shape::scalar(), "ones")?;
        }
        Ok(())
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        Ok(self.call_many(&x.into(), cx)?.swap_remove(0))
    }

    fn call_many(&self, inputs: &Arguments<Tensor>, cx: &Call) -> Result<Outputs> {
        let [query, _, key] = arguments("attention", inputs.inputs())?;
        let scale = self.use_scale.then_some(&self.scale);
        let scores = if self.score_mode == "concat" {
            let sums = of_sums(query, key, scale, None)?;
            ops::multiply(&sums, &self.concat_score_weight)?
        } else {
            let products = ops::matmul_transposed(query, key, false, true)?;
            match scale {
                Some(scale) => ops::multiply(&products, scale.tensor()?)?,
                None => products,
            }
        };
        attend(&scores, inputs, self.dropout, &self.state, cx)
    }
}

layer! {
    /// [`Attention`] with the scores `sum(scale * tanh(query + key))`; `scale` is learned.
    ///
    /// Paper: Bahdanau et al., 2014.
    ///
    /// ```
    /// use keras_layers::{Arguments, Call, LayerRef, layers::AdditiveAttention};
    /// use keras_tensor::ops;
    /// let query = ops::ones([2, 4, 5], Default::default())?;
    /// let value = ops::ones([2, 6, 5], Default::default())?;
    /// let layer = LayerRef::from(AdditiveAttention::new());
    /// let y = layer.call_many(Arguments::new([query, value]), &Call::inference())?;
    /// assert_eq!(y[0].shape().to_string(), "(2, 4, 5)");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    AdditiveAttention() {
        /// Whether there is a `scale`, a number for each feature; there is by default.
        set use_scale: bool = true,
        /// The share of scores that is dropped in training; 0 by default.
        set dropout: f64 = 0.0,
        /// Fixes what is dropped.
        some seed: Option<u32> = None,
    } keeps {
        scale: Weight,
        state: Seed,
    }
}

impl Layer for AdditiveAttention {
    fn build_many(&self, inputs: &Arguments<Dims>, w: &mut Weights) -> Result<()> {
        let [query, ..] = arguments("additive attention", inputs.inputs())?;
        declare_dropout(self.dropout, self.seed, &self.state, w)?;
        if self.use_scale {
            w.add(&self.scale, "scale", [query.last()?], "glorot_uniform")?;
        }
        Ok(())
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        Ok(self.call_many(&x.into(), cx)?.swap_remove(0))
    }

    fn call_many(&self, inputs: &Arguments<Tensor>, cx: &Call) -> Result<Outputs> {
        let [query, _, key] = arguments("additive attention", inputs.inputs())?;
        let scores = of_sums(query, key, None, self.use_scale.then_some(&self.scale))?;
        attend(&scores, inputs, self.dropout, &self.state, cx)
    }
}
