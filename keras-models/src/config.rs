//! Models as configs: JSON in Keras's words.

use keras_datasets::Structure;
use keras_layers::{Layer, LayerRef};
use keras_metrics::losses::{Loss, Losses};
use keras_metrics::metrics::{Metric, MetricSetting};
use keras_optimizers::Optimizer;
use keras_tensor::registry::{self, Entry};
use keras_tensor::{Error, Result};
use serde_json::{Map, Value, json};
use std::any::Any;
use std::sync::{Arc, Once};

use crate::functional::{self, Functional};
use crate::sequential::Stack;
use crate::training::Given;
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
        let mut optimizer = compiled.optimizer.to_json()?;
        if compiled.auto_scaled {
            optimizer = optimizer["config"]["inner_optimizer"].take();
        }
        config["optimizer"] = optimizer;
        Ok(Some(config))
    }
}

impl Compile {
    /// The settings as Keras writes them, but for the optimizer, which changes while the model is trained.
    pub(crate) fn config(&self) -> Result<Value> {
        Ok(json!({
            "optimizer": null,
            "loss": losses(&self.losses)?,
            "loss_weights": match &self.loss_weights {
                None => Value::Null,
                Some(Structure::One(weight)) => json!(weight),
                Some(Structure::List(all)) => json!(all),
                Some(Structure::Map(all)) => all.iter().map(|(n, w)| (n.clone(), json!(w))).collect(),
            },
            "metrics": metrics(self.metrics.iter().filter(|m| !m.weighted))?,
            "weighted_metrics": metrics(self.metrics.iter().filter(|m| m.weighted))?,
            "run_eagerly": false,
            "steps_per_execution": 1,
            "jit_compile": false,
        }))
    }

    /// The settings that Keras wrote as a `compile_config`.
    ///
    /// # Errors
    /// An unknown optimizer, loss or metric; several metrics of one output in a list of lists, which names no output.
    pub fn from_json(json: &Value) -> Result<Self> {
        let optimizer = Optimizer::from_json(&json["optimizer"])?;
        let mut how = Compile::new(optimizer, read_losses(&json["loss"])?);
        how.loss_weights = match &json["loss_weights"] {
            Value::Null => None,
            Value::Array(all) => Some(Structure::List(
                all.iter().map(weight).collect::<Result<_>>()?,
            )),
            Value::Object(all) => {
                let named = all.iter().map(|(n, w)| Ok((n.clone(), weight(w)?)));
                Some(Structure::Map(named.collect::<Result<_>>()?))
            }
            one => Some(Structure::One(weight(one)?)),
        };
        for (key, weighted) in [("metrics", false), ("weighted_metrics", true)] {
            read_metrics(&json[key], weighted, None, &mut how.metrics)?;
        }
        Ok(how)
    }
}

fn losses(losses: &Losses) -> Result<Value> {
    let one = |loss: &Loss| match loss.given_name() {
        Some(name) => Ok(Value::from(name)),
        None => loss.to_json(),
    };
    let perhaps = |loss: &Option<Loss>| loss.as_ref().map_or(Ok(Value::Null), one);
    match losses {
        Losses::One(loss) => one(loss),
        Losses::List(all) => all.iter().map(perhaps).collect(),
        Losses::Map(all) => all
            .iter()
            .map(|(name, loss)| Ok((name.clone(), perhaps(loss)?)))
            .collect(),
    }
}

fn read_losses(json: &Value) -> Result<Losses> {
    let perhaps = |json: &Value| match json {
        Value::Null => Ok(None),
        json => Loss::from_json(json).map(Some),
    };
    match json {
        Value::Array(all) => Ok(Losses::List(
            all.iter().map(perhaps).collect::<Result<_>>()?,
        )),
        Value::Object(all) if !all.contains_key("class_name") => {
            let named = all.iter().map(|(n, l)| Ok((n.clone(), perhaps(l)?)));
            Ok(Losses::Map(named.collect::<Result<_>>()?))
        }
        one => Loss::from_json(one).map(Losses::One),
    }
}

