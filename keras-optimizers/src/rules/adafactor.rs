use keras_tensor::{DType, Error, Result, Shape, Tensor, Variable, ops};
use serde::{Deserialize, Serialize};

use crate::{Common, Slot, Step, UpdateRule, update};

/// Adam without a mean, whose mean squares of a matrix are kept as one number a row and one a column (Shazeer and Stern,
/// 2018).
///
/// With `b = 1 - t^beta_2_decay` and `s = g^2 + epsilon_1`: `r += (1 - b) (mean(s, -1) - r)`, `c` likewise over the last
/// axis but one, `v = r / mean(r) * c`; vectors keep `v` itself. Then `u = g / sqrt(v)`, shortened to a root mean square of
/// `clip_threshold`, and `w -= max(epsilon_2, rms(w)) * min(lr, 1 / sqrt(t)) * u`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Adafactor {
    #[serde(flatten, deserialize_with = "Common::read::<Adafactor, _>")]
    common: Common,
    beta_2_decay: f64,
    epsilon_1: f64,
    epsilon_2: f64,
    clip_threshold: f64,
    relative_step: bool,
}

impl Default for Adafactor {
    fn default() -> Self {
        Adafactor {
            common: Common::new("adafactor", 0.001),
            beta_2_decay: -0.8,
            epsilon_1: 1e-30,
            epsilon_2: 1e-3,
            clip_threshold: 1.0,
            relative_step: true,
        }
    }
}

impl Adafactor {
    /// With Keras's defaults.
    pub fn new() -> Self {
        Adafactor::default()
    }

    /// How fast the share that means keep nears 1; default -0.8.
    pub fn beta_2_decay(mut self, beta_2_decay: f64) -> Self {
        self.beta_2_decay = beta_2_decay;
        self
    }

    /// Added to squares of gradients; default 1e-30.
    pub fn epsilon_1(mut self, epsilon_1: f64) -> Self {
        self.epsilon_1 = epsilon_1;
        self
    }

    /// The least root mean square that a weight counts with; default 1e-3.
    pub fn epsilon_2(mut self, epsilon_2: f64) -> Self {
        self.epsilon_2 = epsilon_2;
        self
    }

    /// The largest root mean square of an update before the rate; default 1.
    pub fn clip_threshold(mut self, clip_threshold: f64) -> Self {
        self.clip_threshold = clip_threshold;
        self
    }

    /// Whether the rate is at most `1 / sqrt(t)`; it always is in Keras, whatever is set here.
    pub fn relative_step(mut self, relative_step: bool) -> Self {
        self.relative_step = relative_step;
        self
    }
}

fn rms(x: &Tensor) -> Result<f64> {
    ops::sqrt(ops::mean(ops::square(x)?, None)?)?.item()
}

impl UpdateRule for Adafactor {
    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn slots(&self, weight: &Variable) -> Vec<Vec<Slot>> {
        let shape = weight.shape();
        // Keras names these by the weight alone, and keeps a whole number in their place for vectors.
        let (rows, columns) = match &shape[..] {
            [rest @ .., rows, columns] => {
                let with = |n: usize| -> Shape { rest.iter().copied().chain([n]).collect() };
                let of = |shape| Slot::zeros("").of_shape(shape);
                (of(with(*rows)), of(with(*columns)))
            }
            _ => {
                let number = Slot::zeros("")
                    .of_shape(Shape::scalar())
                    .of_dtype(DType::I32);
                (number.clone(), number)
            }
        };
        vec![vec![rows, columns, Slot::zeros("velocity")]]
    }

    fn check(&self) -> Result<()> {
        if self.clip_threshold > 0.0 {
            return Ok(());
        }
        let got = self.clip_threshold;
        Err(Error::argument("Adafactor.clip_threshold", got, "above 0"))
    }

    fn step(
        &self,
        step: &Step,
        weight: &Variable,
        gradient: Tensor,
        state: &[Variable],
    ) -> Result<()> {
        let number = step.number as f64;
        let rate = step.learning_rate.min(1.0 / number.sqrt());
        let length = self.epsilon_2.max(rms(&weight.value()?)?) * rate;
        let square = ops::add(ops::square(&gradient)?, self.epsilon_1)?;
        let share = number.powf(self.beta_2_decay);
        let [rows, columns, velocity] = state else {
            return Err(Error::argument("state", state.len(), "three slots"));
        };
        let v = if weight.shape().rank() >= 2 {
            let r = update::approach(rows, &ops::mean(&square, -1)?, share)?;
            let c = update::approach(columns, &ops::mean(&square, -2)?, share)?;
            let mean = ops::expand_dims(ops::mean(&r, -1)?, -1)?;
            let r = ops::expand_dims(ops::divide(r, mean)?, -1)?;
            let v = ops::multiply(r, ops::expand_dims(c, -2)?)?;
            velocity.assign(&v)?;
            v
        } else {
            update::approach(velocity, &square, share)?
        };
        let u = ops::divide(&gradient, ops::sqrt(v)?)?;
        let shortened = (rms(&u)? / self.clip_threshold).max(1.0);
        update::subtract(weight, u, length / shortened)
    }
}
