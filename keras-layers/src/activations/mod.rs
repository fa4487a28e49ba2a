//! Activation functions: plain functions of a tensor, and the table of those that Keras knows by name.

mod functions;

pub use functions::*;

use keras_tensor::op::Fused;
use keras_tensor::{Result, Tensor, registry};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A function that Keras knows by name, with its other arguments at their defaults.
struct Entry {
    name: &'static str,
    function: fn(&Tensor) -> Result<Tensor>,
}

const fn entry(name: &'static str, function: fn(&Tensor) -> Result<Tensor>) -> Entry {
    Entry { name, function }
}

static TABLE: &[Entry] = &[
    entry("celu", |x| celu(x, 1.0)),
    entry("elu", |x| elu(x, 1.0)),
    entry("exponential", exponential),
    entry("gelu", |x| gelu(x, false)),
    entry("glu", |x| glu(x, -1)),
    entry("hard_shrink", |x| hard_shrink(x, 0.5)),
    entry("hard_sigmoid", hard_sigmoid),
    entry("hard_sigmoid_keras2", hard_sigmoid_keras2),
    entry("hard_silu", hard_silu),
    entry("hard_swish", hard_silu),
    entry("hard_tanh", hard_tanh),
    entry("leaky_relu", |x| leaky_relu(x, 0.2)),
    entry("linear", |x| Ok(x.clone())),
    entry("log_sigmoid", log_sigmoid),
    entry("log_softmax", |x| log_softmax(x, -1)),
    entry("mish", mish),
    entry("relu", relu),
    entry("relu6", relu6),
    entry("selu", selu),
    entry("sigmoid", sigmoid),
    entry("silu", silu),
    entry("soft_shrink", |x| soft_shrink(x, 0.5)),
    entry("softmax", |x| softmax(x, -1)),
    entry("softplus", softplus),
    entry("softsign", softsign),
    entry("sparse_plus", sparse_plus),
    entry("sparse_sigmoid", sparse_sigmoid),
    entry("sparsemax", |x| sparsemax(x, -1)),
    entry("squareplus", |x| squareplus(x, 4.0)),
    entry("swish", silu),
    entry("tanh", tanh),
    entry("tanh_shrink", tanh_shrink),
];

/// Names of all functions, for tests that loop over them.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|e| e.name)
}

type Custom = dyn Fn(&Tensor) -> Result<Tensor> + Send + Sync;

/// An activation function, by name (`"relu"`) or as a function; nothing (`"linear"`) by default.
///
/// ```
/// use keras_layers::activations::Activation;
/// use keras_tensor::{Tensor, ops};
/// let x = Tensor::new(&[-1.0f32, 2.0], [2])?;
/// assert_eq!(Activation::from("relu").call(&x)?.to_vec::<f32>()?, [0.0, 2.0]);
/// let doubled = Activation::from_fn(|x| ops::multiply(x, 2.0));
/// assert_eq!(doubled.call(&x)?.to_vec::<f32>()?, [-2.0, 4.0]);
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Activation(Choice);

#[derive(Clone)]
enum Choice {
    Named {
        name: String,
        found: OnceLock<&'static Entry>,
    },
    Function(Arc<Custom>),
}

impl Activation {
    /// A function of one's own; it is not saved.
    pub fn from_fn(f: impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static) -> Self {
        Activation(Choice::Function(Arc::new(f)))
    }

    fn found(&self) -> Result<Option<&'static Entry>> {
        let Choice::Named { name, found } = &self.0 else {
            return Ok(None);
        };
        if let Some(entry) = found.get() {
            return Ok(Some(entry));
        }
        let entry = TABLE
            .iter()
            .find(|e| e.name == name)
            .ok_or_else(|| registry::unknown("activation", name, names()))?;
        Ok(Some(found.get_or_init(|| entry)))
    }

    /// Applies the function.
    ///
    /// # Errors
    /// The name is unknown, or the function fails.
    pub fn call(&self, x: &Tensor) -> Result<Tensor> {
        match (&self.0, self.found()?) {
            (Choice::Function(f), _) => f(x),
            (_, Some(entry)) => (entry.function)(x),
            (Choice::Named { .. }, None) => unreachable!("a name is found or an error"),
        }
    }

    /// The same function inside of a product's kernel, for those that have one.
    ///
    /// # Errors
    /// The name is unknown.
    pub fn fused(&self) -> Result<Option<Fused>> {
        Ok(match self.found()?.map(|e| e.name) {
            Some("linear") => Some(Fused::Linear),
            Some("relu") => Some(Fused::Relu),
            Some("relu6") => Some(Fused::Relu6),
            Some("sigmoid") => Some(Fused::Sigmoid),
            Some("tanh") => Some(Fused::Tanh),
            _ => None,
        })
    }
}

impl Default for Activation {
    fn default() -> Self {
        "linear".into()
    }
}

impl From<&str> for Activation {
    fn from(name: &str) -> Self {
        Activation(Choice::Named {
            name: name.to_string(),
            found: OnceLock::new(),
        })
    }
}

/// Python's `None`: nothing.
impl From<Option<&str>> for Activation {
    fn from(name: Option<&str>) -> Self {
        name.unwrap_or("linear").into()
    }
}

impl From<&Activation> for Activation {
    fn from(activation: &Activation) -> Self {
        activation.clone()
    }
}

impl fmt::Debug for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Choice::Named { name, .. } => write!(f, "{name:?}"),
            Choice::Function(_) => f.write_str("<function>"),
        }
    }
}

/// As Keras writes it: the name, `silu` for `swish`.
impl Serialize for Activation {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        match &self.0 {
            Choice::Named { name, .. } => s.serialize_str(match name.as_str() {
                "swish" => "silu",
                "hard_swish" => "hard_silu",
                name => name,
            }),
            Choice::Function(_) => Err(serde::ser::Error::custom(
                "an activation that is a function of one's own has no config; use one by name",
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Activation {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        match Value::deserialize(d)? {
            Value::Null => Ok(Activation::default()),
            Value::String(name) => Ok(name.as_str().into()),
            // Some writers wrap the name: {"class_name": "function", "config": "relu"}.
            Value::Object(o) => match o.get("config").and_then(Value::as_str) {
                Some(name) => Ok(name.into()),
                None => Err(serde::de::Error::custom("an activation without a name")),
            },
            other => Err(serde::de::Error::custom(format!(
                "an activation is a name, not {other}"
            ))),
        }
    }
}
