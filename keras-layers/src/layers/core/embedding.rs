use keras_tensor::ops::Operand;
use keras_tensor::{DType, Error, Result, Tensor, ops};

use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Call, Declare, Dims, Layer, Symbolic, Weight, Weights, operations};

layer! {
    /// A vector that is learned for each integer: `[batch, ..]` of integers below `input_dim` to
    /// `[batch, .., output_dim]`.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::Embedding};
    /// use keras_tensor::Tensor;
    /// let layer = LayerRef::from(Embedding::new(1000, 64));
    /// let words = Tensor::new(&[3i32, 14, 15, 92, 65, 35], [2, 3])?;
    /// let y = layer.call(&words, &Call::inference())?;
    /// assert_eq!(y.shape().to_string(), "(2, 3, 64)");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    Embedding(
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
        /// The rank of the matrices whose product is added to the table, which is then frozen ([`crate::Lora`]); by default
        /// there are none.
        #[serde(skip_serializing_if = "Option::is_none")]
        some lora_rank: Option<usize> = None,
        /// What that product is multiplied by, over the rank; the rank by default.
        #[serde(skip_serializing_if = "Option::is_none")]
        some lora_alpha: Option<f64> = None,
    } keeps {
        embeddings: Weight,
    }
}

/// Checks the sizes of a table of vectors.
pub(super) fn check_sizes(input_dim: usize, output_dim: usize) -> Result<()> {
    for (name, size) in [("input_dim", input_dim), ("output_dim", output_dim)] {
        if size == 0 {
            return Err(Error::argument(name, size, "at least 1"));
        }
    }
    Ok(())
}

/// The vectors of `table` for integers of any width; floats are cut to integers.
pub(super) fn look_up(table: impl Operand, x: &Tensor) -> Result<Tensor> {
    let places = match x.dtype() {
        DType::I32 | DType::I64 => x.clone(),
        DType::U32 | DType::U64 => ops::cast(x, DType::I64)?,
        _ => ops::cast(x, DType::I32)?,
    };
    ops::take(table, &places, 0)
}

impl Layer for Embedding {
    fn build(&self, _: &Dims, w: &mut Weights) -> Result<()> {
        check_sizes(self.input_dim, self.output_dim)?;
        let how = Declare::of(
            &self.embeddings_initializer,
            &self.embeddings_regularizer,
            &self.embeddings_constraint,
        )
        .autocast(false)
        .adaptable(self.lora_rank, self.lora_alpha);
        let shape = [self.input_dim, self.output_dim];
        w.add(&self.embeddings, "embeddings", shape, how)
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        ops::cast(look_up(&self.embeddings, x)?, cx.compute_dtype())
    }

    fn mask(&self, x: &Tensor) -> Result<Option<Tensor>> {
        if self.mask_zero {
            return ops::not_equal(x, 0).map(Some);
        }
        Ok(None)
    }

    fn symbolic_mask(&self, x: &Symbolic) -> Result<Option<Symbolic>> {
        operations::not_equal(x, 0).map(Some)
    }

    fn activity_regularizer(&self) -> Option<&Regularizer> {
        self.activity_regularizer.as_ref()
    }
}
