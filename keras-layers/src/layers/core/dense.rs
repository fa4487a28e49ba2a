use keras_tensor::ops::Operand;
use keras_tensor::{Error, Result, Tensor, ops};
use serde::{Deserialize, Serialize};

use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Call, Declare, Dims, Layer, Weight, Weights};

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
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Dense {
    units: usize,
    activation: Activation,
    use_bias: bool,
    kernel_initializer: Initializer,
    bias_initializer: Initializer,
    kernel_regularizer: Option<Regularizer>,
    bias_regularizer: Option<Regularizer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    activity_regularizer: Option<Regularizer>,
    kernel_constraint: Option<Constraint>,
    bias_constraint: Option<Constraint>,
    #[serde(skip)]
    kernel: Weight,
    #[serde(skip)]
    bias: Weight,
}

impl Default for Dense {
    fn default() -> Self {
        Dense {
            units: 0,
            activation: Activation::default(),
            use_bias: true,
            kernel_initializer: "glorot_uniform".into(),
            bias_initializer: "zeros".into(),
            kernel_regularizer: None,
            bias_regularizer: None,
            activity_regularizer: None,
            kernel_constraint: None,
            bias_constraint: None,
            kernel: Weight::default(),
            bias: Weight::default(),
        }
    }
}

impl Dense {
    /// A layer with `units` outputs.
    pub fn new(units: usize) -> Self {
        Dense {
            units,
            ..Dense::default()
        }
    }

    /// What is applied to the product; nothing by default.
    pub fn activation(mut self, activation: impl Into<Activation>) -> Self {
        self.activation = activation.into();
        self
    }

    /// Whether there is a bias; there is by default.
    pub fn use_bias(mut self, use_bias: bool) -> Self {
        self.use_bias = use_bias;
        self
    }

    /// How the kernel begins; `glorot_uniform` by default.
    pub fn kernel_initializer(mut self, initializer: impl Into<Initializer>) -> Self {
        self.kernel_initializer = initializer.into();
        self
    }

    /// How the bias begins; `zeros` by default.
    pub fn bias_initializer(mut self, initializer: impl Into<Initializer>) -> Self {
        self.bias_initializer = initializer.into();
        self
    }

    /// What the kernel adds to the loss.
    pub fn kernel_regularizer(mut self, regularizer: impl Into<Regularizer>) -> Self {
        self.kernel_regularizer = Some(regularizer.into());
        self
    }

    /// What the bias adds to the loss.
    pub fn bias_regularizer(mut self, regularizer: impl Into<Regularizer>) -> Self {
        self.bias_regularizer = Some(regularizer.into());
        self
    }

    /// What the output adds to the loss.
    pub fn activity_regularizer(mut self, regularizer: impl Into<Regularizer>) -> Self {
        self.activity_regularizer = Some(regularizer.into());
        self
    }

    /// What holds for the kernel after each update.
    pub fn kernel_constraint(mut self, constraint: impl Into<Constraint>) -> Self {
        self.kernel_constraint = Some(constraint.into());
        self
    }

    /// What holds for the bias after each update.
    pub fn bias_constraint(mut self, constraint: impl Into<Constraint>) -> Self {
        self.bias_constraint = Some(constraint.into());
        self
    }
}

impl Layer for Dense {
    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        if self.units == 0 {
            return Err(Error::argument("units", self.units, "at least 1"));
        }
        let kernel = Declare::new(&self.kernel_initializer)
            .regularizer(self.kernel_regularizer.as_ref())
            .constraint(self.kernel_constraint.as_ref());
        w.add(&self.kernel, "kernel", [input.last()?, self.units], kernel)?;
        if self.use_bias {
            let bias = Declare::new(&self.bias_initializer)
                .regularizer(self.bias_regularizer.as_ref())
                .constraint(self.bias_constraint.as_ref());
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
