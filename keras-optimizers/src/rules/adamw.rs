use keras_tensor::{Error, Result, Tensor, Variable};
use serde::{Deserialize, Deserializer, Serialize};

use crate::common::read_over;
use crate::{Adam, Common, OptimizerExt, Slot, Step, UpdateRule};

/// [`Adam`] with a weight decay of 0.004 (Loshchilov and Hutter, 2019).
///
/// `w -= lr * weight_decay * w`, then Adam's step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AdamW {
    #[serde(flatten, deserialize_with = "read_adam")]
    adam: Adam,
}

/// What automatic names begin with.
const BASE: &str = "adam_w";

/// What a config lacks is as in [`AdamW`] and not as in [`Adam`].
fn read_adam<'de, D: Deserializer<'de>>(d: D) -> Result<Adam, D::Error> {
    let mut adam: Adam = read_over(&AdamW::default().adam, d)?;
    adam.common_mut().base = BASE.into();
    Ok(adam)
}

impl Default for AdamW {
    fn default() -> Self {
        let mut adam = Adam::new().weight_decay(0.004);
        adam.common_mut().base = BASE.into();
        AdamW { adam }
    }
}

impl AdamW {
    /// With Keras's defaults.
    pub fn new() -> Self {
        AdamW::default()
    }

    /// The share of the mean of gradients that each step keeps; default 0.9.
    pub fn beta_1(mut self, beta_1: f64) -> Self {
        self.adam = self.adam.beta_1(beta_1);
        self
    }

    /// The share of the mean of squared gradients that each step keeps; default 0.999.
    pub fn beta_2(mut self, beta_2: f64) -> Self {
        self.adam = self.adam.beta_2(beta_2);
        self
    }

    /// Added to the square root, against division by 0; default 1e-7.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.adam = self.adam.epsilon(epsilon);
        self
    }

    /// Whether the largest mean of squares so far divides; default false.
    pub fn amsgrad(mut self, amsgrad: bool) -> Self {
        self.adam = self.adam.amsgrad(amsgrad);
        self
    }
}

impl UpdateRule for AdamW {
    fn common(&self) -> &Common {
        self.adam.common()
    }

    fn common_mut(&mut self) -> &mut Common {
        self.adam.common_mut()
    }

    fn slots(&self, weight: &Variable) -> Vec<Vec<Slot>> {
        self.adam.slots(weight)
    }

    fn step(
        &self,
        step: &Step,
        weight: &Variable,
        gradient: Tensor,
        state: &[Variable],
    ) -> Result<()> {
        self.adam.step(step, weight, gradient, state)
    }

    fn check(&self) -> Result<()> {
        if self.common().weight_decay.is_none() {
            return Err(Error::argument(
                "AdamW.weight_decay",
                "None",
                "a number; use Adam for training without weight decay",
            ));
        }
        Ok(())
    }
}
