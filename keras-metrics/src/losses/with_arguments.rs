use keras_tensor::{Result, Tensor};
use serde::{Deserialize, Serialize};

use super::{Base, LossFunction, cosine_similarity, huber};

/// [`cosine_similarity`](super::cosine_similarity), reduced.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct CosineSimilarity {
    #[serde(flatten)]
    base: Base,
    axis: isize,
}

impl Default for CosineSimilarity {
    fn default() -> Self {
        CosineSimilarity {
            base: Base::new("cosine_similarity"),
            axis: -1,
        }
    }
}

impl CosineSimilarity {
    /// Along the last axis.
    pub fn new() -> Self {
        CosineSimilarity::default()
    }

    /// Along another axis.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }
}

impl LossFunction for CosineSimilarity {
    fn call(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        cosine_similarity(y_true, y_pred, self.axis)
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }
}

/// [`huber`](super::huber), reduced.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Huber {
    #[serde(flatten)]
    base: Base,
    delta: f64,
}

impl Default for Huber {
    fn default() -> Self {
        Huber {
            base: Base::new("huber_loss"),
            delta: 1.0,
        }
    }
}

impl Huber {
    /// With a parabola up to a distance of 1.
    pub fn new() -> Self {
        Huber::default()
    }

    /// Up to which distance the loss is a parabola.
    pub fn delta(mut self, delta: f64) -> Self {
        self.delta = delta;
        self
    }
}

impl LossFunction for Huber {
    fn call(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        huber(y_true, y_pred, self.delta)
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }
}
