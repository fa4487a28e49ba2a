use keras_tensor::{Result, Tensor, Variable, op, ops};
use serde::{Deserialize, Serialize};

use crate::{Common, Slot, Step, UpdateRule, update};

/// Steps divided by the root of a running mean of squared gradients (Tieleman and Hinton, 2012).
///
/// `v = rho * v + (1 - rho) * g^2; w -= lr * g / sqrt(v + epsilon)`. With `centered`, the square of the running mean of
/// gradients is taken off `v`. With `momentum`, `m = momentum * m + lr * g / sqrt(v + epsilon); w -= m`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct RMSprop {
    #[serde(flatten, deserialize_with = "Common::read::<RMSprop, _>")]
    common: Common,
    rho: f64,
    momentum: f64,
    epsilon: f64,
    centered: bool,
}

impl Default for RMSprop {
    fn default() -> Self {
        RMSprop {
            common: Common::new("rm_sprop", 0.001),
            rho: 0.9,
            momentum: 0.0,
            epsilon: 1e-7,
            centered: false,
        }
    }
}

impl RMSprop {
    /// With Keras's defaults.
    pub fn new() -> Self {
        RMSprop::default()
    }

    /// The share of the running means that each step keeps; default 0.9.
    pub fn rho(mut self, rho: f64) -> Self {
        self.rho = rho;
        self
    }

    /// The share of the previous step that is added to the next; default 0.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Added under the square root, against division by 0; default 1e-7.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Whether gradients are scaled by their variance instead of their mean square; default false.
    pub fn centered(mut self, centered: bool) -> Self {
        self.centered = centered;
        self
    }
}

impl UpdateRule for RMSprop {
    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn slots(&self, _: &Variable) -> Vec<Vec<Slot>> {
        let mut slots = vec![vec![Slot::zeros("velocity")]];
        if self.momentum > 0.0 {
            slots.push(vec![Slot::zeros("momentum")]);
        }
        if self.centered {
            slots.push(vec![Slot::zeros("average_gradient")]);
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
        if !self.centered {
            let rmsprop = op::Update::Rmsprop(op::Rmsprop {
                learning_rate: step.learning_rate,
                rho: self.rho,
                momentum: self.momentum,
                epsilon: self.epsilon,
            });
            return update::fused(rmsprop, weight, gradient, state);
        }
        let spread = update::blend(&state[0], self.rho, &ops::square(&gradient)?)?;
        let mean = update::blend(&state[state.len() - 1], self.rho, &gradient)?;
        let spread = ops::subtract(spread, ops::square(mean)?)?;
        let root = ops::sqrt(ops::add(spread, self.epsilon)?)?;
        let mut increment = ops::divide(ops::multiply(&gradient, step.learning_rate)?, root)?;
        if self.momentum > 0.0 {
            let momentum = &state[1];
            increment = ops::add(ops::multiply(momentum, self.momentum)?, increment)?;
            momentum.assign(&increment)?;
        }
        update::subtract(weight, increment, 1.0)
    }
}
