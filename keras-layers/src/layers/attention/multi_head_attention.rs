use keras_tensor::{Error, Outputs, Result, Tensor};

use super::heads::{Projection, Sizes, Slot};
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Arguments, AxisList, Call, Dims, Layer, Weights};

layer! {
    /// Attention of several heads: each projects query, key and value, attends, and the results are projected together.
    ///
    /// Called with `query` `[batch, queries, features]`, then `value` and `key` `[batch, keys, ..]`; without a key,
    /// values are their own keys, and a query alone attends to itself. By name: `attention_mask`
    /// `[batch, queries, keys]`, `query_mask`, `value_mask`, `key_mask`, and the flags `use_causal_mask` and
    /// `return_attention_scores`. Paper: Vaswani et al., 2017.
    ///
    /// ```
    /// use keras_layers::{Arguments, Call, LayerRef, layers::MultiHeadAttention};
    /// use keras_tensor::ops;
    /// let query = ops::ones([2, 8, 16], Default::default())?;
    /// let value = ops::ones([2, 4, 16], Default::default())?;
    /// let layer = LayerRef::from(MultiHeadAttention::new(2, 3));
    /// let inputs = Arguments::new(query).and(value).flag("return_attention_scores", true);
    /// let y = layer.call_many(inputs, &Call::inference())?;
    /// assert_eq!(y[0].shape().to_string(), "(2, 8, 16)");
    /// assert_eq!(y[1].shape().to_string(), "(2, 2, 8, 4)");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    MultiHeadAttention(
        /// How many heads.
        set num_heads: usize = 0,
        /// The size of queries and keys of each head.
        set key_dim: usize = 0,
    ) {
        /// The size of values of each head; `key_dim` by default.
        some value_dim: Option<usize> = None,
        /// The share of scores that is dropped in training; 0 by default.
        set dropout: f64 = 0.0,
        /// Whether projections have a bias; they do by default.
        set use_bias: bool = true,
        /// Whether what heads find is multiplied by a gate, `sigmoid` of a projection of the query; not by default.
        set use_gate: bool = false,
        /// The shape of the output's features; that of the query by default.
        some output_shape: Option<AxisList> = None,
        /// The axes that attention goes along; all between batch and features by default.
        some attention_axes: Option<AxisList> = None,
        /// Keys at this distance and beyond take no part; all do by default.
        some sliding_window: Option<usize> = None,
        /// How kernels begin; `glorot_uniform` by default.
        into kernel_initializer: Initializer = "glorot_uniform".into(),
        /// How biases begin; `zeros` by default.
        into bias_initializer: Initializer = "zeros".into(),
        /// What kernels add to the loss.
        some kernel_regularizer: Option<Regularizer> = None,
        /// What biases add to the loss.
        some bias_regularizer: Option<Regularizer> = None,
        /// What the output adds to the loss.
        some activity_regularizer: Option<Regularizer> = None,
        /// What holds for kernels after each update.
        some kernel_constraint: Option<Constraint> = None,
        /// What holds for biases after each update.
        some bias_constraint: Option<Constraint> = None,
        /// Fixes what is dropped.
        some seed: Option<u32> = None,
    } keeps {
        heads: Slot,
    }
}

/// Checks that sizes are at least 1.
pub(super) fn check_sizes(sizes: &[(&str, usize)]) -> Result<()> {
    match sizes.iter().find(|(_, size)| *size == 0) {
        Some((name, size)) => Err(Error::argument(*name, size, "at least 1")),
        None => Ok(()),
    }
}

impl MultiHeadAttention {
    /// Accepted for Keras's sake: here there is one way to compute attention.
    pub fn flash_attention(self, _: bool) -> Self {
        self
    }

    /// The shape of the output's features.
    fn features(&self, query: &Dims) -> Result<Vec<usize>> {
        let Some(shape) = &self.output_shape else {
            return Ok(vec![query.last()?]);
        };
        let sizes = shape
            .iter()
            .map(|&n| usize::try_from(n).ok().filter(|&n| n > 0));
        sizes.collect::<Option<Vec<_>>>().ok_or_else(|| {
            Error::argument(
                "output_shape",
                format!("{:?}", &shape[..]),
                "sizes of at least 1",
            )
        })
    }

    /// The axes that attention goes along, counted from the first.
    fn axes(&self, rank: usize) -> Vec<usize> {
        match &self.attention_axes {
            None => (1..rank.saturating_sub(1)).collect(),
            Some(axes) => axes
                .iter()
                .map(|&a| if a < 0 { a + rank as isize } else { a })
                .map(|a| usize::try_from(a).unwrap_or(0))
                .collect(),
        }
    }
}

impl Layer for MultiHeadAttention {
    fn build_many(&self, inputs: &Arguments<Dims>, w: &mut Weights) -> Result<()> {
        let query = inputs.first()?;
        let value_dim = self.value_dim.unwrap_or(self.key_dim);
        check_sizes(&[
            ("num_heads", self.num_heads),
            ("key_dim", self.key_dim),
            ("value_dim", value_dim),
            ("sliding_window", self.sliding_window.unwrap_or(1)),
        ])?;
        let projection = Projection {
            use_bias: self.use_bias,
            kernel_initializer: &self.kernel_initializer,
            bias_initializer: &self.bias_initializer,
            kernel_regularizer: &self.kernel_regularizer,
            bias_regularizer: &self.bias_regularizer,
            activity_regularizer: &self.activity_regularizer,
            kernel_constraint: &self.kernel_constraint,
            bias_constraint: &self.bias_constraint,
            policy: w.dtype_policy().clone(),
        };
        let sizes = Sizes {
            query_heads: self.num_heads,
            key_heads: self.num_heads,
            key_dim: self.key_dim,
            value_dim,
            output: &self.features(query)?,
            axes: self.axes(query.len()),
            use_gate: self.use_gate,
            dropout: self.dropout,
            seed: self.seed,
            window: self.sliding_window,
            fields: ["query_dense", "key_dense", "value_dense", "output_dense"],
        };
        self.heads.build(inputs, &projection, &sizes, w)
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        Ok(self.call_many(&x.into(), cx)?.swap_remove(0))
    }

    fn call_many(&self, inputs: &Arguments<Tensor>, cx: &Call) -> Result<Outputs> {
        self.heads.call(inputs, cx)
    }

    fn activity_regularizer(&self) -> Option<&Regularizer> {
        self.activity_regularizer.as_ref()
    }
}
