//! Models and how they were compiled, as Keras writes them.

use keras_layers::LayerRef;
use keras_metrics::losses::Loss;
use keras_metrics::metrics::{Metric, MetricSetting};
use keras_optimizers::Optimizer;
use keras_tensor::{Error, Result};
use serde_json::{Value, json};

use crate::sequential::{Stack, register};
use crate::{Compile, Model};

impl Model {
    /// The model as Keras writes it: `{"module", "class_name", "config", "registered_name", "build_config"}`.
    ///
    /// # Errors
    /// A layer of a class that is not registered.
    pub fn to_json(&self) -> Result<Value> {
        register();
        let mut json = self.root().to_json()?;
        if let Some(dims) = self.root().input_dims() {
            let dims = dims.clone().any_batch();
            json["build_config"] = json!({"input_shape": dims});
        }
        Ok(json)
    }

    /// The model that Keras wrote, without its weights, built where the config tells the shape of the input.
    ///
    /// # Errors
    /// An unknown class, or a config that does not fit it.
    pub fn from_json(json: &Value) -> Result<Self> {
        register();
        let root = LayerRef::from_json(json)?;
        let told = root.downcast_ref::<Stack>().and_then(Stack::input_dims);
        let built = &json["build_config"]["input_shape"];
        let dims = told.or_else(|| serde_json::from_value(built.clone()).ok());
        if let Some(dims) = dims {
            root.build(dims)?;
        }
        Ok(Model::from_root(root))
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
