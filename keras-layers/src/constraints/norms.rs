use keras_tensor::op::Fold;
use keras_tensor::{Result, Tensor, ops};
use serde::{Deserialize, Serialize};

use super::Constrain;
use crate::Axes;

const EPSILON: f64 = 1e-7;

/// `sqrt(sum(w^2))` along axes, which stay with size 1.
fn norm(w: &Tensor, axes: &Axes) -> Result<Tensor> {
    ops::sqrt(ops::reduce(ops::square(w)?, Fold::Sum, axes, true)?)
}

/// Norms of at most `max_value`: `w * clip(norm, 0, max) / (1e-7 + norm)`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct MaxNorm {
    max_value: f64,
    axis: Axes,
}

impl Default for MaxNorm {
    fn default() -> Self {
        MaxNorm {
            max_value: 2.0,
            axis: Axes::One(0),
        }
    }
}

impl MaxNorm {
    /// The largest norm; Keras's default is 2.
    pub fn new(max_value: f64) -> Self {
        MaxNorm {
            max_value,
            ..MaxNorm::default()
        }
    }

    /// Along which axes; 0 by default.
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }
}

impl Constrain for MaxNorm {
    fn constrain(&self, w: &Tensor) -> Result<Tensor> {
        let norm = norm(w, &self.axis)?;
        let wanted = ops::clip(&norm, 0.0, self.max_value)?;
        ops::multiply(w, ops::divide(&wanted, ops::add(&norm, EPSILON)?)?)
    }
}

/// Norms between two bounds, approached at a rate.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct MinMaxNorm {
    min_value: f64,
    max_value: f64,
    rate: f64,
    axis: Axes,
}

impl Default for MinMaxNorm {
    fn default() -> Self {
        MinMaxNorm {
            min_value: 0.0,
            max_value: 1.0,
            rate: 1.0,
            axis: Axes::One(0),
        }
    }
}

impl MinMaxNorm {
    /// The smallest and the largest norm; Keras's defaults are 0 and 1.
    pub fn new(min_value: f64, max_value: f64) -> Self {
        MinMaxNorm {
            min_value,
            max_value,
            ..MinMaxNorm::default()
        }
    }

    /// How much of the way is gone at each update; 1 by default.
    pub fn rate(mut self, rate: f64) -> Self {
        self.rate = rate;
        self
    }

    /// Along which axes; 0 by default.
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }
}

impl Constrain for MinMaxNorm {
    fn constrain(&self, w: &Tensor) -> Result<Tensor> {
        let norm = norm(w, &self.axis)?;
        let inside = ops::clip(&norm, self.min_value, self.max_value)?;
        let inside = ops::multiply(&inside, self.rate)?;
        let wanted = ops::add(&inside, ops::multiply(&norm, 1.0 - self.rate)?)?;
        ops::multiply(w, ops::divide(&wanted, ops::add(&norm, EPSILON)?)?)
    }
}

/// No element below 0.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NonNeg {}

impl Constrain for NonNeg {
    fn constrain(&self, w: &Tensor) -> Result<Tensor> {
        ops::relu(w)
    }
}

/// Norms of 1.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitNorm {
    axis: Axes,
}

impl Default for UnitNorm {
    fn default() -> Self {
        UnitNorm { axis: Axes::One(0) }
    }
}

impl UnitNorm {
    /// Along which axes; Keras's default is 0.
    pub fn new(axis: impl Into<Axes>) -> Self {
        UnitNorm { axis: axis.into() }
    }
}

impl Constrain for UnitNorm {
    fn constrain(&self, w: &Tensor) -> Result<Tensor> {
        ops::divide(w, ops::add(norm(w, &self.axis)?, EPSILON)?)
    }
}
