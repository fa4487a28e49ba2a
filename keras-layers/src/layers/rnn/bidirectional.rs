use keras_tensor::{Error, Outputs, Result, Tensor, ops};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};
use std::sync::OnceLock;

use super::sequence::reversed;
use crate::{Argument, Arguments, Call, Dims, Layer, LayerRef, Weights};

/// Runs a recurrent layer forwards and another backwards, and merges their outputs (Schuster and Paliwal, 1997).
///
/// Takes what the layers take; `initial_state` holds the states of the forward layer, then those of the backward layer.
/// Outputs `[batch, units]` or `[batch, time, units]` are merged; steps of the backward layer stand in the order of the
/// input. The states of both follow, if the layers return them.
///
/// ```
/// use keras_layers::{Call, LayerRef, layers::{Bidirectional, LSTM}};
/// use keras_tensor::ops;
/// let layer = LayerRef::from(Bidirectional::new(LSTM::new(4)));
/// let y = layer.call(&ops::ones([2, 5, 3], Default::default())?, &Call::inference())?;
/// assert_eq!(y.shape().to_string(), "(2, 8)");
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Config")]
pub struct Bidirectional {
    config: Config,
    pair: Pair,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Config {
    #[serde(default = "concat")]
    merge_mode: Option<String>,
    layer: LayerRef,
    backward_layer: Option<LayerRef>,
}

/// The layers of both directions, once they are made. Clones are empty.
#[derive(Debug, Default)]
struct Pair(OnceLock<[Direction; 2]>);

/// A layer, and what its config says.
#[derive(Debug)]
struct Direction {
    layer: LayerRef,
    config: Value,
}

impl Clone for Pair {
    fn clone(&self) -> Self {
        Pair::default()
    }
}

fn concat() -> Option<String> {
    Some("concat".into())
}

impl From<Config> for Bidirectional {
    fn from(config: Config) -> Self {
        Bidirectional {
            config,
            pair: Pair::default(),
        }
    }
}

impl Serialize for Bidirectional {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        let [forward, backward] = self.pair().map_err(serde::ser::Error::custom)?;
        Config {
            merge_mode: self.config.merge_mode.clone(),
            layer: forward.layer.clone(),
            backward_layer: Some(backward.layer.clone()),
        }
        .serialize(s)
    }
}

impl Bidirectional {
    /// Runs copies of this layer in both directions, and puts their outputs one after the other.
    pub fn new(layer: impl Into<LayerRef>) -> Self {
        Bidirectional::from(Config {
            merge_mode: concat(),
            layer: layer.into(),
            backward_layer: None,
        })
    }

    /// How outputs are merged: `"concat"` (the default), `"sum"`, `"mul"`, `"ave"`, or `None` for both outputs.
    pub fn merge_mode<'a>(mut self, merge_mode: impl Into<Option<&'a str>>) -> Self {
        self.config.merge_mode = merge_mode.into().map(str::to_string);
        self
    }

    /// What runs backwards, if it is not a copy of the forward layer; it must have `go_backwards` set.
    pub fn backward_layer(mut self, backward_layer: impl Into<LayerRef>) -> Self {
        self.config.backward_layer = Some(backward_layer.into());
        self
    }

    /// The layers forwards and backwards.
    fn pair(&self) -> Result<&[Direction; 2]> {
        if let Some(pair) = self.pair.0.get() {
            return Ok(pair);
        }
        let layer = &self.config.layer;
        let forward = Direction::new(layer, Some("forward_"), None)?;
        let turned = !forward.flag("go_backwards");
        let backward = match &self.config.backward_layer {
            Some(given) => Direction::new(given, None, None)?,
            None => Direction::new(layer, Some("backward_"), Some(turned))?,
        };
        for (key, same) in [
            ("go_backwards", false),
            ("stateful", true),
            ("return_sequences", true),
            ("return_state", true),
        ] {
            if (forward.flag(key) == backward.flag(key)) != same {
                return Err(Error::argument(
                    format!("backward_layer.{key}"),
                    backward.flag(key),
                    format!(
                        "{}, because of the forward layer",
                        forward.flag(key) == same
                    ),
                ));
            }
        }
        Ok(self.pair.0.get_or_init(|| [forward, backward]))
    }

    fn merge(&self, y: Tensor, backward: Tensor) -> Result<Vec<Tensor>> {
        let merged = match self.config.merge_mode.as_deref() {
            None => return Ok(vec![y, backward]),
            Some("concat") => ops::concatenate(&[&y, &backward], -1),
            Some("sum") => ops::add(y, backward),
            Some("mul") => ops::multiply(y, backward),
            Some("ave") => ops::multiply(ops::add(y, backward)?, 0.5),
            Some(other) => Err(Error::argument(
                "merge_mode",
                format!("{other:?}"),
                "\"concat\", \"sum\", \"mul\", \"ave\" or None",
            )),
        };
        Ok(vec![merged?])
    }
}

