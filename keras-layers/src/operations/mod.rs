//! Functions of `keras.ops` as nodes of a graph, under the names and with the configs that Keras gives them.
//!
//! An operation is a line in the table of `table.rs`; a graph holds it as a layer without weights. The functions here
//! take tensors that are not there yet; for tensors with data there is `keras_tensor::ops`.

mod functions;
mod given;
mod table;

pub use functions::*;

use keras_tensor::{Outputs, Result, Tensor};
use serde_json::{Map, Value, json};

use crate::{Arguments, Call, Layer, LayerRef, Symbolic};
use given::Given;

/// One function of `keras.ops`.
pub(crate) struct Entry {
    class_name: &'static str,
    /// The module of `keras.src.ops` that it stands in.
    module: &'static str,
    run: Run,
}

enum Run {
    One(fn(&Given) -> Result<Tensor>),
    Many(fn(&Given) -> Result<Vec<Tensor>>),
}

/// A function of a graph, with what its class is made with: `Mean(axis=1)`.
pub(crate) struct Operation {
    entry: &'static Entry,
    config: Map<String, Value>,
}

impl Operation {
    /// What Keras's class of this name computes, with this config.
    ///
    /// # Errors
    /// A class that no table holds.
    pub(crate) fn new(class_name: &str, config: Value) -> Result<Self> {
        let mut config = match config {
            Value::Object(config) => config,
            _ => Map::new(),
        };
        config.remove("name");
        let entry = table::entry(class_name)?;
        Ok(Operation { entry, config })
    }

    /// As Keras writes it.
    pub(crate) fn to_json(&self, name: &str) -> Value {
        let mut config = Map::new();
        config.insert("name".into(), name.into());
        config.extend(self.config.clone());
        json!({
            "module": format!("keras.src.ops.{}", self.entry.module),
            "class_name": self.entry.class_name,
            "config": config,
            "registered_name": self.entry.class_name,
        })
    }

    /// What Keras wrote, if it is an operation.
    pub(crate) fn from_json(json: &Value) -> Result<Option<LayerRef>> {
        let of_ops = |module: &str| module.starts_with("keras.src.ops.") || module == "keras.ops";
        if !json["module"].as_str().is_some_and(of_ops) {
            return Ok(None);
        }
        let class_name = json["class_name"].as_str().unwrap_or_default();
        let operation = Operation::new(class_name, json["config"].clone())?;
        let name = json["config"]["name"].as_str();
        Ok(Some(LayerRef::new(operation, name.map(str::to_string))))
    }

    /// Puts the operation behind these tensors.
    fn on(self, inputs: Arguments<Symbolic>) -> Result<Vec<Symbolic>> {
        LayerRef::from(self).on_many(inputs)
    }
}

impl Layer for Operation {
    fn class_name(&self) -> Option<&'static str> {
        Some(self.entry.class_name)
    }

    fn is_weightless(&self) -> bool {
        true
    }

    fn autocasts(&self) -> bool {
        false
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        Ok(self.call_many(&Arguments::new(x), cx)?.swap_remove(0))
    }

    fn call_many(&self, inputs: &Arguments<Tensor>, _: &Call) -> Result<Outputs> {
        let given = Given::new(self.entry.class_name, inputs, &self.config);
        let outputs = match self.entry.run {
            Run::One(run) => vec![run(&given)?],
            Run::Many(run) => run(&given)?,
        };
        Ok(outputs.into_iter().map(|y| y.with_mask(None)).collect())
    }
}

impl LayerRef {
    /// Whether this is a function of `keras.ops` and no layer.
    pub fn is_operation(&self) -> bool {
        self.downcast_ref::<Operation>().is_some()
    }
}
