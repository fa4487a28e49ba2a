use keras_tensor::ops::Operand;
use keras_tensor::{DType, Outputs, Result, Tensor, ops};

use super::embedding::{check_sizes, look_up};
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Arguments, Call, Declare, Dims, Layer, Weight, Weights};

layer! {
    /// An [`super::Embedding`] that also goes back: called with the flag `reverse`, it makes of vectors
    /// `[batch, .., output_dim]` a score for each integer, `[batch, .., input_dim]`.
    ///
    /// ```
    /// use keras_layers::{Arguments, Call, LayerRef, layers::ReversibleEmbedding};
    /// use keras_tensor::Tensor;
    /// let layer = LayerRef::from(ReversibleEmbedding::new(100, 8));
    /// let x = layer.call(&Tensor::new(&[1i32, 2, 3], [1, 3])?, &Call::inference())?;
    /// let logits = layer.call_many(Arguments::new(x).flag("reverse", true), &Call::inference())?;
    /// assert_eq!(logits[0].shape().to_string(), "(1, 3, 100)");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    ReversibleEmbedding(
        /// How many integers there are.
        set input_dim: usize = 0,
        /// How long vectors are.
        set output_dim: usize = 0,
    ) {
        /// How the vectors begin; `uniform` by default.
        into embeddings_initializer: Initializer = "uniform".into(),
        /// What the vectors add to the loss.
        some embeddings_regularizer: Option<Regularizer> = None,
        /// What the output adds to the loss.
        some activity_regularizer: Option<Regularizer> = None,
        /// What holds for the vectors after each update.
        some embeddings_constraint: Option<Constraint> = None,
        /// Whether 0 stands for no integer, so that its place is masked; not by default.
        set mask_zero: bool = false,
        /// Whether the way back takes the same vectors; it does by default.
        set tie_weights: bool = true,
        /// The dtype that the way back is computed in, `"float32"`; that of the layer by default.
        some reverse_dtype: Option<String> = None,
        /// Scores are kept within this: `cap * tanh(scores / cap)`; not by default.
        some logit_soft_cap: Option<f64> = None,
    } keeps {
        embeddings: Weight,
        reverse_embeddings: Weight,
    }
}

impl ReversibleEmbedding {
    fn scores(&self, x: &Tensor) -> Result<Tensor> {
        let dtype = self.reverse_dtype.as_deref().map(str::parse::<DType>);
        let dtype = dtype.transpose()?.unwrap_or(x.dtype());
        let kernel = if self.tie_weights {
            self.embeddings.tensor()?
        } else {
            self.reverse_embeddings.tensor()?
        };
        let (x, kernel) = (ops::cast(x, dtype)?, ops::cast(kernel, dtype)?);
        let scores = ops::matmul_transposed(&x, &kernel, false, self.tie_weights)?;
        match self.logit_soft_cap {
            Some(cap) => ops::multiply(ops::tanh(ops::divide(&scores, cap)?)?, cap),
            None => Ok(scores),
        }
    }
}

impl Layer for ReversibleEmbedding {
    fn build(&self, _: &Dims, w: &mut Weights) -> Result<()> {
        check_sizes(self.input_dim, self.output_dim)?;
        let how = Declare::of(
            &self.embeddings_initializer,
            &self.embeddings_regularizer,
            &self.embeddings_constraint,
        );
        let shape = [self.input_dim, self.output_dim];
        w.add(&self.embeddings, "embeddings", shape, how)?;
        if !self.tie_weights {
            let shape = [self.output_dim, self.input_dim];
            let how = Declare::new(&self.embeddings_initializer);
            w.add(&self.reverse_embeddings, "reverse_embeddings", shape, how)?;
        }
        Ok(())
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        look_up(&self.embeddings, x)
    }

    fn call_many(&self, inputs: &Arguments<Tensor>, cx: &Call) -> Result<Outputs> {
        let x = inputs.first()?;
        let y = if inputs.is_set("reverse") {
            self.scores(x)?
        } else {
            self.call(x, cx)?.with_mask(self.mask(x)?)
        };
        Ok(Outputs::from_iter([y]))
    }

    fn mask(&self, x: &Tensor) -> Result<Option<Tensor>> {
        if self.mask_zero {
            return ops::not_equal(x, 0).map(Some);
        }
        Ok(None)
    }

    fn activity_regularizer(&self) -> Option<&Regularizer> {
        self.activity_regularizer.as_ref()
    }
}
