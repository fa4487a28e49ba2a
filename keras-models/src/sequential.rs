//! A stack of layers.

use keras_layers::layers::InputLayer;
use keras_layers::{Call, Dims, Layer, LayerExt, LayerRef, Weights};
use keras_tensor::names::auto_name;
use keras_tensor::{Result, Tensor};
use std::ops::{Deref, DerefMut};

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
    input: Option<Dims>,
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
            Some(input) if self.layers.is_empty() => self.input = Some(input.dims().clone()),
            _ => self.layers.push(layer),
        }
    }

    /// Makes the stack of the layers as they are now, and builds it where the input's shape is known.
    fn restack(&mut self) {
        let known = self
            .input
            .clone()
            .or_else(|| self.model.root().input_dims().cloned());
        let stack = Stack {
            layers: self.layers.clone(),
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
    layers: Vec<LayerRef>,
}

impl Stack {
    pub(crate) fn layers(&self) -> &[LayerRef] {
        &self.layers
    }
}

impl Layer for Stack {
    fn class_name(&self) -> Option<&'static str> {
        Some("Sequential")
    }

    fn build(&self, input: &Dims, weights: &mut Weights) -> Result<()> {
        let mut dims = input.clone();
        for layer in &self.layers {
            dims = layer.output_dims(&dims)?;
            weights.layer(layer);
        }
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
