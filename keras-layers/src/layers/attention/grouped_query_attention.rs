use keras_tensor::{Error, Outputs, Result, Tensor};

use super::heads::{Projection, Sizes, Slot};
use super::multi_head_attention::check_sizes;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Arguments, Call, Dims, Layer, Weights};

layer! {
    /// [`super::MultiHeadAttention`] in which groups of query heads share the keys and values of one head.
    ///
    /// Called as that is, with `[batch, length, features]`. Paper: Ainslie et al., 2023.
    ///
    /// ```
    /// use keras_layers::{Arguments, Call, LayerRef, layers::GroupedQueryAttention};
    /// use keras_tensor::ops;
    /// let x = ops::ones([2, 5, 8], Default::default())?;
    /// let layer = LayerRef::from(GroupedQueryAttention::new(4, 6, 2));
    /// let y = layer.call_many(Arguments::new(&x).and(&x), &Call::inference())?;
    /// assert_eq!(y[0].shape().to_string(), "(2, 5, 8)");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    GroupedQueryAttention(
        /// The size of each head.
        set head_dim: usize = 0,
        /// How many heads queries have.
        set num_query_heads: usize = 0,
        /// How many heads keys and values have; a divisor of the number of query heads.
        set num_key_value_heads: usize = 0,
    ) {
        /// The share of scores that is dropped in training; 0 by default.
        set dropout: f64 = 0.0,
        /// Whether projections have a bias; they do by default.
        set use_bias: bool = true,
        /// Whether what heads find is multiplied by a gate, `sigmoid` of a projection of the query; not by default.
        set use_gate: bool = false,
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

impl GroupedQueryAttention {
    /// Accepted for Keras's sake: here there is one way to compute attention.
    pub fn flash_attention(self, _: bool) -> Self {
        self
    }
}

impl Layer for GroupedQueryAttention {
    fn build_many(&self, inputs: &Arguments<Dims>, w: &mut Weights) -> Result<()> {
        let query = inputs.first()?;
        check_sizes(&[
            ("head_dim", self.head_dim),
            ("num_query_heads", self.num_query_heads),
            ("num_key_value_heads", self.num_key_value_heads),
            ("sliding_window", self.sliding_window.unwrap_or(1)),
        ])?;
        if query.len() != 3 {
            return Err(Error::argument("query", query, "[batch, length, features]"));
        }
        if !self
            .num_query_heads
            .is_multiple_of(self.num_key_value_heads)
        {
            let wanted = format!(
                "a multiple of num_key_value_heads, {}",
                self.num_key_value_heads
            );
            return Err(Error::argument(
                "num_query_heads",
                self.num_query_heads,
                wanted,
            ));
        }
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
            query_heads: self.num_query_heads,
            key_heads: self.num_key_value_heads,
            key_dim: self.head_dim,
            value_dim: self.head_dim,
            output: &[query.last()?],
            axes: vec![1],
            use_gate: self.use_gate,
            dropout: self.dropout,
            seed: self.seed,
            window: self.sliding_window,
            fields: [
                "_query_dense",
                "_key_dense",
                "_value_dense",
                "_output_dense",
            ],
        };
        self.heads.build(inputs, &projection, &sizes, w)
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        Ok(self.call_many(&x.into(), cx)?.swap_remove(0))
    }

    fn call_many(&self, inputs: &Arguments<Tensor>, cx: &Call) -> Result<Outputs> {
        self.heads.call(inputs, cx)
    }

    /// Keras exports the class under this name.
    fn class_name(&self) -> Option<&'static str> {
        Some("GroupQueryAttention")
    }

    fn activity_regularizer(&self) -> Option<&Regularizer> {
        self.activity_regularizer.as_ref()
    }
}
