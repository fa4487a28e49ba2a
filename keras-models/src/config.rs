//! Models as configs: JSON in Keras's words.

use keras_layers::{Layer, LayerRef};
use keras_tensor::Result;
use keras_tensor::registry::{self, Entry};
use serde_json::{Value, json};
use std::any::Any;
use std::sync::{Arc, Once};

use crate::Model;
use crate::functional::{self, Functional};
use crate::sequential::Stack;

static TABLE: &[Entry<dyn Layer>] = &[
    Entry {
        class_name: "Functional",
        aliases: &["model"],
        load: |config| Ok(Arc::new(Functional::from_config(config)?)),
        save: |layer| {
            let functional = (layer as &dyn Any).downcast_ref::<Functional>()?;
            Some(functional.to_config())
        },
    },
    Entry {
        class_name: "Sequential",
        aliases: &[],
        load: |config| Ok(Arc::new(Stack::from_config(config)?)),
        save: |layer| {
            let stack = (layer as &dyn Any).downcast_ref::<Stack>()?;
            Some(stack.to_config())
        },
    },
];

/// Makes models known among the layers, so that configs can hold them.
pub(crate) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| registry::register::<dyn Layer>(TABLE));
}

/// A layer of a model, with the shape that it was built for.
pub(crate) fn layer_json(layer: &LayerRef) -> Result<Value> {
    let mut json = layer.to_json()?;
    if functional::of(layer).is_some() {
        json["build_config"] = json!({"input_shape": null});
    } else if let Some(inputs) = layer.built_for()
        && !layer.is_weightless()
        && inputs.positional().len() == 1
        && inputs.by_name().next().is_none()
    {
        let shape = match inputs.inputs() {
            [one] => json!(one),
            several => json!(several),
        };
        json["build_config"] = json!({"input_shape": shape});
    }
    Ok(json)
}

impl Model {
    /// The model's architecture as Keras 3 writes it to `config.json`; weights are not part of it.
    ///
    /// # Errors
    /// A layer of a class that no table holds.
    pub fn to_json(&self) -> Result<Value> {
        layer_json(self.root())
    }

    /// The model of a config that Keras 1, 2 or 3 wrote, with new weights.
    ///
    /// # Errors
    /// An unknown class, or a config that does not fit it.
    pub fn from_json(json: &Value) -> Result<Self> {
        register();
        let root = LayerRef::from_json(json)?;
        if let Some(dims) = root.downcast_ref::<Stack>().and_then(Stack::input_dims) {
            root.build(dims)?;
        }
        match functional::of(&root) {
            Some(_) => Model::of_functional(root),
            None => Ok(Model::from_root(root)),
        }
    }
}

/// A model of the same architecture with new layers and new weights.
///
/// # Errors
/// A layer of a class that no table holds.
pub fn clone_model(model: &Model) -> Result<Model> {
    Model::from_json(&model.to_json()?)
}
