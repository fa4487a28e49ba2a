use keras_tensor::{Error, Result, Tensor, Variable, op};
use serde::{Deserialize, Serialize};

use crate::rule::rounded;
use crate::{Common, Slot, Step, UpdateRule, update};

/// Steps of one size in the direction of the momentum (Chen et al., 2023).
///
/// `w -= lr * sign(beta_1 * m + (1 - beta_1) * g); m = beta_2 * m + (1 - beta_2) * g`
///
/// It wants a rate 3 to 10 times smaller than Adam's, and as much more weight decay.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Lion {
    #[serde(flatten, deserialize_with = "Common::read::<Lion, _>")]
    common: Common,
    beta_1: f64,
    beta_2: f64,
}

impl Default for Lion {
    fn default() -> Self {
        Lion {
            common: Common::new("lion", 0.001),
            beta_1: 0.9,
            beta_2: 0.99,
        }
    }
}

impl Lion {
    /// With Keras's defaults.
    pub fn new() -> Self {
        Lion::default()
    }

    /// The share of the momentum in the direction, above 0 and at most 1; default 0.9.
    pub fn beta_1(mut self, beta_1: f64) -> Self {
        self.beta_1 = beta_1;
        self
    }

    /// The share of the momentum that each step keeps; default 0.99.
    pub fn beta_2(mut self, beta_2: f64) -> Self {
        self.beta_2 = beta_2;
        self
    }
}

impl UpdateRule for Lion {
    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn slots(&self, _: &Variable) -> Vec<Vec<Slot>> {
        vec![vec![Slot::zeros("momentum")]]
    }

    fn step(
        &self,
        step: &Step,
        weight: &Variable,
        gradient: Tensor,
        state: &[Variable],
    ) -> Result<()> {
        // Keras casts the betas before it subtracts them from 1.
        let beta_1 = rounded(self.beta_1, weight.dtype());
        let beta_2 = rounded(self.beta_2, weight.dtype());
        let lion = op::Update::Lion(op::Lion {
            learning_rate: step.learning_rate,
            beta_1,
            beta_2,
        });
        update::fused(lion, weight, gradient, state)
    }

    fn check(&self) -> Result<()> {
        if self.beta_1 <= 0.0 || self.beta_1 > 1.0 {
            return Err(Error::argument(
                "Lion.beta_1",
                self.beta_1,
                "above 0 and at most 1, or the momentum would not count",
            ));
        }
        Ok(())
    }
}
