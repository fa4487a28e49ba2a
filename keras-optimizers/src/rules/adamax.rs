use keras_tensor::{Result, Tensor, Variable, op};
use serde::{Deserialize, Serialize};

use crate::{Common, Slot, Step, UpdateRule, update};

/// Adam with the largest recent gradient in place of the mean square (Kingma and Ba, 2014, section 7).
///
/// `m += (g - m) * (1 - beta_1); u = max(beta_2 * u, |g|); w -= lr * m / ((1 - beta_1^t) * (u + epsilon))`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Adamax {
    #[serde(flatten, deserialize_with = "Common::read::<Adamax, _>")]
    common: Common,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

impl Default for Adamax {
    fn default() -> Self {
        Adamax {
            common: Common::new("adamax", 0.001),
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
        }
    }
}

impl Adamax {
    /// With Keras's defaults.
    pub fn new() -> Self {
        Adamax::default()
    }

    /// The share of the mean of gradients that each step keeps; default 0.9.
    pub fn beta_1(mut self, beta_1: f64) -> Self {
        self.beta_1 = beta_1;
        self
    }

    /// The share of the largest gradient that each step keeps; default 0.999.
    pub fn beta_2(mut self, beta_2: f64) -> Self {
        self.beta_2 = beta_2;
        self
    }

    /// Added to the largest gradient, against division by 0; default 1e-7.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }
}

impl UpdateRule for Adamax {
    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn slots(&self, _: &Variable) -> Vec<Vec<Slot>> {
        vec![vec![Slot::zeros("momentum"), Slot::zeros("norm")]]
    }

    fn step(
        &self,
        step: &Step,
        weight: &Variable,
        gradient: Tensor,
        state: &[Variable],
    ) -> Result<()> {
        let adamax = op::Update::Adamax(op::Adamax {
            learning_rate: step.learning_rate,
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            correction: 1.0 - step.power(self.beta_1, weight.dtype()),
            epsilon: self.epsilon,
        });
        update::fused(adamax, weight, gradient, state)
    }
}
