//! Low-rank adaptation: a kernel stays as it is, and the product of two small matrices that are trained is added to it.

use keras_tensor::{DType, Error, Result, Shape, Tensor, Variable, ops};
use serde_json::{Map, Number, Value};
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::WeightInfo;
use crate::initializers::Initializer;
use crate::regularizers::Regularize;

/// How a kernel is adapted: `kernel + alpha / rank * a @ b`, see "LoRA: Low-Rank Adaptation of Large Language Models"
/// (<https://arxiv.org/abs/2106.09685>).
///
/// ```
/// use keras_layers::{LayerRef, Lora, layers::Dense};
/// let layer = LayerRef::from(Dense::new(64));
/// layer.build([None, Some(32)])?;
/// layer.enable_lora(Lora::new(4).alpha(8.0))?;
/// let trained: Vec<usize> = layer.trainable_variables().iter().map(|v| v.shape().size()).collect();
/// assert_eq!(trained, [64, 32 * 4, 4 * 64]);
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lora {
    rank: usize,
    alpha: Option<f64>,
    a_initializer: Initializer,
    b_initializer: Initializer,
}

impl Lora {
    /// Matrices of this rank.
    pub fn new(rank: usize) -> Self {
        Lora {
            rank,
            alpha: None,
            a_initializer: "he_uniform".into(),
            b_initializer: "zeros".into(),
        }
    }

    /// What the product is multiplied by, over the rank; the rank by default.
    pub fn alpha(mut self, alpha: impl Into<Option<f64>>) -> Self {
        self.alpha = alpha.into();
        self
    }

    /// How `a` begins; `he_uniform` by default.
    pub fn a_initializer(mut self, initializer: impl Into<Initializer>) -> Self {
        self.a_initializer = initializer.into();
        self
    }

    /// How `b` begins; `zeros` by default, so that nothing changes at first.
    pub fn b_initializer(mut self, initializer: impl Into<Initializer>) -> Self {
        self.b_initializer = initializer.into();
        self
    }
}

impl From<usize> for Lora {
    fn from(rank: usize) -> Self {
        Lora::new(rank)
    }
}

/// What is added to a kernel.
pub struct Adapter {
    kernel: Variable,
    matrices: [WeightInfo; 2],
    rank: usize,
    alpha: f64,
}

impl Adapter {
    /// The kernel, which is frozen.
    pub fn kernel(&self) -> &Variable {
        &self.kernel
    }

    /// The matrices `a` `[.., rank]` and `b` `[rank, out]`.
    pub fn matrices(&self) -> [&Variable; 2] {
        self.matrices.each_ref().map(|m| &m.variable)
    }

    /// The kernel with what is added to it; files hold it in the place of the kernel.
    ///
    /// # Errors
    /// A first value cannot be computed.
    pub fn merged(&self) -> Result<Tensor> {
        self.added_to(self.kernel.value()?)
    }

    pub(crate) fn added_to(&self, kernel: Tensor) -> Result<Tensor> {
        let [a, b] = self.matrices();
        let product = ops::multiply(ops::matmul(a, b)?, self.alpha / self.rank as f64)?;
        let sum = ops::add(ops::cast(&kernel, DType::F32)?, product)?;
        ops::cast(sum, kernel.dtype())
    }

    pub(crate) fn infos(&self) -> &[WeightInfo] {
        &self.matrices
    }

    /// What a layer's config says of it.
    pub(crate) fn write(&self, config: &mut Map<String, Value>) {
        config.insert("lora_rank".into(), self.rank.into());
        config.insert("lora_alpha".into(), number(self.alpha));
    }
}

/// A number as Python writes it: whole ones have no point.
fn number(x: f64) -> Value {
    let whole = x.fract() == 0.0 && x.abs() < 1e15;
    match whole {
        true => (x as i64).into(),
        false => Number::from_f64(x).into(),
    }
}

/// A kernel that can be adapted, and its adapter once there is one. Clones are the same.
#[derive(Clone)]
pub(crate) struct Adaptable(Arc<Inner>);

struct Inner {
    kernel: Variable,
    regularizer: Option<Arc<dyn Regularize>>,
    constrained: bool,
    adapter: OnceLock<Adapter>,
}

impl fmt::Debug for Adaptable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rank = self.adapter().map(|a| a.rank);
        f.debug_struct("Adaptable").field("rank", &rank).finish()
    }
}

impl Adaptable {
    pub(crate) fn new(kernel: &WeightInfo) -> Self {
        Adaptable(Arc::new(Inner {
            kernel: kernel.variable.clone(),
            regularizer: kernel.regularizer.clone(),
            constrained: kernel.constraint.is_some(),
            adapter: OnceLock::new(),
        }))
    }

    pub(crate) fn adapter(&self) -> Option<&Adapter> {
        self.0.adapter.get()
    }

