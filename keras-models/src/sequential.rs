//! A stack of layers.

use keras_layers::layers::InputLayer;
use keras_layers::{Call, Dims, Following, Follows, Layer, LayerExt, LayerRef, Symbolic, Weights};
use keras_tensor::names::auto_name;
use keras_tensor::{Error, Result, Tensor};
use serde_json::{Value, json};
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

use crate::Model;
use crate::config::layer_json;

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
        let given = self.input.as_ref();
        let given = given.and_then(|l| l.downcast_ref::<InputLayer>());
        let known = given.map(|input| input.dims().clone());
        let known = known.or_else(|| self.model.root().input_dims().cloned());
        let stack = Stack {
            input: self.input.clone(),
            layers: self.layers.clone(),
            ends: OnceLock::new(),
        };
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
    input: Option<LayerRef>,
    layers: Vec<LayerRef>,
    /// The first and the last tensor of its graph, where each layer has one input and one output.
    ends: OnceLock<(Symbolic, Symbolic)>,
}

impl Stack {
    pub(crate) fn layers(&self) -> &[LayerRef] {
        &self.layers
    }

    pub(crate) fn ends(&self) -> Option<&(Symbolic, Symbolic)> {
        self.ends.get()
    }

    /// What Keras's `get_config` gives, without what every layer has.
    pub(crate) fn to_config(&self) -> Result<Value> {
        let begin = self.ends.get().map(|(x, _)| x);
        let input = begin.map(Symbolic::layer).or(self.input.as_ref());
        let layers = input.into_iter().chain(&self.layers);
        let mut config = json!({"layers": layers.map(layer_json).collect::<Result<Value>>()?});
        if let Some(begin) = begin {
            config["build_input_shape"] = json!(begin.dims());
        }
        Ok(config)
    }

    pub(crate) fn from_config(config: &Value) -> Result<Self> {
        // Keras 1 wrote the list of layers alone.
        let layers = config.get("layers").unwrap_or(config);
        let Some(layers) = layers.as_array() else {
            return Err(Error::data(
                "config of a sequential model",
                "it has no layers",
            ));
        };
        let mut stack = Stack::default();
        for (i, json) in layers.iter().enumerate() {
            let layer = LayerRef::from_json(json)?;
            let batch_shape = &json["config"]["batch_input_shape"];
            if layer.downcast_ref::<InputLayer>().is_some() {
                stack.input = Some(layer);
                continue;
            }
            if i == 0 && !batch_shape.is_null() {
                let dims: Dims = serde_json::from_value(batch_shape.clone()).map_err(|e| {
                    Error::data("batch_input_shape of the first layer", e.to_string())
                })?;
                let name = format!("{}_input", layer.name());
                stack.input = Some(InputLayer::batch_shape(dims).name(&name).into());
            }
            stack.layers.push(layer);
        }
        Ok(stack)
    }

    /// The shape of the input, if the first layer or the file tells.
    pub(crate) fn input_dims(&self) -> Option<&Dims> {
        let input = self.input.as_ref()?.downcast_ref::<InputLayer>()?;
        Some(input.dims())
    }
}

impl Layer for Stack {
    fn class_name(&self) -> Option<&'static str> {
        Some("Sequential")
    }

    fn module(&self) -> &'static str {
        "keras"
    }

    fn autocasts(&self) -> bool {
        false
    }

    fn output_names(&self) -> Vec<String> {
        self.layers
            .last()
            .map(|l| l.name().to_string())
            .into_iter()
            .collect()
    }

    fn build(&self, input: &Dims, weights: &mut Weights) -> Result<()> {
        let begin = match &self.input {
            Some(layer) => Symbolic::input(layer)?,
            None => InputLayer::batch_shape(input).symbolic(),
        };
        let mut x = begin.clone();
        for layer in &self.layers {
            x = layer.on(&x)?;
            weights.layer(layer);
        }
        let _ = self.ends.set((begin, x));
        Ok(())
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        let mut x = x.clone();
        let mut layers = self.layers.iter().peekable();
        while let Some(layer) = layers.next() {
            let next = layers.peek().filter(|_| cx.is_training());
            let follows = next.and_then(|next| layer.followed_by(next));
            if let Some(Follows::Activation(activation)) = follows {
                let then = Following {
                    residual: None,
                    activation,
                };
                if let Some(y) = layer.call_then(&x, &then, cx)? {
                    x = y;
                    layers.next();
                    continue;
                }
            }
            x = layer.call(&x, cx)?;
        }
        Ok(x)
    }
}
