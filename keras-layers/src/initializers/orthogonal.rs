use keras_tensor::{DType, Distribution, Error, Result, Shape, Tensor};
use serde::{Deserialize, Serialize};

use super::{InitialSeed, Initialize};

/// A random matrix with rows or columns at right angles (Saxe et al., 2014); further axes are taken with the rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Orthogonal {
    gain: f64,
    seed: InitialSeed,
}

impl Default for Orthogonal {
    fn default() -> Self {
        Orthogonal::new(1.0)
    }
}

impl Orthogonal {
    /// What the matrix is multiplied by; Keras's default is 1.
    pub fn new(gain: f64) -> Self {
        Orthogonal {
            gain,
            seed: None.into(),
        }
    }

    /// Fixes the values.
    pub fn seed(mut self, seed: u32) -> Self {
        self.seed = Some(seed).into();
        self
    }
}

impl Initialize for Orthogonal {
    fn initialize(&self, shape: &Shape, dtype: DType) -> Result<Tensor> {
        let [rows @ .., columns] = &shape[..] else {
            return Err(Error::shape("Orthogonal", &[shape], "at least two axes"));
        };
        if rows.is_empty() {
            return Err(Error::shape("Orthogonal", &[shape], "at least two axes"));
        }
        let (rows, columns) = (rows.iter().product::<usize>(), *columns);
        let (tall, narrow) = (rows.max(columns), rows.min(columns));
        let bell = Distribution::Normal {
            mean: 0.0,
            stddev: 1.0,
        };
        let random = self.seed.draw(bell, &[tall, narrow].into(), DType::F32)?;
        let q = orthonormal(&random.to_f64_vec()?, tall, narrow);
        let at = |r: usize, c: usize| {
            let (r, c) = if rows < columns { (c, r) } else { (r, c) };
            self.gain * q[r * narrow + c]
        };
        let values: Vec<f64> = (0..rows * columns)
            .map(|i| at(i / columns, i % columns))
            .collect();
        Tensor::from_f64(&values, shape.clone(), dtype)
    }

    fn fix_seed(&self) {
        self.seed.get();
    }
}

/// The orthonormal columns that span those of `a` `[rows, columns]`, by Gram and Schmidt, each made orthogonal twice;
/// signs as in a QR decomposition whose triangle has a positive diagonal.
fn orthonormal(a: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    let mut q = a.to_vec();
    for c in 0..columns {
        for _ in 0..2 {
            for before in 0..c {
                let along: f64 = (0..rows)
                    .map(|r| q[r * columns + before] * q[r * columns + c])
                    .sum();
                for r in 0..rows {
                    q[r * columns + c] -= along * q[r * columns + before];
                }
            }
        }
        let norm = (0..rows)
            .map(|r| q[r * columns + c].powi(2))
            .sum::<f64>()
            .sqrt();
        for r in 0..rows {
            q[r * columns + c] /= norm;
        }
    }
    q
}
