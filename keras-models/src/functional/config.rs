//! The configs of functional models: as Keras 3 writes them, read also as Keras 1 and 2 wrote them.

use keras_layers::{Argument, Arguments, LayerRef, Node, Symbolic};
use keras_tensor::{Error, Result};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;

use super::{Functional, Structure};
use crate::config::layer_json;
use crate::sequential::Stack;

impl Functional {
    /// What Keras's `get_config` gives, without name and `trainable`.
    pub(crate) fn to_config(&self) -> Result<Value> {
        let layers = self.graph.layers.iter().map(|layer| {
            let mut json = layer_json(layer)?;
            let nodes = self.graph.nodes_of(layer).iter();
            let nodes = nodes.filter_map(|node| self.node_json(node).transpose());
            json["name"] = layer.name().into();
            json["inbound_nodes"] = nodes.collect::<Result<_>>()?;
            Ok(json)
        });
        Ok(json!({
            "layers": layers.collect::<Result<Vec<Value>>>()?,
            "input_layers": self.ends_json(&self.inputs),
            "output_layers": self.ends_json(&self.outputs),
        }))
    }

    fn node_json(&self, node: &Node) -> Result<Option<Value>> {
        let Some(arguments) = node.arguments() else {
            return Ok(None);
        };
        let one = |x: &Symbolic| {
            json!({
                "class_name": "__keras_tensor__",
                "config": {
                    "shape": x.dims(),
                    "dtype": x.dtype().name(),
                    "keras_history": [x.layer().name(), self.number(x), x.index()],
                },
            })
        };
        let argument = |a: &Argument<Symbolic>| match a {
            Argument::One(x) => one(x),
            Argument::List(all) => all.iter().map(one).collect(),
            Argument::Value(v) => v.clone(),
        };
        let args: Value = arguments.positional().iter().map(argument).collect();
        let named = arguments.by_name();
        let kwargs: Map<String, Value> = named.map(|(n, a)| (n.into(), argument(a))).collect();
        Ok(Some(json!({"args": args, "kwargs": kwargs})))
    }

    /// Which call of its layer, among those of this graph, makes a tensor.
    fn number(&self, x: &Symbolic) -> usize {
        let nodes = self.graph.nodes_of(x.layer());
        let same = |n: &Arc<Node>| Arc::ptr_eq(n, x.node());
        nodes.iter().position(same).unwrap_or(0)
    }

    fn ends_json(&self, ends: &Structure<Symbolic>) -> Value {
        let end = |x: &Symbolic| {
            // Keras counts a model's own graph as its first call, here and only here.
            let offset = usize::from(super::of(x.layer()).is_some());
            json!([x.layer().name(), self.number(x) + offset, x.index()])
        };
        match ends {
            Structure::One(x) => end(x),
            Structure::List(all) => all.iter().map(end).collect(),
            Structure::Map(all) => {
                let all = all.iter().map(|(name, x)| (name.clone(), end(x)));
                Value::Object(all.collect())
            }
        }
    }

    /// Makes the layers of a config anew and calls them as it says.
    pub(crate) fn from_config(config: &Value) -> Result<Self> {
        let mut loading = Loading::default();
        let layers = config["layers"].as_array();
        let mut waiting = Vec::new();
        for json in layers.ok_or_else(|| broken("it has no layers"))? {
            let layer = LayerRef::from_json(json)?;
            let name = json["name"].as_str().unwrap_or(layer.name()).to_string();
            let nodes = json["inbound_nodes"].as_array();
            let nodes = nodes.map_or(&[][..], Vec::as_slice);
            loading.keras2 |= nodes.first().is_some_and(Value::is_array);
            let known = match nodes {
                [] => vec![vec![Symbolic::input(&layer)?]],
                _ => Vec::new(),
            };
            let made = Made {
                layer,
                calls: known,
            };
            loading.made.insert(name.clone(), made);
            waiting.push((name, nodes));
        }
        // A layer can be called on what a later one makes, so we go round until every call has what it needs.
        loop {
            let (mut left, mut progress) = (false, false);
            for (name, nodes) in &mut waiting {
                while let [next, rest @ ..] = *nodes {
                    let Some(arguments) = loading.arguments(next)? else {
                        left = true;
                        break;
                    };
                    if let Some(made) = loading.made.get_mut(name) {
                        made.calls.push(made.layer.on_many(arguments)?);
                    }
                    (*nodes, progress) = (rest, true);
                }
            }
            match (left, progress) {
                (false, _) => break,
                (true, true) => {}
                (true, false) => return Err(broken("it has loops, or calls on nothing")),
            }
        }
        let ends = |key: &str| loading.ends(&config[key]);
        Functional::new(ends("input_layers")?, ends("output_layers")?)
    }
}

