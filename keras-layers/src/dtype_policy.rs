//! What dtypes a layer computes in and keeps its weights in.

use keras_tensor::{DType, Error, Result, Tensor, ops, registry, scoped};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};

/// The names of policies with two dtypes.
const MIXED: [(&str, DType); 2] = [
    ("mixed_float16", DType::F16),
    ("mixed_bfloat16", DType::BF16),
];

/// The dtype that a layer computes in, and the one that its weights have.
///
/// The name of a dtype (`"float16"`) stands for both; `"mixed_float16"` and `"mixed_bfloat16"` compute in 16 bits and
/// keep weights in `float32`. A layer brings its inputs to the compute dtype, reads its weights in it, and so has outputs
/// of it. A string that names no policy is an error when the layer is built.
///
/// ```
/// use keras_layers::{Call, DTypePolicy, LayerExt, layers::Dense};
/// use keras_tensor::{DType, ops};
/// let layer = Dense::new(3).dtype("mixed_float16");
/// let y = layer.call(&ops::ones([2, 4], DType::F32)?, &Call::inference())?;
/// assert_eq!((y.dtype(), layer.weights()[0].dtype()), (DType::F16, DType::F32));
/// assert_eq!(*layer.dtype_policy(), DTypePolicy::from("mixed_float16"));
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DTypePolicy(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Of { compute: DType, variable: DType },
    Unknown(String),
}

impl DTypePolicy {
    /// The dtype of computation and of outputs; `float32` for a name that is unknown.
    pub fn compute_dtype(&self) -> DType {
        match self.0 {
            Kind::Of { compute, .. } => compute,
            Kind::Unknown(_) => DType::F32,
        }
    }

    /// The dtype of weights; `float32` for a name that is unknown.
    pub fn variable_dtype(&self) -> DType {
        match self.0 {
            Kind::Of { variable, .. } => variable,
            Kind::Unknown(_) => DType::F32,
        }
    }

    /// Keras's name: `"float32"`, `"mixed_float16"`.
    pub fn name(&self) -> &str {
        let (compute, variable) = match &self.0 {
            Kind::Of { compute, variable } => (*compute, *variable),
            Kind::Unknown(name) => return name,
        };
        let mixed = MIXED.iter().find(|(_, d)| *d == compute);
        match mixed {
            Some((name, _)) if compute != variable => name,
            _ => compute.name(),
        }
    }

    /// Whether weights have another dtype than computation.
    pub fn is_mixed(&self) -> bool {
        self.compute_dtype() != self.variable_dtype()
    }

    /// Checks the name.
    ///
    /// # Errors
    /// A name that no policy has, with the nearest that one has.
    pub fn resolve(&self) -> Result<()> {
        match &self.0 {
            Kind::Of { .. } => Ok(()),
            Kind::Unknown(name) => {
                let mixed = MIXED.iter().map(|(name, _)| *name);
                let plain = [DType::F32, DType::F64, DType::F16, DType::BF16];
                let known = mixed.chain(plain.map(DType::name));
                Err(registry::unknown("dtype policy", name, known))
            }
        }
    }

    /// The policy as Keras writes it.
    pub fn to_json(&self) -> Value {
        json!({
            "module": "keras",
            "class_name": "DTypePolicy",
            "config": {"name": self.name()},
            "registered_name": null,
        })
    }

    /// The policy that Keras 3 or 2 wrote: an object, a name, or null for the global one.
    ///
    /// # Errors
    /// An unknown name, or an object of another class.
    pub fn from_json(json: &Value) -> Result<Self> {
        let name = match json {
            Value::Null => return Ok(dtype_policy()),
            Value::String(name) => &**name,
            object => {
                let class = object["class_name"].as_str().unwrap_or_default();
                let known = ["DTypePolicy", "FloatDTypePolicy", "Policy", "PolicyV1"];
                match object["config"]["name"].as_str() {
                    Some(name) if known.contains(&class) => name,
                    _ => {
                        let problem = format!(
                            "it is {object}; a name or a DTypePolicy is wanted, other policies are not supported"
                        );
                        return Err(Error::data("dtype policy", problem));
                    }
                }
            }
        };
        let policy = DTypePolicy::from(name);
        policy.resolve()?;
        Ok(policy)
    }
}

