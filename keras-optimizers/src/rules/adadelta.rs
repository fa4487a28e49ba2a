use keras_tensor::{Result, Tensor, Variable, ops};
use serde::{Deserialize, Serialize};

use crate::{Common, Slot, Step, UpdateRule, update};

/// Adagrad with a window: steps scaled by the size of recent steps over that of recent gradients (Zeiler, 2012).
///
/// `a = rho * a + (1 - rho) * g^2; d = sqrt(u + epsilon) / sqrt(a + epsilon) * g; u = rho * u + (1 - rho) * d^2; w -= lr * d`
///
/// Keras's default rate of 0.001 is small for this rule; the paper has 1.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Adadelta {
    #[serde(flatten, deserialize_with = "Common::read::<Adadelta, _>")]
    common: Common,
    rho: f64,
    epsilon: f64,
}

impl Default for Adadelta {
    fn default() -> Self {
        Adadelta {
            common: Common::new("adadelta", 0.001),
            rho: 0.95,
            epsilon: 1e-7,
        }
    }
}

impl Adadelta {
    /// With Keras's defaults.
    pub fn new() -> Self {
        Adadelta::default()
    }

    /// The share of both means that each step keeps; default 0.95.
    pub fn rho(mut self, rho: f64) -> Self {
        self.rho = rho;
        self
    }

    /// Added under both square roots; default 1e-7.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }
}

impl UpdateRule for Adadelta {
    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn slots(&self, _: &Variable) -> Vec<Vec<Slot>> {
        vec![vec![
            Slot::zeros("accumulated_grad"),
            Slot::zeros("accumulated_delta_var"),
        ]]
    }

    fn step(
        &self,
        step: &Step,
        weight: &Variable,
        gradient: Tensor,
        state: &[Variable],
    ) -> Result<()> {
        let root = |mean: &Tensor| ops::sqrt(ops::add(mean, self.epsilon)?);
        let squares = update::blend(&state[0], self.rho, &ops::square(&gradient)?)?;
        let scale = root(&state[1].value()?)?;
        let delta = ops::divide(ops::multiply(scale, &gradient)?, root(&squares)?)?;
        update::blend(&state[1], self.rho, &ops::square(&delta)?)?;
        update::subtract(weight, delta, step.learning_rate)
    }
}
