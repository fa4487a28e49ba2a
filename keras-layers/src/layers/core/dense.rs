use keras_tensor::ops::Operand;
use keras_tensor::{Error, Result, Tensor, ops};

use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Call, Declare, Dims, Layer, Weight, Weights};

layer! {
    /// A densely connected layer: `activation(x @ kernel + bias)` for `x` `[.., in]`, `kernel` `[in, units]`, `bias` `[units]`.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::Dense};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(Dense::new(3).activation("relu"));
    /// let y = layer.call(&ops::ones([2, 4], Default::default())?, &Call::inference())?;
    /// assert_eq!((y.shape().to_string(), layer.count_params()), ("(2, 3)".into(), 15));
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    Dense(
        /// How many outputs there are.
        set units: usize = 0,
    ) {
        /// What is applied to the product; nothing by default.
        into activation: Activation = Activation::default(),
        /// Whether there is a bias; there is by default.
        set use_bias: bool = true,
        /// How the kernel begins; `glorot_uniform` by default.
        into kernel_initializer: Initializer = "glorot_uniform".into(),
        /// How the bias begins; `zeros` by default.
        into bias_initializer: Initializer = "zeros".into(),
        /// What the kernel adds to the loss.
        some kernel_regularizer: Option<Regularizer> = None,
        /// What the bias adds to the loss.
        some bias_regularizer: Option<Regularizer> = None,
        /// What the output adds to the loss.
        #[serde(skip_serializing_if = "Option::is_none")]
        some activity_regularizer: Option<Regularizer> = None,
        /// What holds for the kernel after each update.
        some kernel_constraint: Option<Constraint> = None,
        /// What holds for the bias after each update.
        some bias_constraint: Option<Constraint> = None,
        /// The rank of the matrices whose product is added to the kernel, which is then frozen ([`crate::Lora`]); by default
        /// there are none.
        #[serde(skip_serializing_if = "Option::is_none")]
        some lora_rank: Option<usize> = None,
        /// What that product is multiplied by, over the rank; the rank by default.
        #[serde(skip_serializing_if = "Option::is_none")]
        some lora_alpha: Option<f64> = None,
    } keeps {
        kernel: Weight,
        bias: Weight,
    }
}

impl Layer for Dense {
    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        if self.units == 0 {
            return Err(Error::argument("units", self.units, "at least 1"));
        }
        let kernel = Declare::of(
            &self.kernel_initializer,
            &self.kernel_regularizer,
            &self.kernel_constraint,
        )
        .adaptable(self.lora_rank, self.lora_alpha);
        w.add(&self.kernel, "kernel", [input.last()?, self.units], kernel)?;
        if self.use_bias {
            let bias = Declare::of(
                &self.bias_initializer,
                &self.bias_regularizer,
                &self.bias_constraint,
            );
            w.add(&self.bias, "bias", [self.units], bias)?;
        }
        Ok(())
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        let bias: Option<&dyn Operand> = if self.use_bias {
            Some(&self.bias)
        } else {
            None
        };
        match self.activation.fused()? {
            Some(fused) => ops::dense(x, &self.kernel, bias, fused),
            None => {
                let product = ops::dense(x, &self.kernel, bias, Default::default())?;
                self.activation.call(&product)
            }
        }
    }

    fn activity_regularizer(&self) -> Option<&Regularizer> {
        self.activity_regularizer.as_ref()
    }
}