impl Default for DTypePolicy {
    fn default() -> Self {
        DType::F32.into()
    }
}

impl From<DType> for DTypePolicy {
    fn from(dtype: DType) -> Self {
        DTypePolicy(Kind::Of {
            compute: dtype,
            variable: dtype,
        })
    }
}

impl From<&str> for DTypePolicy {
    fn from(name: &str) -> Self {
        if let Some((_, compute)) = MIXED.iter().find(|(n, _)| *n == name) {
            return DTypePolicy(Kind::Of {
                compute: *compute,
                variable: DType::F32,
            });
        }
        match name.parse::<DType>() {
            Ok(dtype) => dtype.into(),
            Err(_) => DTypePolicy(Kind::Unknown(name.to_string())),
        }
    }
}

impl From<&DTypePolicy> for DTypePolicy {
    fn from(policy: &DTypePolicy) -> Self {
        policy.clone()
    }
}

thread_local! {
    static GLOBAL: RefCell<DTypePolicy> = RefCell::default();
    /// What weights are read in by the layer that is being called, where it is not their own dtype.
    static READ_IN: Cell<Option<DType>> = const { Cell::new(None) };
}

/// The policy of layers that are made on this thread and are given none; `float32` at first.
pub fn dtype_policy() -> DTypePolicy {
    GLOBAL.with_borrow(Clone::clone)
}

/// Sets the policy of layers that are made on this thread from now on and are given none.
///
/// ```
/// use keras_layers::{LayerRef, layers::Dense, set_dtype_policy};
/// set_dtype_policy("mixed_bfloat16")?;
/// let layer = LayerRef::from(Dense::new(3));
/// set_dtype_policy("float32")?;
/// assert_eq!(layer.dtype_policy().name(), "mixed_bfloat16");
/// let message = set_dtype_policy("mixed_float61").unwrap_err().to_string();
/// assert_eq!(message, "unknown dtype policy \"mixed_float61\"; did you mean \"mixed_float16\"?");
/// # Ok::<(), keras_tensor::Error>(())
/// ```
///
/// # Errors
/// A name that no policy has.
pub fn set_dtype_policy(policy: impl Into<DTypePolicy>) -> Result<()> {
    let policy = policy.into();
    policy.resolve()?;
    GLOBAL.set(policy);
    Ok(())
}

/// Runs `work` as the call of a layer with this policy.
pub(crate) fn scope<R>(policy: &DTypePolicy, work: impl FnOnce() -> R) -> R {
    let dtype = policy.is_mixed().then(|| policy.compute_dtype());
    scoped(&READ_IN, dtype, work)
}

/// The value of a weight as the layer that is being called reads it.
pub(crate) fn as_read(value: Tensor) -> Result<Tensor> {
    match READ_IN.get() {
        Some(dtype) if value.dtype().is_float() => ops::cast(value, dtype),
        _ => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keras_wrote_is_read() {
        let read = |json: Value| DTypePolicy::from_json(&json);
        let mixed = DTypePolicy::from("mixed_float16");
        assert_eq!(read(json!("mixed_float16")).unwrap(), mixed);
        assert_eq!(read(mixed.to_json()).unwrap(), mixed);
        let keras2 = json!({"class_name": "Policy", "config": {"name": "mixed_float16"}});
        assert_eq!(read(keras2).unwrap(), mixed);
        assert_eq!(read(Value::Null).unwrap(), DTypePolicy::default());
        for name in ["float64", "bfloat16", "int32"] {
            assert_eq!(read(json!(name)).unwrap().name(), name);
        }
        let quantized = json!({"class_name": "QuantizedDTypePolicy", "config": {"mode": "int8", "source_name": "float32"}});
        let message = read(quantized).unwrap_err().to_string();
        assert!(message.contains("not supported"), "{message}");
        let message = read(json!("mixed_float17")).unwrap_err().to_string();
        assert!(message.contains("mixed_float16"), "{message}");
    }

    #[test]
    fn the_global_policy_belongs_to_a_thread() {
        set_dtype_policy("mixed_bfloat16").unwrap();
        let other = std::thread::spawn(|| dtype_policy().name().to_string());
        assert_eq!(other.join().unwrap(), "float32");
        assert_eq!(dtype_policy().compute_dtype(), DType::BF16);
    }
}