fn weight(json: &Value) -> Result<f64> {
    let wanted = || Error::argument("loss_weights", json, "a number");
    json.as_f64().ok_or_else(wanted)
}

/// A list, or lists by the names of outputs.
fn metrics<'a>(given: impl Iterator<Item = &'a Given>) -> Result<Value> {
    let (mut list, mut named) = (Vec::new(), Map::new());
    for metric in given {
        let json = match &metric.setting {
            MetricSetting::Named(name) => Value::from(name.clone()),
            MetricSetting::Value(metric) => metric.to_json()?,
        };
        match &metric.output {
            None => list.push(json),
            Some(output) => match named.entry(output).or_insert_with(|| json!([])) {
                Value::Array(all) => all.push(json),
                other => *other = json!([json]),
            },
        }
    }
    match (list.is_empty(), named.is_empty()) {
        (true, true) => Ok(Value::Null),
        (false, true) => Ok(Value::Array(list)),
        (true, false) => Ok(Value::Object(named)),
        (false, false) => Err(Error::argument(
            "metrics",
            "some for outputs by name, and some by order",
            "one of both, so that Keras can read them",
        )),
    }
}

/// Metrics of a list, of a list for each output, or of outputs by name.
fn read_metrics(
    json: &Value,
    weighted: bool,
    output: Option<&str>,
    metrics: &mut Vec<Given>,
) -> Result<()> {
    let given = |setting| Given {
        output: output.map(str::to_string),
        weighted,
        setting,
    };
    match json {
        Value::Null => Ok(()),
        Value::String(name) => {
            metrics.push(given(MetricSetting::from(&**name)));
            Ok(())
        }
        Value::Array(all) => {
            let lists = all.iter().filter_map(Value::as_array);
            if all.len() > 1 && lists.clone().any(|list| list.len() != 1) {
                return Err(Error::argument(
                    "metrics",
                    json,
                    "one for each output in their order, or lists by the names of outputs",
                ));
            }
            all.iter()
                .try_for_each(|one| read_metrics(one, weighted, output, metrics))
        }
        Value::Object(all) if !all.contains_key("class_name") => all
            .iter()
            .try_for_each(|(name, list)| read_metrics(list, weighted, Some(name), metrics)),
        object => {
            metrics.push(given(MetricSetting::Value(Metric::from_json(object)?)));
            Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn goes_around(how: Compile) -> Value {
        let config = |how: &Compile| {
            let mut json = how.config().unwrap();
            json["optimizer"] = "sgd".into();
            json
        };
        let json = config(&how);
        let again = Compile::from_json(&json).unwrap();
        assert_eq!(config(&again), json);
        json
    }

    #[test]
    fn settings_of_several_outputs_go_around() {
        let named = Compile::new("sgd", [("a", "mse"), ("b", "mae")])
            .loss_weights([("a", 1.0), ("b", 0.5)])
            .metric_for("b", "mse")
            .weighted_metric_for("b", "mae");
        let json = goes_around(named);
        assert_eq!(json["loss"], json!({"a": "mse", "b": "mae"}));
        assert_eq!(json["metrics"], json!({"b": ["mse"]}));
        let listed = Compile::new("sgd", ["mse", "mae"]).loss_weights([0.5, 2.0]);
        assert_eq!(goes_around(listed)["loss_weights"], json!([0.5, 2.0]));
        let one = Compile::new("sgd", "mse").metric("mae");
        assert_eq!(goes_around(one)["metrics"], json!(["mae"]));
    }

    #[test]
    fn lists_of_lists_are_those_of_outputs_in_their_order() {
        let json = json!({
            "optimizer": "sgd",
            "loss": "mse",
            "metrics": [["mae"], ["mse"]],
        });
        assert_eq!(Compile::from_json(&json).unwrap().metrics.len(), 2);
        let json = json!({
            "optimizer": "sgd",
            "loss": "mse",
            "metrics": [["mae", "mse"], ["mse"]],
        });
        assert!(Compile::from_json(&json).is_err());
    }
}
