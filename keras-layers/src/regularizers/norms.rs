use keras_tensor::{DType, Error, Result, Tensor, ops};
use serde::{Deserialize, Serialize};

use super::Regularize;

fn l1(w: &Tensor, factor: f64) -> Result<Tensor> {
    ops::multiply(ops::sum(ops::abs(w)?, None)?, factor)
}

fn l2(w: &Tensor, factor: f64) -> Result<Tensor> {
    ops::multiply(ops::sum(ops::square(w)?, None)?, factor)
}

/// `l1 * sum(|w|)`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct L1 {
    l1: f64,
}

impl Default for L1 {
    fn default() -> Self {
        L1 { l1: 0.01 }
    }
}

impl L1 {
    /// The factor; Keras's default is 0.01.
    pub fn new(l1: f64) -> Self {
        L1 { l1 }
    }
}

impl Regularize for L1 {
    fn penalty(&self, w: &Tensor) -> Result<Tensor> {
        l1(w, self.l1)
    }
}

/// `l2 * sum(w^2)`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct L2 {
    l2: f64,
}

impl Default for L2 {
    fn default() -> Self {
        L2 { l2: 0.01 }
    }
}

impl L2 {
    /// The factor; Keras's default is 0.01.
    pub fn new(l2: f64) -> Self {
        L2 { l2 }
    }
}

impl Regularize for L2 {
    fn penalty(&self, w: &Tensor) -> Result<Tensor> {
        l2(w, self.l2)
    }
}

/// `l1 * sum(|w|) + l2 * sum(w^2)`; made by the name `"l1_l2"` both factors are 0.01.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct L1L2 {
    l1: f64,
    l2: f64,
}

impl Default for L1L2 {
    fn default() -> Self {
        L1L2 { l1: 0.01, l2: 0.01 }
    }
}

impl L1L2 {
    /// Both factors.
    pub fn new(l1: f64, l2: f64) -> Self {
        L1L2 { l1, l2 }
    }
}

impl Regularize for L1L2 {
    fn penalty(&self, w: &Tensor) -> Result<Tensor> {
        ops::add(l1(w, self.l1)?, l2(w, self.l2)?)
    }
}

/// Rows (or columns) of a matrix at right angles: `factor * sum(|off-diagonal products of unit rows|) / pairs`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct OrthogonalRegularizer {
    factor: f64,
    mode: String,
}

impl Default for OrthogonalRegularizer {
    fn default() -> Self {
        OrthogonalRegularizer {
            factor: 0.01,
            mode: "rows".into(),
        }
    }
}

impl OrthogonalRegularizer {
    /// The factor, and `"rows"` or `"columns"`.
    pub fn new(factor: f64, mode: &str) -> Self {
        OrthogonalRegularizer {
            factor,
            mode: mode.into(),
        }
    }
}

impl Regularize for OrthogonalRegularizer {
    fn penalty(&self, w: &Tensor) -> Result<Tensor> {
        if w.rank() != 2 {
            return Err(Error::shape(
                "orthogonal_regularizer",
                &[w.shape()],
                "a matrix",
            ));
        }
        let rows = match self.mode.as_str() {
            "rows" => true,
            "columns" => false,
            other => {
                return Err(Error::argument(
                    "mode",
                    format!("{other:?}"),
                    "\"rows\" or \"columns\"",
                ));
            }
        };
        let axis = if rows { 1 } else { 0 };
        let norm = ops::reduce(ops::square(w)?, keras_tensor::op::Fold::Sum, [axis], true)?;
        let unit = ops::multiply(w, ops::rsqrt(ops::maximum(&norm, 1e-12)?)?)?;
        let products = ops::matmul_transposed(&unit, &unit, !rows, rows)?;
        let size = products.shape()[0];
        let diagonal = ops::one_hot(ops::arange(0, size as i64, DType::I32)?, size, w.dtype())?;
        let others = ops::multiply(&products, ops::subtract(1.0, &diagonal)?)?;
        let pairs = (size * size.saturating_sub(1)) as f64 / 2.0;
        let total = ops::multiply(ops::sum(ops::abs(others)?, None)?, 0.5 * self.factor)?;
        ops::divide(total, pairs.max(1.0))
    }
}