fn broken(problem: &str) -> Error {
    Error::data("config of a functional model", problem)
}

/// A layer of the config, and the outputs of its calls so far.
struct Made {
    layer: LayerRef,
    calls: Vec<Vec<Symbolic>>,
}

#[derive(Default)]
struct Loading {
    made: HashMap<String, Made>,
    keras2: bool,
}

impl Loading {
    /// The tensor of `[layer, call, output]`, if it is made already.
    fn tensor(&self, history: &Value, is_end: bool) -> Result<Option<&Symbolic>> {
        let name = history[0].as_str().unwrap_or_default();
        let (Some(call), Some(output)) = (history[1].as_u64(), history[2].as_u64()) else {
            return Err(broken(&format!("{history} names no tensor")));
        };
        let made = self.made.get(name);
        let made = made.ok_or_else(|| broken(&format!("there is no layer {name:?}")))?;
        // A model's own graph counts as its first call: in Keras 2 everywhere, in Keras 3 at the ends.
        let is_functional = super::of(&made.layer).is_some();
        let counted = match self.keras2 {
            true => is_functional || made.layer.downcast_ref::<Stack>().is_some(),
            false => is_functional && is_end,
        };
        let call = call.saturating_sub(u64::from(counted));
        let Some(outputs) = made.calls.get(call as usize) else {
            return Ok(None);
        };
        let found = outputs.get(output as usize);
        let missing = || broken(&format!("layer {name:?} has no output {output}"));
        found.ok_or_else(missing).map(Some)
    }

    /// The arguments of a call, if all its tensors are there.
    fn arguments(&self, node: &Value) -> Result<Option<Arguments<Symbolic>>> {
        match node {
            Value::Object(node) => self.keras3(node),
            Value::Array(node) => super::legacy::arguments(node, &|h| self.tensor(h, false)),
            other => Err(broken(&format!("{other} is no call"))),
        }
    }

    fn keras3(&self, node: &Map<String, Value>) -> Result<Option<Arguments<Symbolic>>> {
        let mut all = Arguments::from_iter([]);
        for value in node
            .get("args")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let Some(argument) = self.argument(value)? else {
                return Ok(None);
            };
            all = all.and(argument);
        }
        for (name, value) in node
            .get("kwargs")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            if value.is_null() {
                continue;
            }
            let Some(argument) = self.argument(value)? else {
                return Ok(None);
            };
            all = all.named(name.clone(), argument);
        }
        Ok(Some(all))
    }

    fn argument(&self, value: &Value) -> Result<Option<Argument<Symbolic>>> {
        let is_tensor = |v: &Value| v["class_name"] == "__keras_tensor__";
        let one = |v: &Value| self.tensor(&v["config"]["keras_history"], false);
        if is_tensor(value) {
            return Ok(one(value)?.map(Argument::from));
        }
        match value.as_array() {
            Some(list) if !list.is_empty() && list.iter().all(is_tensor) => {
                let all = list.iter().map(|v| Ok(one(v)?.cloned()));
                let all: Option<Vec<Symbolic>> = all.collect::<Result<_>>()?;
                Ok(all.map(Argument::List))
            }
            _ => Ok(Some(Argument::Value(value.clone()))),
        }
    }

    fn ends(&self, ends: &Value) -> Result<Structure<Symbolic>> {
        let one = |end: &Value| {
            let missing = || broken(&format!("nothing makes {end}"));
            self.tensor(end, true)?.cloned().ok_or_else(missing)
        };
        match ends {
            Value::Array(end) if end.first().is_some_and(Value::is_string) => {
                one(ends).map(Structure::One)
            }
            Value::Array(all) => Ok(Structure::List(all.iter().map(one).collect::<Result<_>>()?)),
            Value::Object(all) => {
                let named = all.iter().map(|(name, end)| Ok((name.clone(), one(end)?)));
                Ok(Structure::Map(named.collect::<Result<_>>()?))
            }
            other => Err(broken(&format!("{other} names no inputs or outputs"))),
        }
    }
}
