//! Models as configs: JSON in Keras's words.

use keras_layers::{Layer, LayerRef};
use keras_metrics::losses::Loss;
use keras_metrics::metrics::{Metric, MetricSetting};
use keras_optimizers::Optimizer;
use keras_tensor::registry::{self, Entry};
use keras_tensor::{Error, Result};
use serde_json::{Value, json};
use std::any::Any;
use std::sync::{Arc, Once};

use crate::functional::{self, Functional};
use crate::sequential::Stack;
use crate::{Compile, Model};

/// Makes models known among the layers, so that configs can hold them.
pub(crate) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        registry::register::<dyn Layer>("Functional", |class_name| Entry {
            class_name,
            aliases: &["model"],
            load: |config| Ok(Arc::new(Functional::from_config(config)?)),
            save: |layer| Some(downcast::<Functional>(layer)?.to_config()),
        });
        registry::register::<dyn Layer>("Sequential", |class_name| Entry {
            class_name,
            aliases: &[],
            load: |config| Ok(Arc::new(Stack::from_config(config)?)),
            save: |layer| Some(downcast::<Stack>(layer)?.to_config()),
        });
    });
}

fn downcast<L: Layer>(layer: &dyn Layer) -> Option<&L> {
    (layer as &dyn Any).downcast_ref()
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

    /// How the model was compiled, as Keras writes it, or `None` if it was not.
    ///
    /// # Errors
    /// A loss, a metric or an optimizer of one's own, which no table holds.
    pub fn compile_config(&self) -> Result<Option<Value>> {
        let Some(compiled) = &self.compiled else {
            return Ok(None);
        };
        let mut config = compiled.config.clone().map_err(Error::Other)?;
        config["optimizer"] = compiled.optimizer.to_json()?;
        Ok(Some(config))
    }
}

impl Compile {
    /// The settings as Keras writes them, but for the optimizer, which changes while the model is trained.
    pub(crate) fn config(&self) -> Result<Value> {
        Ok(json!({
            "optimizer": null,
            "loss": match self.loss.given_name() {
                Some(name) => Value::from(name),
                None => self.loss.to_json()?,
            },
            "loss_weights": null,
            "metrics": settings(&self.metrics)?,
            "weighted_metrics": settings(&self.weighted_metrics)?,
            "run_eagerly": false,
            "steps_per_execution": 1,
            "jit_compile": false,
        }))
    }

    /// The settings that Keras wrote as a `compile_config`.
    ///
    /// # Errors
    /// An unknown optimizer, loss or metric; several losses, for models of several outputs.
    pub fn from_json(json: &Value) -> Result<Self> {
        let mut how = Compile::new(
            Optimizer::from_json(&json["optimizer"])?,
            Loss::from_json(&json["loss"])?,
        );
        how.metrics = listed(&json["metrics"])?;
        how.weighted_metrics = listed(&json["weighted_metrics"])?;
        Ok(how)
    }
}

fn settings(metrics: &[MetricSetting]) -> Result<Value> {
    if metrics.is_empty() {
        return Ok(Value::Null);
    }
    let one = |metric: &MetricSetting| match metric {
        MetricSetting::Named(name) => Ok(Value::from(name.clone())),
        MetricSetting::Value(metric) => metric.to_json(),
    };
    metrics.iter().map(one).collect()
}

/// Metrics of a model with one output: a list, or a list of one list as Keras 2 wrote it.
fn listed(json: &Value) -> Result<Vec<MetricSetting>> {
    let one = |json: &Value| match json {
        Value::String(name) => Ok(MetricSetting::from(&**name)),
        object => Ok(MetricSetting::Value(Metric::from_json(object)?)),
    };
    match json {
        Value::Null => Ok(Vec::new()),
        Value::Array(all) => match &all[..] {
            [inner @ Value::Array(_)] => listed(inner),
            all => all.iter().map(one).collect(),
        },
        other => Ok(vec![one(other)?]),
    }
}

/// A model of the same architecture with new layers and new weights.
///
/// # Errors
/// A layer of a class that no table holds.
pub fn clone_model(model: &Model) -> Result<Model> {
    Model::from_json(&model.to_json()?)
}
