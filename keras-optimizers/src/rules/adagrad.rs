use keras_tensor::{Result, Tensor, Variable, op};
use serde::{Deserialize, Serialize};

use crate::{Common, Slot, Step, UpdateRule, update};

/// Steps that shrink with the sum of squared gradients, for each element on its own (Duchi et al., 2011).
///
/// `a += g^2; w -= lr * g / sqrt(a + epsilon)`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Adagrad {
    #[serde(flatten, deserialize_with = "Common::read::<Adagrad, _>")]
    common: Common,
    initial_accumulator_value: f64,
    epsilon: f64,
}

impl Default for Adagrad {
    fn default() -> Self {
        Adagrad {
            common: Common::new("adagrad", 0.001),
            initial_accumulator_value: 0.1,
            epsilon: 1e-7,
        }
    }
}

impl Adagrad {
    /// With Keras's defaults.
    pub fn new() -> Self {
        Adagrad::default()
    }

    /// What the sums start from, at least 0; default 0.1.
    pub fn initial_accumulator_value(mut self, initial_accumulator_value: f64) -> Self {
        self.initial_accumulator_value = initial_accumulator_value;
        self
    }

    /// Added under the square root, against division by 0; default 1e-7.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }
}

impl UpdateRule for Adagrad {
    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn slots(&self, _: &Variable) -> Vec<Vec<Slot>> {
        vec![vec![Slot::filled(
            "accumulator",
            self.initial_accumulator_value,
        )]]
    }

    fn step(
        &self,
        step: &Step,
        weight: &Variable,
        gradient: Tensor,
        state: &[Variable],
    ) -> Result<()> {
        let adagrad = op::Update::Adagrad(op::Adagrad {
            learning_rate: step.learning_rate,
            epsilon: self.epsilon,
        });
        update::fused(adagrad, weight, gradient, state)
    }
}
