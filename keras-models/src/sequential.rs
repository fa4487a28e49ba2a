//! A stack of layers.

use keras_layers::layers::InputLayer;
use keras_layers::{Call, Dims, Layer, LayerExt, LayerRef, Weights};
use keras_tensor::names::auto_name;
use keras_tensor::registry::Entry;
use keras_tensor::{Result, Tensor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

use crate::Model;

/// Makes the list of layers that [`Sequential::new`] takes: `layers![Dense::new(3), ReLU::new()]`.
///
/// A macro, because the layers are of different types.
#[macro_export]
macro_rules! layers {
    ($($layer:expr),* $(,)?) => {
        ::std::vec![$($crate::LayerRef::from($layer)),*]
    };
}

/// A model that calls its layers one after the other.
///
/// It derefs to [`Model`]. The shape of the input is known from an `Input` that comes first, from
/// [`Model::build`], or from the first data.
///
/// ```
/// use keras_layers::layers::{Dense, Input};
/// use keras_models::{Sequential, layers};
/// let model = Sequential::new(layers![
///     Input::new([4]),
///     Dense::new(3).activation("relu"),
///     Dense::new(2),
/// ]);
/// assert_eq!(model.count_params(), 23);
/// ```
pub struct Sequential {
    layers: Vec<LayerRef>,
    input: Option<LayerRef>,
    model: Model,
}

impl Sequential {
    /// A model of these layers.
    pub fn new(layers: impl IntoIterator<Item = LayerRef>) -> Self {
        Self::named(&auto_name("sequential"), layers)
    }

    /// A model of these layers under a name.
    pub fn named(name: &str, layers: impl IntoIterator<Item = LayerRef>) -> Self {
        register();
        let mut sequential = Sequential {
            layers: Vec::new(),
            input: None,
            model: Model::from_root(Stack::default().name(name)),
        };
        for layer in layers {
            sequential.take_in(layer);
        }
        sequential.restack();
        sequential
    }

    /// Adds a layer at the end.
    pub fn add(&mut self, layer: impl Into<LayerRef>) {
        self.take_in(layer.into());
        self.restack();
    }

    /// Takes the last layer away.
    pub fn pop(&mut self) -> Option<LayerRef> {
        let last = self.layers.pop();
        self.restack();
        last
    }

    fn take_in(&mut self, layer: LayerRef) {
        match layer.downcast_ref::<InputLayer>() {
            Some(_) if self.layers.is_empty() => self.input = Some(layer),
            _ => self.layers.push(layer),
        }
    }

    /// Makes the stack of the layers as they are now, and builds it where the input's shape is known.
    fn restack(&mut self) {
        let stack = Stack {
            layers: self.layers.clone(),
            input: self.input.clone(),
            ..Stack::default()
        };
        let known = stack
            .input_dims()
            .or_else(|| self.model.root().input_dims().cloned());
        let name = self.model.name().to_string();
        self.model.set_root(stack.name(&name));
        if let Some(dims) = known
            && !self.layers.is_empty()
        {
            // A layer that cannot take this shape says so again when the model is built, called or trained.
            let _ = self.model.build(dims);
        }
    }
}

impl Default for Sequential {
    fn default() -> Self {
        Sequential::new([])
    }
}

impl Deref for Sequential {
    type Target = Model;
    fn deref(&self) -> &Model {
        &self.model
    }
}

impl DerefMut for Sequential {
    fn deref_mut(&mut self) -> &mut Model {
        &mut self.model
    }
}

impl From<Sequential> for LayerRef {
    fn from(sequential: Sequential) -> LayerRef {
        sequential.model.root().clone()
    }
}

/// The layer that a [`Sequential`] is.
#[derive(Default)]
pub(crate) struct Stack {
    layers: Vec<LayerRef>,
    input: Option<LayerRef>,
    /// The shape of input that it was built for.
    built_for: OnceLock<Dims>,
}

/// Makes stacks known to configs.
pub(crate) fn register() {
    static SEQUENTIAL: Entry<dyn Layer> = keras_layers::layers::entry::<Stack>("Sequential");
    keras_layers::layers::register("Sequential", &SEQUENTIAL);
}

/// What Keras's config of a Sequential holds besides what every layer has.
#[derive(Serialize, Deserialize)]
struct Config {
    layers: Vec<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    build_input_shape: Option<Dims>,
}

impl Stack {
    pub(crate) fn layers(&self) -> &[LayerRef] {
        &self.layers
    }

    /// The shape that the first layer or the config tells.
    pub(crate) fn input_dims(&self) -> Option<Dims> {
        let told = self.input.as_ref()?.downcast_ref::<InputLayer>()?;
        Some(told.dims().clone())
    }

    fn config(&self) -> Result<Config> {
        let dims = self.input_dims().or_else(|| self.built_for.get().cloned());
        let input = match (&self.input, &dims) {
            (Some(input), _) => Some(input.clone()),
            // Keras puts one in front when it builds.
            (None, Some(dims)) => Some(InputLayer::batch_shape(dims.clone()).name("input_layer")),
            (None, None) => None,
        };
        let input = input.map(|i| input_json(&i)).transpose()?;
        let layers = self.layers.iter().map(LayerRef::to_json);
        Ok(Config {
            layers: input
                .into_iter()
                .map(Ok)
                .chain(layers)
                .collect::<Result<_>>()?,
            build_input_shape: dims,
        })
    }

    fn of_config(config: &Config) -> Result<Self> {
        let mut stack = Stack::default();
        for json in &config.layers {
            let layer = LayerRef::from_json(json)?;
            if layer.downcast_ref::<InputLayer>().is_some() && stack.layers.is_empty() {
                stack.input = Some(layer);
            } else {
                stack.layers.push(layer);
            }
        }
        if let (None, Some(dims)) = (&stack.input, &config.build_input_shape) {
            stack.input = Some(InputLayer::batch_shape(dims.clone()).name("input_layer"));
        }
        Ok(stack)
    }
}

/// An input layer as Keras writes it: its dtype is a plain name.
fn input_json(input: &LayerRef) -> Result<Value> {
    let mut json = input.to_json()?;
    let layer = input.downcast_ref::<InputLayer>().map(InputLayer::dims);
    let dtype = json["config"]["dtype"]
        .as_str()
        .unwrap_or("float32")
        .to_string();
    json["config"] = serde_json::json!({
        "batch_shape": layer,
        "dtype": dtype,
        "sparse": false,
        "ragged": false,
        "name": input.name(),
        "optional": false,
    });
    Ok(json)
}

impl Serialize for Stack {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        self.config()
            .map_err(serde::ser::Error::custom)?
            .serialize(s)
    }
}

impl<'de> Deserialize<'de> for Stack {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        Stack::of_config(&Config::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

impl Layer for Stack {
    fn class_name(&self) -> Option<&'static str> {
        Some("Sequential")
    }

    fn module(&self) -> &'static str {
        "keras"
    }

    fn build(&self, input: &Dims, weights: &mut Weights) -> Result<()> {
        let mut dims = input.clone();
        for layer in &self.layers {
            dims = layer.output_dims(&dims)?;
            weights.layer(layer);
        }
        let _ = self.built_for.set(input.clone().any_batch());
        Ok(())
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        let mut x = x.clone();
        for layer in &self.layers {
            x = layer.call(&x, cx)?;
        }
        Ok(x)
    }
}
