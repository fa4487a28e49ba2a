use keras_tensor::{Result, Tensor, ops};
use serde::{Deserialize, Serialize};

use crate::{Call, Layer};

/// The same elements of each sample in another shape; one axis may be -1, for what is left.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reshape {
    target_shape: Vec<isize>,
}

impl Reshape {
    /// The shape of a sample, without the batch axis.
    pub fn new(target_shape: impl Into<Vec<isize>>) -> Self {
        Reshape {
            target_shape: target_shape.into(),
        }
    }
}

impl Layer for Reshape {
    fn is_weightless(&self) -> bool {
        true
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        let batch = x.shape().first().copied().unwrap_or(1);
        let mut shape = vec![batch as isize];
        shape.extend(&self.target_shape);
        ops::reshape(x, &shape)
    }

    fn mask(&self, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }
}
