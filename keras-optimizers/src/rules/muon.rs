use keras_tensor::{Result, Tensor, Variable, ops};
use serde::{Deserialize, Serialize, Serializer};

use super::Adam;
use crate::{Common, Slot, Step, UpdateRule, update};

/// Momentum whose update of a matrix is made orthogonal; other weights are Adam's (Jordan, 2024).
///
/// `m = momentum * m + g; u = orthogonal(g + momentum * m); w -= lr * rms_rate * sqrt(max(rows, columns)) * u`, where
/// `orthogonal` is a few steps of a Newton-Schulz iteration, `x = a x + (b x xᵗ + c (x xᵗ)²) x` from `x / |x|`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Muon {
    #[serde(flatten, deserialize_with = "Common::read::<Muon, _>")]
    common: Common,
    adam_beta_1: f64,
    adam_beta_2: f64,
    epsilon: f64,
    exclude_layers: Vec<String>,
    muon_a: f64,
    muon_b: f64,
    muon_c: f64,
    #[serde(serialize_with = "as_python")]
    adam_lr_ratio: f64,
    momentum: f64,
    ns_steps: usize,
    nesterov: bool,
    exclude_embeddings: bool,
    adam_weight_decay: Option<f64>,
    rms_rate: Option<f64>,
}

/// Keras's default is the integer 1, and it is written as one.
fn as_python<S: Serializer>(ratio: &f64, s: S) -> Result<S::Ok, S::Error> {
    match *ratio {
        1.0 => s.serialize_i64(1),
        other => s.serialize_f64(other),
    }
}

impl Default for Muon {
    fn default() -> Self {
        let mut common = Common::new("muon", 0.001);
        common.weight_decay = Some(0.004);
        Muon {
            common,
            adam_beta_1: 0.9,
            adam_beta_2: 0.999,
            epsilon: 1e-7,
            exclude_layers: Vec::new(),
            muon_a: 3.4445,
            muon_b: -4.7750,
            muon_c: 2.0315,
            adam_lr_ratio: 1.0,
            momentum: 0.95,
            ns_steps: 5,
            nesterov: true,
            exclude_embeddings: true,
            adam_weight_decay: Some(0.004),
            rms_rate: Some(0.2),
        }
    }
}

impl Muon {
    /// With Keras's defaults.
    pub fn new() -> Self {
        Muon::default()
    }

    /// Weights with one of these texts in their path are Adam's. Keras takes regular expressions; here they are plain.
    pub fn exclude_layers(mut self, texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.exclude_layers = texts.into_iter().map(Into::into).collect();
        self
    }

    /// The share of the mean of gradients that each of Adam's steps keeps; default 0.9.
    pub fn adam_beta_1(mut self, adam_beta_1: f64) -> Self {
        self.adam_beta_1 = adam_beta_1;
        self
    }

    /// The share of the mean of squares that each of Adam's steps keeps; default 0.999.
    pub fn adam_beta_2(mut self, adam_beta_2: f64) -> Self {
        self.adam_beta_2 = adam_beta_2;
        self
    }

    /// Added to the root of the mean of squares, against division by 0; default 1e-7.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Adam's rate as a share of the learning rate; default 1.
    pub fn adam_lr_ratio(mut self, adam_lr_ratio: f64) -> Self {
        self.adam_lr_ratio = adam_lr_ratio;
        self
    }

    /// The share of the momentum that each step keeps; default 0.95.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Steps of the Newton-Schulz iteration; default 5.
    pub fn ns_steps(mut self, ns_steps: usize) -> Self {
        self.ns_steps = ns_steps;
        self
    }

    /// Whether the momentum looks ahead; default true.
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.nesterov = nesterov;
        self
    }

    /// Whether weights with `embedding` in their path are Adam's; default true.
    pub fn exclude_embeddings(mut self, exclude_embeddings: bool) -> Self {
        self.exclude_embeddings = exclude_embeddings;
        self
    }

    /// The weight decay of weights that are Adam's; default 0.004.
    pub fn adam_weight_decay(mut self, adam_weight_decay: Option<f64>) -> Self {
        self.adam_weight_decay = adam_weight_decay;
        self
    }

    /// The root mean square of an update of a square matrix at a rate of 1; default 0.2.
    pub fn rms_rate(mut self, rms_rate: Option<f64>) -> Self {
        self.rms_rate = rms_rate;
        self
    }

    fn is_adam_s(&self, weight: &Variable) -> bool {
        let path = weight.path();
        weight.shape().rank() != 2
            || (self.exclude_embeddings && path.to_lowercase().contains("embedding"))
            || self.exclude_layers.iter().any(|text| path.contains(text))
    }

    /// A few steps of the Newton-Schulz iteration towards the nearest orthogonal matrix.
    fn orthogonal(&self, x: &Tensor) -> Result<Tensor> {
        let is_tall = x.shape()[0] > x.shape()[1];
        let turned = |x: Tensor| match is_tall {
            true => ops::transpose(x, None),
            false => Ok(x),
        };
        let norm = ops::sqrt(ops::sum(ops::square(x)?, None)?)?;
        let mut x = turned(ops::divide(x, ops::add(norm, 1e-7)?)?)?;
        for _ in 0..self.ns_steps {
            let square = ops::matmul_transposed(&x, &x, false, true)?;
            let fourth = ops::matmul(ops::multiply(&square, self.muon_c)?, &square)?;
            let factor = ops::add(ops::multiply(square, self.muon_b)?, fourth)?;
            x = ops::add(ops::multiply(&x, self.muon_a)?, ops::matmul(factor, &x)?)?;
        }
        turned(x)
    }
}

impl UpdateRule for Muon {
    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn slots(&self, weight: &Variable) -> Vec<Vec<Slot>> {
        let mut slots = vec![Slot::zeros("momentum")];
        if self.is_adam_s(weight) {
            slots.push(Slot::zeros("velocity"));
        }
        vec![slots]
    }

    fn weight_decay(&self, weight: &Variable) -> Option<f64> {
        match self.is_adam_s(weight) {
            true => self.adam_weight_decay,
            false => self.common.weight_decay,
        }
    }

    fn step(
        &self,
        step: &Step,
        weight: &Variable,
        gradient: Tensor,
        state: &[Variable],
    ) -> Result<()> {
        if self.is_adam_s(weight) {
            let adam = Adam::new()
                .beta_1(self.adam_beta_1)
                .beta_2(self.adam_beta_2)
                .epsilon(self.epsilon);
            let learning_rate = step.learning_rate * self.adam_lr_ratio;
            let step = Step {
                learning_rate,
                ..*step
            };
            return adam.step(&step, weight, gradient, state);
        }
        let kept = ops::multiply(&state[0], self.momentum)?;
        let momentum = ops::add(&gradient, kept)?;
        state[0].assign(&momentum)?;
        let ahead = match self.nesterov {
            true => ops::add(&gradient, ops::multiply(momentum, self.momentum)?)?,
            false => momentum,
        };
        let longest = weight.shape().iter().max().copied().unwrap_or(1) as f64;
        let length = self.rms_rate.map_or(1.0, |rate| rate * longest.sqrt());
        let update = self.orthogonal(&ahead)?;
        update::subtract(weight, update, length * step.learning_rate)
    }
}