impl Direction {
    /// A copy of `layer` for one direction; outputs of masked steps are 0 where all steps come back.
    fn new(layer: &LayerRef, prefix: Option<&str>, go_backwards: Option<bool>) -> Result<Self> {
        let mut json = layer.to_json()?;
        let config = &mut json["config"];
        if !config["go_backwards"].is_boolean() {
            let wanted = "a recurrent layer, with go_backwards and return_sequences";
            return Err(Error::argument("layer", layer.class_name(), wanted));
        }
        if let Some(prefix) = prefix {
            let name = layer.name();
            let name = name.strip_prefix(prefix).unwrap_or(name);
            config["name"] = json!(format!("{prefix}{name}"));
        }
        if let Some(go_backwards) = go_backwards {
            config["go_backwards"] = json!(go_backwards);
        }
        if config["zero_output_for_mask"].is_boolean() {
            config["zero_output_for_mask"] = config["return_sequences"].clone();
        }
        Ok(Direction {
            layer: LayerRef::from_json(&json)?,
            config: json["config"].take(),
        })
    }

    fn flag(&self, key: &str) -> bool {
        self.config[key] == true
    }
}

impl Layer for Bidirectional {
    fn takes_mask(&self) -> bool {
        true
    }

    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        let fields = ["forward_layer", "backward_layer"];
        for (direction, field) in self.pair()?.iter().zip(fields) {
            w.layer_as(field, &direction.layer);
            direction.layer.build(input)?;
        }
        Ok(())
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        Ok(self.call_many(&x.into(), cx)?.swap_remove(0))
    }

    fn call_many(&self, inputs: &Arguments<Tensor>, cx: &Call) -> Result<Outputs> {
        let [forward, backward] = self.pair()?;
        let (x, states) = (inputs.first()?, inputs.list(1, "initial_state"));
        let (first, second) = states.split_at(states.len() / 2);
        let run = |direction: &Direction, states: &[Tensor]| {
            let mut inputs = Arguments::new(x);
            if !states.is_empty() {
                inputs = inputs.named("initial_state", Argument::List(states.to_vec()));
            }
            direction.layer.call_many(inputs, cx)
        };
        let mut after = run(forward, first)?;
        let mut after_backward = run(backward, second)?;
        let (y, mut y_backward) = (after.remove(0), after_backward.remove(0));
        let mut mask = None;
        if forward.flag("return_sequences") {
            y_backward = reversed(&y_backward)?;
            mask = x.mask();
        }
        let merged = self.merge(y, y_backward)?.into_iter();
        let merged = merged.map(|y| y.with_mask(mask.cloned()));
        Ok(merged.chain(after).chain(after_backward).collect())
    }

    fn mask(&self, x: &Tensor) -> Result<Option<Tensor>> {
        let all = self.pair()?[0].flag("return_sequences");
        Ok(x.mask().filter(|_| all).cloned())
    }
}
