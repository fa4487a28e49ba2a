use keras_tensor::{Error, Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::{Call, Dims, Layer};

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
    batch_shape: Dims,
    sparse: bool,
    ragged: bool,
}

/// Keras's name for making an [`InputLayer`].
pub type Input = InputLayer;

impl Default for InputLayer {
    fn default() -> Self {
        InputLayer {
            batch_shape: [None].into(),
            sparse: false,
            ragged: false,
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

    /// The shape, batch axis included.
    pub fn dims(&self) -> &Dims {
        &self.batch_shape
    }
}

impl Layer for InputLayer {
    fn is_weightless(&self) -> bool {
        true
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
