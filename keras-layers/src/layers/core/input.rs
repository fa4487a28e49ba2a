use keras_tensor::{DType, Error, Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::{Call, Dims, Layer, Symbolic};

/// Where a network's data comes in; in a list of layers it tells the shape before any data is there.
///
/// ```
/// use keras_layers::layers::Input;
/// let input = Input::new([784]); // batches of any size: (None, 784)
/// assert_eq!(input.dims().to_string(), "(None, 784)");
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct InputLayer {
    #[serde(alias = "batch_input_shape")]
    batch_shape: Dims,
    dtype: DType,
    sparse: bool,
    ragged: bool,
    #[serde(skip)]
    name: Option<String>,
    optional: bool,
}

/// Keras's name for making an [`InputLayer`].
pub type Input = InputLayer;

impl Default for InputLayer {
    fn default() -> Self {
        InputLayer {
            batch_shape: [None].into(),
            dtype: DType::F32,
            sparse: false,
            ragged: false,
            name: None,
            optional: false,
        }
    }
}

impl InputLayer {
    /// Inputs of this shape, without the batch axis.
    pub fn new(shape: impl Into<Dims>) -> Self {
        let shape = shape.into();
        InputLayer {
            batch_shape: std::iter::once(None).chain(shape.iter().copied()).collect(),
            ..InputLayer::default()
        }
    }

    /// Inputs of this shape, batch axis included.
    pub fn batch_shape(shape: impl Into<Dims>) -> Self {
        InputLayer {
            batch_shape: shape.into(),
            ..InputLayer::default()
        }
    }

    /// Of this dtype; float32 by default.
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// Under this name.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_string());
        self
    }

    /// The tensor that a graph begins with.
    pub fn symbolic(self) -> Symbolic {
        Symbolic::of_input(self)
    }

    /// The dtype of the data.
    pub fn dtype_of(&self) -> DType {
        self.dtype
    }

    /// The shape, batch axis included.
    pub fn dims(&self) -> &Dims {
        &self.batch_shape
    }
}

impl Layer for InputLayer {
    fn is_weightless(&self) -> bool {
        true
    }

    fn given_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn autocasts(&self) -> bool {
        false
    }

    // Its dtype is a string of its own config.
    fn base_keys(&self) -> &'static [&'static str] {
        &["name"]
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        if !self.batch_shape.fits(x.shape()) {
            return Err(Error::shape(
                "input",
                &[x.shape()],
                format!("data of shape {}", self.batch_shape),
            ));
        }
        Ok(x.clone())
    }
}
