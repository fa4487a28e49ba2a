use keras_tensor::{Error, Result, Tensor, Variable, ops};
use serde::{Deserialize, Serialize};

use crate::{Common, Slot, Step, UpdateRule};

/// Follow the regularized leader, which makes weights exactly 0 (McMahan et al., 2013).
///
/// With `p = -learning_rate_power` and `l2 = l2_regularization_strength + beta / (2 * lr)`:
/// `n' = n + g^2; z += g + 2 * l2_shrinkage * w - (n'^p - n^p) / lr * w; w = (clip(z, -l1, l1) - z) / (n'^p / lr + 2 * l2)`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Ftrl {
    #[serde(flatten, deserialize_with = "Common::read::<Ftrl, _>")]
    common: Common,
    learning_rate_power: f64,
    initial_accumulator_value: f64,
    l1_regularization_strength: f64,
    l2_regularization_strength: f64,
    l2_shrinkage_regularization_strength: f64,
    beta: f64,
}

impl Default for Ftrl {
    fn default() -> Self {
        Ftrl {
            common: Common::new("ftrl", 0.001),
            learning_rate_power: -0.5,
            initial_accumulator_value: 0.1,
            l1_regularization_strength: 0.0,
            l2_regularization_strength: 0.0,
            l2_shrinkage_regularization_strength: 0.0,
            beta: 0.0,
        }
    }
}

impl Ftrl {
    /// With Keras's defaults.
    pub fn new() -> Self {
        Ftrl::default()
    }

    /// How the rate falls with the sum of squares, at most 0; default -0.5.
    pub fn learning_rate_power(mut self, learning_rate_power: f64) -> Self {
        self.learning_rate_power = learning_rate_power;
        self
    }

    /// What the sums of squares start from, at least 0; default 0.1.
    pub fn initial_accumulator_value(mut self, initial_accumulator_value: f64) -> Self {
        self.initial_accumulator_value = initial_accumulator_value;
        self
    }

    /// The strength of the L1 penalty, at least 0; default 0.
    pub fn l1_regularization_strength(mut self, l1_regularization_strength: f64) -> Self {
        self.l1_regularization_strength = l1_regularization_strength;
        self
    }

    /// The strength of the L2 penalty, which stabilizes, at least 0; default 0.
    pub fn l2_regularization_strength(mut self, l2_regularization_strength: f64) -> Self {
        self.l2_regularization_strength = l2_regularization_strength;
        self
    }

    /// The strength of the L2 penalty on the size of the weights, at least 0; default 0.
    pub fn l2_shrinkage_regularization_strength(
        mut self,
        l2_shrinkage_regularization_strength: f64,
    ) -> Self {
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength;
        self
    }

    /// The beta of the paper; default 0.
    pub fn beta(mut self, beta: f64) -> Self {
        self.beta = beta;
        self
    }
}

impl UpdateRule for Ftrl {
    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn slots(&self, _: &Variable) -> Vec<Vec<Slot>> {
        vec![vec![
            Slot::filled("accumulator", self.initial_accumulator_value),
            Slot::zeros("linear"),
        ]]
    }

    fn step(
        &self,
        step: &Step,
        weight: &Variable,
        gradient: Tensor,
        state: &[Variable],
    ) -> Result<()> {
        let (accumulator, linear) = (&state[0], &state[1]);
        let (rate, power) = (step.learning_rate, -self.learning_rate_power);
        let (l1, shrinkage) = (
            self.l1_regularization_strength,
            self.l2_shrinkage_regularization_strength,
        );
        let l2 = self.l2_regularization_strength + self.beta / (2.0 * rate);

        let sum = ops::add(accumulator, ops::square(&gradient)?)?;
        let powered = ops::power(&sum, power)?;
        let growth = ops::subtract(&powered, ops::power(accumulator, power)?)?;
        let growth = ops::multiply(ops::divide(growth, rate)?, weight)?;
        let shrunk = ops::add(&gradient, ops::multiply(weight, 2.0 * shrinkage)?)?;
        let line = ops::add(linear, ops::subtract(shrunk, growth)?)?;
        let quadratic = ops::add(ops::divide(powered, rate)?, 2.0 * l2)?;
        let excess = ops::subtract(ops::clip(&line, -l1, l1)?, &line)?;
        weight.assign(&ops::divide(excess, quadratic)?)?;
        linear.assign(&line)?;
        accumulator.assign(&sum)
    }

    fn check(&self) -> Result<()> {
        if self.learning_rate_power > 0.0 {
            return Err(Error::argument(
                "Ftrl.learning_rate_power",
                self.learning_rate_power,
                "at most 0",
            ));
        }
        for (name, value) in [
            ("initial_accumulator_value", self.initial_accumulator_value),
            (
                "l1_regularization_strength",
                self.l1_regularization_strength,
            ),
            (
                "l2_regularization_strength",
                self.l2_regularization_strength,
            ),
            (
                "l2_shrinkage_regularization_strength",
                self.l2_shrinkage_regularization_strength,
            ),
        ] {
            if value < 0.0 {
                return Err(Error::argument(format!("Ftrl.{name}"), value, "at least 0"));
            }
        }
        Ok(())
    }
}
