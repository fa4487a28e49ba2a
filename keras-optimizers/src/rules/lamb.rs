use keras_tensor::{Result, Tensor, Variable, ops};
use serde::{Deserialize, Serialize};

use crate::{Common, Slot, Step, UpdateRule, update};

/// Adam with steps as long as the weight itself, for large batches (You et al., 2019).
///
/// With Adam's corrected `m` and `v`: `u = m / (sqrt(v) + epsilon); w -= lr * (|w| / |u|) * u`, where the ratio is 1 if
/// one of both norms is 0.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Lamb {
    #[serde(flatten, deserialize_with = "Common::read::<Lamb, _>")]
    common: Common,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

impl Default for Lamb {
    fn default() -> Self {
        Lamb {
            common: Common::new("lamb", 0.001),
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
        }
    }
}

impl Lamb {
    /// With Keras's defaults.
    pub fn new() -> Self {
        Lamb::default()
    }

    /// The share of the mean of gradients that each step keeps; default 0.9.
    pub fn beta_1(mut self, beta_1: f64) -> Self {
        self.beta_1 = beta_1;
        self
    }

    /// The share of the mean of squares that each step keeps; default 0.999.
    pub fn beta_2(mut self, beta_2: f64) -> Self {
        self.beta_2 = beta_2;
        self
    }

    /// Added to the root of the mean of squares, against division by 0; default 1e-7.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }
}

fn norm(x: &Tensor) -> Result<f64> {
    ops::sqrt(ops::sum(ops::square(x)?, None)?)?.item()
}

impl UpdateRule for Lamb {
    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn slots(&self, _: &Variable) -> Vec<Vec<Slot>> {
        vec![vec![Slot::zeros("momentum"), Slot::zeros("velocity")]]
    }

    fn step(
        &self,
        step: &Step,
        weight: &Variable,
        gradient: Tensor,
        state: &[Variable],
    ) -> Result<()> {
        let m = update::approach(&state[0], &gradient, 1.0 - self.beta_1)?;
        let v = update::approach(&state[1], &ops::square(&gradient)?, 1.0 - self.beta_2)?;
        let left = |beta: f64| 1.0 - step.power(beta, weight.dtype());
        let root = ops::sqrt(ops::divide(v, left(self.beta_2))?)?;
        let m = ops::divide(m, left(self.beta_1))?;
        let amount = ops::divide(m, ops::add(root, self.epsilon)?)?;
        let ratio = match (norm(&weight.value()?)?, norm(&amount)?) {
            (w, u) if w > 0.0 && u > 0.0 => w / u,
            _ => 1.0,
        };
        update::subtract(weight, amount, ratio * step.learning_rate)
    }
}
