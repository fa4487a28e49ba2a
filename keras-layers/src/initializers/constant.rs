use keras_tensor::{DType, Error, Result, Shape, Tensor, ops};
use serde::{Deserialize, Serialize};

use super::Initialize;

/// All 0.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Zeros {}

impl Initialize for Zeros {
    fn initialize(&self, shape: &Shape, dtype: DType) -> Result<Tensor> {
        ops::zeros(shape, dtype)
    }
}

/// All 1.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ones {}

impl Initialize for Ones {
    fn initialize(&self, shape: &Shape, dtype: DType) -> Result<Tensor> {
        ops::ones(shape, dtype)
    }
}

/// All the same.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Constant {
    value: f64,
}

impl Constant {
    /// This value.
    pub fn new(value: f64) -> Self {
        Constant { value }
    }
}

impl Initialize for Constant {
    fn initialize(&self, shape: &Shape, dtype: DType) -> Result<Tensor> {
        ops::full(shape, self.value, dtype)
    }
}

/// `gain` on the diagonal of a matrix, 0 elsewhere.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Identity {
    gain: f64,
}

impl Default for Identity {
    fn default() -> Self {
        Identity { gain: 1.0 }
    }
}

impl Identity {
    /// What stands on the diagonal; Keras's default is 1.
    pub fn new(gain: f64) -> Self {
        Identity { gain }
    }
}

impl Initialize for Identity {
    fn initialize(&self, shape: &Shape, dtype: DType) -> Result<Tensor> {
        let &[rows, columns] = &shape[..] else {
            return Err(Error::shape("Identity", &[shape], "a matrix"));
        };
        let places = ops::arange(0, rows as i64, DType::I32)?;
        ops::multiply(ops::one_hot(places, columns, dtype)?, self.gain)
    }
}
