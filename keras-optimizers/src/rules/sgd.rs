use keras_tensor::{Error, Result, Tensor, Variable, op};
use serde::{Deserialize, Serialize};

use crate::{Common, Slot, Step, UpdateRule, update};

/// Gradient descent, with momentum if wanted.
///
/// `w -= lr * g`; with momentum `v = momentum * v - lr * g; w += v`, and with Nesterov's `w += momentum * v - lr * g`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct SGD {
    #[serde(flatten, deserialize_with = "Common::read::<SGD, _>")]
    common: Common,
    momentum: f64,
    nesterov: bool,
}

impl Default for SGD {
    fn default() -> Self {
        SGD {
            common: Common::new("sgd", 0.01),
            momentum: 0.0,
            nesterov: false,
        }
    }
}

impl SGD {
    /// With Keras's defaults.
    pub fn new() -> Self {
        SGD::default()
    }

    /// The share of the previous step that is added to the next, from 0 to 1; default 0.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Whether to look ahead along the momentum; default false.
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.nesterov = nesterov;
        self
    }
}

impl UpdateRule for SGD {
    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn slots(&self, _: &Variable) -> Vec<Vec<Slot>> {
        if self.momentum == 0.0 {
            return Vec::new();
        }
        vec![vec![Slot::zeros("momentum")]]
    }

    fn step(
        &self,
        step: &Step,
        weight: &Variable,
        gradient: Tensor,
        state: &[Variable],
    ) -> Result<()> {
        let descent = op::Update::Sgd(op::Sgd {
            learning_rate: step.learning_rate,
            momentum: self.momentum,
            nesterov: self.nesterov,
        });
        update::fused(descent, weight, gradient, state)
    }

    fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.momentum) {
            return Err(Error::argument(
                "SGD.momentum",
                self.momentum,
                "a number from 0 to 1",
            ));
        }
        Ok(())
    }
}
