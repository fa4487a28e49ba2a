use keras_tensor::{Result, Tensor, Variable, op, ops};
use serde::{Deserialize, Serialize};

use crate::{Common, Slot, Step, UpdateRule, update};

/// Steps along a running mean of gradients, divided by the root of the running mean of their squares (Kingma and Ba, 2014).
///
/// `m += (g - m) * (1 - beta_1); v += (g^2 - v) * (1 - beta_2)`, then with
/// `alpha = lr * sqrt(1 - beta_2^t) / (1 - beta_1^t)`: `w -= alpha * m / (sqrt(v) + epsilon)`. With `amsgrad` the largest
/// `v` so far divides.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Adam {
    #[serde(flatten, deserialize_with = "Common::read::<Adam, _>")]
    common: Common,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    amsgrad: bool,
}

impl Default for Adam {
    fn default() -> Self {
        Adam {
            common: Common::new("adam", 0.001),
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
            amsgrad: false,
        }
    }
}

impl Adam {
    /// With Keras's defaults.
    pub fn new() -> Self {
        Adam::default()
    }

    /// The share of the mean of gradients that each step keeps; default 0.9.
    pub fn beta_1(mut self, beta_1: f64) -> Self {
        self.beta_1 = beta_1;
        self
    }

    /// The share of the mean of squared gradients that each step keeps; default 0.999.
    pub fn beta_2(mut self, beta_2: f64) -> Self {
        self.beta_2 = beta_2;
        self
    }

    /// Added to the square root, against division by 0; default 1e-7.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Whether the largest mean of squares so far divides (Reddi et al., 2018); default false.
    pub fn amsgrad(mut self, amsgrad: bool) -> Self {
        self.amsgrad = amsgrad;
        self
    }
}

impl UpdateRule for Adam {
    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn slots(&self, _: &Variable) -> Vec<Vec<Slot>> {
        let mut slots = vec![vec![Slot::zeros("momentum"), Slot::zeros("velocity")]];
        if self.amsgrad {
            slots.push(vec![Slot::zeros("velocity_hat")]);
        }
        slots
    }

    fn step(
        &self,
        step: &Step,
        weight: &Variable,
        gradient: Tensor,
        state: &[Variable],
    ) -> Result<()> {
        let left = |beta| 1.0 - step.power(beta, weight.dtype());
        let alpha = step.learning_rate * left(self.beta_2).sqrt() / left(self.beta_1);
        if !self.amsgrad {
            let adam = op::Update::Adam(op::Adam {
                alpha,
                beta_1: self.beta_1,
                beta_2: self.beta_2,
                epsilon: self.epsilon,
            });
            return update::fused(adam, weight, gradient, state);
        }
        let momentum = update::approach(&state[0], &gradient, 1.0 - self.beta_1)?;
        let squares = ops::square(&gradient)?;
        let velocity = update::approach(&state[1], &squares, 1.0 - self.beta_2)?;
        let largest = ops::maximum(&state[2], velocity)?;
        state[2].assign(&largest)?;
        let root = ops::add(ops::sqrt(largest)?, self.epsilon)?;
        let scaled = ops::multiply(momentum, alpha)?;
        update::subtract(weight, ops::divide(scaled, root)?, 1.0)
    }
}