    /// Makes the adapter, and freezes the kernel.
    pub(crate) fn enable(&self, how: &Lora) -> Result<()> {
        let kernel = &self.0.kernel;
        if self.0.constrained {
            let wanted = "no constraint on the kernel, which its adapter would break";
            return Err(Error::argument("lora", "a constrained kernel", wanted));
        }
        if how.rank == 0 {
            return Err(Error::argument("lora_rank", how.rank, "at least 1"));
        }
        let (&out, rows) = kernel.shape().split_last().ok_or_else(|| {
            Error::argument("lora", "a kernel without axes", "one of two axes or more")
        })?;
        let shapes = [[rows, &[how.rank]].concat(), vec![how.rank, out]];
        let initializers = [&how.a_initializer, &how.b_initializer];
        let mut matrices = Vec::with_capacity(2);
        for ((shape, initializer), letter) in shapes.into_iter().zip(initializers).zip(["a", "b"]) {
            let name = format!("lora_{}_{letter}", kernel.name());
            matrices.push(self.matrix(name, shape.into_iter().collect(), initializer)?);
        }
        let made = Adapter {
            kernel: kernel.clone(),
            matrices: matrices.try_into().ok().expect("two shapes, two matrices"),
            rank: how.rank,
            alpha: how.alpha.unwrap_or(how.rank as f64),
        };
        self.0.adapter.set(made).map_err(|_| {
            Error::argument("lora", "a layer that has it already", "once for each layer")
        })?;
        kernel.set_frozen(true);
        Ok(())
    }

    /// In float32 whatever the kernel's dtype: small steps would be lost in 16 bits.
    fn matrix(&self, name: String, shape: Shape, how: &Initializer) -> Result<WeightInfo> {
        let how = how.resolve()?;
        how.fix_seed();
        let path = self.0.kernel.path();
        let owner = path.strip_suffix(self.0.kernel.name()).unwrap_or_default();
        let path = format!("{owner}{name}");
        let first = shape.clone();
        let variable = Variable::lazy(shape, DType::F32, name, move || {
            how.initialize(&first, DType::F32)
        });
        variable.set_path(path);
        Ok(WeightInfo {
            variable,
            regularizer: self.0.regularizer.clone(),
            constraint: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Conv2D, Dense, Embedding, ReLU};
    use crate::{Call, LayerRef};
    use serde_json::json;

    fn set(v: &Variable, value: f64) {
        let value = ops::full(v.shape().clone(), value, DType::F32).unwrap();
        v.assign(&value).unwrap();
    }

    #[test]
    fn the_product_is_added_to_the_kernel() {
        let layer = LayerRef::from(Dense::new(2).lora_rank(4usize).lora_alpha(2.0));
        let x = ops::ones([1, 3], DType::F32).unwrap();
        layer.call(&x, &Call::inference()).unwrap();
        let weights = layer.weights();
        let names: Vec<&str> = weights.iter().map(Variable::name).collect();
        assert_eq!(names, ["kernel", "bias", "lora_kernel_a", "lora_kernel_b"]);
        assert_eq!(layer.trainable_variables().len(), 3);
        for (v, value) in weights.iter().zip([1.0, 0.5, 0.25, 2.0]) {
            set(v, value);
        }
        // 3 * (1 + 2 / 4 * 4 * 0.25 * 2) + 0.5
        let y = layer.call(&x, &Call::inference()).unwrap();
        assert_eq!(y.to_f64_vec().unwrap(), [6.5, 6.5]);
        let config = &layer.to_json().unwrap()["config"];
        assert_eq!(config["lora_rank"], json!(4));
        assert_eq!(config["lora_alpha"], json!(2));
        let again = LayerRef::from_json(&layer.to_json().unwrap()).unwrap();
        again.build([None, Some(3)]).unwrap();
        assert_eq!(again.weights().len(), 4);
    }

    #[test]
    fn built_layers_are_adapted() {
        let conv = LayerRef::from(Conv2D::new(3, 2));
        conv.build([None, Some(4), Some(4), Some(5)]).unwrap();
        conv.enable_lora(2).unwrap();
        let [a, b] = conv.adapter().unwrap().matrices();
        assert_eq!(a.shape().to_string(), "(2, 2, 5, 2)");
        assert_eq!(b.shape().to_string(), "(2, 3)");
        assert_eq!(b.path(), "conv2d/lora_kernel_b");
        assert_eq!(conv.to_json().unwrap()["config"]["lora_alpha"], json!(2));

        let words = LayerRef::from(Embedding::new(5, 4));
        words.build([None]).unwrap();
        words.enable_lora(1).unwrap();
        let names: Vec<String> = words.weights().iter().map(|v| v.name().into()).collect();
        assert_eq!(
            names,
            ["embeddings", "lora_embeddings_a", "lora_embeddings_b"]
        );
    }

    #[test]
    fn what_cannot_be_adapted_is_an_error() {
        let message = |layer: &LayerRef, rank: usize| {
            let error = layer.enable_lora(rank).unwrap_err();
            error.to_string()
        };
        let layer = LayerRef::from(Dense::new(2));
        assert!(message(&layer, 2).contains("build"));
        layer.build([None, Some(3)]).unwrap();
        assert!(message(&layer, 0).contains("lora_rank"));
        layer.enable_lora(1).unwrap();
        assert!(message(&layer, 1).contains("already"));
        let relu = LayerRef::from(ReLU::new());
        relu.build([None, Some(3)]).unwrap();
        assert!(message(&relu, 1).contains("Dense"));
        let bound = LayerRef::from(Dense::new(2).kernel_constraint("non_neg"));
        bound.build([None, Some(3)]).unwrap();
        assert!(message(&bound, 1).contains("constraint"));
    }
}
