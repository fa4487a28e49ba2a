use keras_tensor::{Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::activations;
use crate::{Call, Follows, Layer};

/// Applies an activation function to each element.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Activation {
    activation: activations::Activation,
}

impl Activation {
    /// The function, by name or as a value.
    pub fn new(activation: impl Into<activations::Activation>) -> Self {
        Activation {
            activation: activation.into(),
        }
    }
}

impl Layer for Activation {
    fn is_weightless(&self) -> bool {
        true
    }

    fn follows(&self) -> Option<Follows> {
        self.activation.fused().ok()?.map(Follows::Activation)
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        self.activation.call(x)
    }
}
