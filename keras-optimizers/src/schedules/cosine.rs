use keras_tensor::{Error, Result};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

use super::{Schedule, check_steps, write_steps};

/// Half a cosine from the first rate down to `alpha` times it, after a linear warm-up if wanted (Loshchilov and Hutter,
/// 2016).
///
/// `rate * ((1 - alpha) * (1 + cos(pi * step / decay_steps)) / 2 + alpha)`. With a warm-up the rate rises linearly from
/// `initial_learning_rate` to `warmup_target` in `warmup_steps`, and decays from there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CosineDecay {
    initial_learning_rate: f64,
    #[serde(serialize_with = "write_steps")]
    decay_steps: f64,
    #[serde(default)]
    alpha: f64,
    #[serde(default = "cosine_name")]
    name: String,
    #[serde(default)]
    warmup_target: Option<f64>,
    #[serde(default, serialize_with = "write_steps")]
    warmup_steps: f64,
}

fn cosine_name() -> String {
    "CosineDecay".into()
}

impl CosineDecay {
    /// The first rate, and the number of steps, at least 1, that the decay takes.
    pub fn new(initial_learning_rate: f64, decay_steps: u64) -> Self {
        CosineDecay {
            initial_learning_rate,
            decay_steps: decay_steps as f64,
            alpha: 0.0,
            name: cosine_name(),
            warmup_target: None,
            warmup_steps: 0.0,
        }
    }

    /// The last rate as a share of the highest; default 0.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Keras's `warmup_target` and `warmup_steps`: the rate to rise to, and in how many steps; default no warm-up.
    pub fn warmup(mut self, target: f64, steps: u64) -> Self {
        self.warmup_target = Some(target);
        self.warmup_steps = steps as f64;
        self
    }
}

impl Schedule for CosineDecay {
    fn learning_rate(&self, step: u64) -> f64 {
        let step = step as f64;
        let (from, begin) = match self.warmup_target {
            Some(target) if step < self.warmup_steps => {
                let rise = target - self.initial_learning_rate;
                return rise * (step / self.warmup_steps) + self.initial_learning_rate;
            }
            Some(target) => (target, self.warmup_steps),
            None => (self.initial_learning_rate, 0.0),
        };
        let part = (step - begin).min(self.decay_steps) / self.decay_steps;
        from * ((1.0 - self.alpha) * wave(part) + self.alpha)
    }

    fn check(&self) -> Result<()> {
        check_steps("CosineDecay.decay_steps", self.decay_steps)
    }
}

/// [`CosineDecay`] again and again, each time `t_mul` times as long and from `m_mul` times the rate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CosineDecayRestarts {
    initial_learning_rate: f64,
    #[serde(serialize_with = "write_steps")]
    first_decay_steps: f64,
    #[serde(default = "default_t_mul")]
    t_mul: f64,
    #[serde(default = "default_m_mul")]
    m_mul: f64,
    #[serde(default)]
    alpha: f64,
    #[serde(default = "restarts_name")]
    name: String,
}

fn default_t_mul() -> f64 {
    2.0
}

fn default_m_mul() -> f64 {
    1.0
}

fn restarts_name() -> String {
    "SGDRDecay".into()
}

impl CosineDecayRestarts {
    /// The first rate, and the number of steps, at least 1, that the first decay takes.
    pub fn new(initial_learning_rate: f64, first_decay_steps: u64) -> Self {
        CosineDecayRestarts {
            initial_learning_rate,
            first_decay_steps: first_decay_steps as f64,
            t_mul: default_t_mul(),
            m_mul: default_m_mul(),
            alpha: 0.0,
            name: restarts_name(),
        }
    }

    /// How many times as long each decay is as the one before; default 2.
    pub fn t_mul(mut self, t_mul: f64) -> Self {
        self.t_mul = t_mul;
        self
    }

    /// How many times as high each decay begins as the one before; default 1.
    pub fn m_mul(mut self, m_mul: f64) -> Self {
        self.m_mul = m_mul;
        self
    }

    /// The last rate of each decay as a share of `initial_learning_rate`; default 0.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }
}

impl Schedule for CosineDecayRestarts {
    fn learning_rate(&self, step: u64) -> f64 {
        let periods = step as f64 / self.first_decay_steps;
        let (restarts, part) = if self.t_mul == 1.0 {
            (periods.floor(), periods.fract())
        } else {
            // Restart i comes after 1 + t_mul + ... + t_mul^(i - 1) first periods.
            let restarts = ((1.0 - periods * (1.0 - self.t_mul)).ln() / self.t_mul.ln()).floor();
            let length = self.t_mul.powf(restarts);
            let before = (1.0 - length) / (1.0 - self.t_mul);
            (restarts, (periods - before) / length)
        };
        let height = self.m_mul.powf(restarts);
        self.initial_learning_rate * ((1.0 - self.alpha) * height * wave(part) + self.alpha)
    }

    fn check(&self) -> Result<()> {
        check_steps(
            "CosineDecayRestarts.first_decay_steps",
            self.first_decay_steps,
        )?;
        if self.t_mul > 0.0 {
            return Ok(());
        }
        Err(Error::argument(
            "CosineDecayRestarts.t_mul",
            self.t_mul,
            "a number above 0",
        ))
    }
}

/// A cosine from 1 at 0 down to 0 at 1.
fn wave(part: f64) -> f64 {
    0.5 * (1.0 + (PI * part).cos())
}
