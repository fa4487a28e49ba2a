use keras_tensor::{DType, Result, Tensor, Variable, op};
use serde::{Deserialize, Serialize};

use crate::rule::rounded;
use crate::{Common, Slot, Step, UpdateRule, update};

/// Adam with Nesterov's momentum (Dozat, 2015).
///
/// With `u(t) = beta_1 * (1 - 0.96^t / 2)` and `p(t) = u(1) * ... * u(t)`, and `m` and `v` as in [`Adam`](crate::Adam):
/// `m' = u(t + 1) * m / (1 - p(t) * u(t + 1)) + (1 - u(t)) * g / (1 - p(t)); v' = v / (1 - beta_2^t)`;
/// `w -= lr * m' / (sqrt(v') + epsilon)`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Nadam {
    #[serde(flatten, deserialize_with = "Common::read::<Nadam, _>")]
    common: Common,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

impl Default for Nadam {
    fn default() -> Self {
        Nadam {
            common: Common::new("nadam", 0.001),
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
        }
    }
}

impl Nadam {
    /// With Keras's defaults.
    pub fn new() -> Self {
        Nadam::default()
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
}

impl UpdateRule for Nadam {
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
        let dtype = weight.dtype();
        let (beta_1, beta_2) = (rounded(self.beta_1, dtype), rounded(self.beta_2, dtype));
        let next = Step {
            number: step.number + 1,
            ..*step
        };
        let (u, next_u) = (self.u(step, dtype), self.u(&next, dtype));
        let product = rounded(step.shared, dtype);

        let nadam = op::Update::Nadam(op::Nadam {
            learning_rate: step.learning_rate,
            beta_1,
            beta_2,
            momentum: [next_u, 1.0 - product * next_u],
            gradient: [1.0 - u, 1.0 - product],
            correction: 1.0 - step.power(self.beta_2, dtype),
            epsilon: self.epsilon,
        });
        update::fused(nadam, weight, gradient, state)
    }

    /// The product of all momentum coefficients so far.
    fn shared(&self) -> Option<f64> {
        Some(1.0)
    }

    fn next_shared(&self, shared: f64, step: &Step) -> f64 {
        shared * self.u(step, DType::F32)
    }
}

impl Nadam {
    /// The momentum coefficient of a step.
    fn u(&self, step: &Step, dtype: DType) -> f64 {
        rounded(self.beta_1, dtype) * (1.0 - 0.5 * step.power(0.96, dtype))
    }
}
