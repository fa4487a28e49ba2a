use keras_tensor::{Error, Result, Tensor, Variable, ops};
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

use crate::initializers::TruncatedNormal;
use crate::{Arguments, Call, Declare, Dims, Layer, LayerRef, Weight, Weights};

/// Divides the kernel (or embeddings) of a layer by its largest singular value, at each step of training.
///
/// The value is approached by `power_iterations` products with a vector that is kept. Paper: Miyato et al., 2018.
///
/// ```
/// use keras_layers::{Call, LayerRef, layers::{Dense, SpectralNormalization}};
/// use keras_tensor::ops;
/// let layer = LayerRef::from(SpectralNormalization::new(Dense::new(3)));
/// let y = layer.call(&ops::ones([2, 4], Default::default())?, &Call::training())?;
/// assert_eq!(y.shape().to_string(), "(2, 3)");
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Debug, Serialize, Deserialize)]
pub struct SpectralNormalization {
    layer: LayerRef,
    #[serde(default = "once")]
    power_iterations: usize,
    #[serde(skip)]
    kernel: OnceLock<Variable>,
    #[serde(skip)]
    vector_u: Weight,
}

fn once() -> usize {
    1
}

impl SpectralNormalization {
    /// Normalizes this layer, with one iteration a step.
    pub fn new(layer: impl Into<LayerRef>) -> Self {
        SpectralNormalization {
            layer: layer.into(),
            power_iterations: once(),
            kernel: OnceLock::new(),
            vector_u: Weight::default(),
        }
    }

    /// How many products approach the largest singular value at each step; 1 by default.
    pub fn power_iterations(mut self, power_iterations: usize) -> Self {
        self.power_iterations = power_iterations;
        self
    }

    fn normalize(&self) -> Result<()> {
        let variable = self.kernel.get().ok_or_else(|| {
            Error::not_ready("the kernel", "build the layer through its LayerRef")
        })?;
        let kernel = variable.value()?;
        let columns = kernel.shape()[kernel.rank() - 1];
        let matrix = ops::reshape(&kernel, &[-1, columns as isize])?;
        let unit = |x: Tensor| ops::normalize(&x, None, 1e-7);
        let mut u = ops::cast(&self.vector_u, kernel.dtype())?;
        let mut v = ops::matmul_transposed(&u, &matrix, false, true)?;
        for i in 0..self.power_iterations {
            if i > 0 {
                v = ops::matmul_transposed(&u, &matrix, false, true)?;
            }
            v = unit(v)?;
            u = unit(ops::matmul(&v, &matrix)?)?;
        }
        let (u, v) = (ops::stop_gradient(&u)?, ops::stop_gradient(&v)?);
        let sigma = ops::matmul_transposed(ops::matmul(&v, &matrix)?, &u, false, true)?;
        // A kernel of zeros stays.
        let zero = ops::logical_not(ops::any(ops::not_equal(&kernel, 0.0)?, None)?)?;
        let sigma = ops::reshape_to(&sigma, [].into())?;
        let sigma = ops::where_(&zero, ops::ones_like(&sigma)?, &sigma)?;
        let before = ops::cast(&self.vector_u, u.dtype())?;
        self.vector_u.assign(&ops::where_(&zero, &before, &u)?)?;
        variable.assign(&ops::divide(&kernel, &sigma)?)
    }
}

impl Layer for SpectralNormalization {
    fn build_many(&self, inputs: &Arguments<Dims>, w: &mut Weights) -> Result<()> {
        if self.power_iterations == 0 {
            return Err(Error::argument("power_iterations", 0, "at least 1"));
        }
        self.layer.build_many(inputs)?;
        let named = |name: &str| self.layer.weights().into_iter().find(|v| v.name() == name);
        let kernel = named("kernel").or_else(|| named("embeddings"));
        let kernel = kernel.filter(|k| k.shape().rank() > 0).ok_or_else(|| {
            Error::argument(
                "layer",
                self.layer.name(),
                "a layer with a kernel or embeddings",
            )
        })?;
        let columns = kernel.shape()[kernel.shape().rank() - 1];
        w.adopt(&kernel);
        let _ = self.kernel.set(kernel);
        let random = Declare::new(TruncatedNormal::new(0.0, 0.02)).trainable(false);
        w.add(&self.vector_u, "vector_u", [1, columns], random)?;
        w.layer_as("layer", &self.layer);
        Ok(())
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        if cx.is_training() {
            self.normalize()?;
        }
        self.layer.call(x, cx)
    }

    fn mask(&self, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }
}
