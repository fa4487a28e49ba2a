//! Configs in a form that both Keras 2.15 and Keras 3 read.
//!
//! Keras 2 refuses settings that it does not know. Those that Keras 3 added are left out where they ask for nothing; a
//! model that needs more than both have in common keeps the form of Keras 3.

use serde_json::{Map, Value, json};

/// A line for each class of Keras 2.15: its name, and what its constructor takes. Made by `scripts/keras2_keys.py`.
const KEYS: &str = include_str!("keras2_keys.tsv");

/// Settings that have another name in Keras 2, under which Keras 3 takes them, too.
const RENAMED: [(&str, &str, &str); 2] = [
    ("InputLayer", "batch_shape", "batch_input_shape"),
    ("LeakyReLU", "negative_slope", "alpha"),
];

/// Optimizers that Keras 2 makes of its older kind, unless it is told otherwise by a setting that Keras 3 refuses. The
/// older kind takes fewer settings.
const OLDER: [&str; 8] = [
    "Adadelta", "Adagrad", "Adam", "Adamax", "Ftrl", "Nadam", "RMSprop", "SGD",
];

/// The config of a model `{"class_name", "config"}` for both; `None` if there is none.
pub(crate) fn model(json: &Value) -> Option<Value> {
    let config = json["config"].as_object()?;
    let layers = config["layers"].as_array()?;
    let config = match json["class_name"].as_str()? {
        "Sequential" => json!({
            "name": config["name"],
            "layers": layers.iter().map(in_sequence).collect::<Option<Vec<_>>>()?,
        }),
        "Functional" => {
            let masks = masks(layers);
            let is_kept = |layer: &&Value| !masks.iter().any(|m| layer["name"] == **m);
            let kept = layers.iter().filter(is_kept);
            json!({
                "name": config["name"],
                "trainable": config.get("trainable").unwrap_or(&true.into()),
                "layers": kept.map(|l| in_graph(l, &masks)).collect::<Option<Vec<_>>>()?,
                "input_layers": histories(&config["input_layers"])?,
                "output_layers": histories(&config["output_layers"])?,
            })
        }
        _ => return None,
    };
    Some(json!({"class_name": json["class_name"], "config": config}))
}

/// A `training_config` for both; `None` if there is none.
pub(crate) fn training(json: &Value) -> Option<Value> {
    let mut both = value(json)?;
    let optimizer = both["optimizer_config"].as_object_mut()?;
    let class = optimizer["class_name"].as_str()?;
    if OLDER.contains(&class) {
        let config = optimizer["config"].as_object_mut()?;
        if config.get("use_ema").is_some_and(asks_for_nothing) {
            config.remove("ema_momentum");
            config.remove("ema_overwrite_frequency");
        }
        config.retain(|key, setting| key == "amsgrad" || !asks_for_nothing(setting));
    }
    Some(both)
}

fn in_sequence(layer: &Value) -> Option<Value> {
    match layer["class_name"].as_str()? {
        "Sequential" | "Functional" => model(layer),
        _ => value(layer),
    }
}

/// The names of operations that only make masks of layers; both versions make these masks by themselves.
fn masks(layers: &[Value]) -> Vec<&str> {
    let mut masks: Vec<&str> = Vec::new();
    let makers = layers
        .iter()
        .filter(|l| l["class_name"] == "NotEqual" || l["class_name"] == "Any");
    masks.extend(makers.filter_map(|l| l["name"].as_str()));
    loop {
        let others = layers
            .iter()
            .filter(|l| !masks.iter().any(|m| l["name"] == *m));
        let calls = others
            .filter_map(|l| l["inbound_nodes"].as_array())
            .flatten();
        let read: Vec<&Value> = calls
            .filter_map(|c| c["args"].as_array())
            .flatten()
            .collect();
        let is_read = |mask: &str| {
            let lists = read
                .iter()
                .flat_map(|v| v.as_array().map_or(std::slice::from_ref(*v), |l| l));
            lists
                .into_iter()
                .any(|v| v["config"]["keras_history"][0] == mask)
        };
        let count = masks.len();
        masks.retain(|mask| !is_read(mask));
        if masks.len() == count {
            return masks;
        }
    }
}

/// A layer of a graph. The calls of a model in a graph are counted from 1 in Keras 2 and from 0 in Keras 3, so that no
/// form suits both.
fn in_graph(layer: &Value, masks: &[&str]) -> Option<Value> {
    let mut both = value(layer)?;
    let calls = layer["inbound_nodes"].as_array()?.iter();
    both["name"] = layer["name"].clone();
    both["inbound_nodes"] = calls
        .map(|c| call(c, masks))
        .collect::<Option<Vec<_>>>()?
        .into();
    Some(both)
}

/// `[["dense", 0, 0, {}], ..]` for a call with one tensor or one list of tensors, and with flags.
fn call(node: &Value, masks: &[&str]) -> Option<Value> {
    let [first] = &node["args"].as_array()?[..] else {
        return None;
    };
    let is_mask = |v: &Value| masks.iter().any(|m| v["config"]["keras_history"][0] == *m);
    let named = node["kwargs"].as_object()?.iter();
    let named = named.filter(|(_, value)| !value.is_null() && !is_mask(value));
    let named: Map<String, Value> = named.map(|(k, v)| (k.clone(), v.clone())).collect();
    if named.values().any(|v| v.is_object() || v.is_array()) {
        return None;
    }
    let history = |tensor: &Value| {
        let mut place = tensor["config"]["keras_history"].as_array()?.clone();
        place.push(named.clone().into());
        Some(Value::Array(place))
    };
    match first {
        Value::Array(all) => all
            .iter()
            .map(history)
            .collect::<Option<Vec<_>>>()
            .map(Value::from),
        one => Some(vec![history(one)?].into()),
    }
}

/// The places of inputs or outputs, as a list of lists.
fn histories(places: &Value) -> Option<Value> {
    let all = places.as_array()?;
    match all.first()? {
        Value::String(_) => Some(json!([all])),
        Value::Array(_) => Some(places.clone()),
        _ => None,
    }
}

/// A value of a config, with the objects in it.
fn value(json: &Value) -> Option<Value> {
    match json {
        Value::Object(object) if object.contains_key("class_name") => class(object),
        Value::Object(object) => {
            let all = object.iter().map(|(k, v)| Some((k.clone(), value(v)?)));
            all.collect::<Option<Map<_, _>>>().map(Value::from)
        }
        Value::Array(all) => all
            .iter()
            .map(value)
            .collect::<Option<Vec<_>>>()
            .map(Value::from),
        other => Some(other.clone()),
    }
}

fn class(object: &Map<String, Value>) -> Option<Value> {
    let name = object["class_name"].as_str()?;
    let config = object.get("config")?.as_object()?;
    if name == "DTypePolicy" {
        return config.get("name").cloned();
    }
    if object.get("registered_name").is_some_and(|n| !n.is_null()) {
        return None;
    }
    let known: Vec<&str> = keys(name)?.collect();
    let mut both = Map::new();
    for (key, setting) in config {
        let renamed = RENAMED
            .iter()
            .find(|(class, new, _)| *class == name && new == key);
        let key = renamed.map_or(key.as_str(), |(_, _, old)| old);
        if known.contains(&key) {
            both.insert(key.into(), value(setting)?);
        } else if !asks_for_nothing(setting) {
            return None;
        }
        // This function has changed under its name.
        if setting == "hard_sigmoid" {
            return None;
        }
    }
    // All but the settings stays: the module, and what says of which version it is.
    let mut all = object.clone();
    all.remove("build_config");
    all.insert("config".into(), both.into());
    Some(all.into())
}

/// What the constructor of a class takes in Keras 2.
fn keys(class: &str) -> Option<impl Iterator<Item = &'static str>> {
    let mut lines = KEYS.lines().filter_map(|line| line.split_once('\t'));
    lines
        .find(|(name, _)| *name == class)
        .map(|(_, keys)| keys.split(','))
}

fn asks_for_nothing(setting: &Value) -> bool {
    setting.is_null() || *setting == json!(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use keras_layers::{LayerExt, LayerRef, layers::*};
    use keras_models::{Model, Sequential};

    fn sequential(layer: impl Into<LayerRef>) -> Sequential {
        Sequential::new([LayerRef::from(Input::new([4, 3]).name("x")), layer.into()])
    }

    fn both(layer: impl Into<LayerRef>) -> Option<Value> {
        model(&sequential(layer).to_json().unwrap())
    }

    #[test]
    fn what_both_know_is_kept_and_means_the_same() {
        let json = both(LSTM::new(2).name("a")).unwrap();
        let layers = &json["config"]["layers"];
        assert_eq!(
            layers[0]["config"]["batch_input_shape"],
            json!([null, 4, 3])
        );
        assert_eq!(layers[0]["config"].get("optional"), None);
        assert_eq!(layers[1]["config"]["dtype"], "float32");
        assert_eq!(layers[1]["config"].get("seed"), None);
        let read = crate::config::parse(
            "test",
            json.to_string().as_bytes(),
            &Default::default(),
            Some("3.15.1"),
        );
        let again = Model::from_json(&read.unwrap()).unwrap();
        let wanted = sequential(LSTM::new(2).name("a")).to_json().unwrap();
        assert_eq!(
            again.to_json().unwrap()["config"]["layers"],
            wanted["config"]["layers"]
        );
    }

    #[test]
    fn what_keras_2_lacks_or_computes_otherwise_keeps_the_form_of_keras_3() {
        assert!(both(Dense::new(2).activation("relu")).is_some());
        assert!(both(Dense::new(2).activation("hard_sigmoid")).is_none());
        assert!(both(Activation::new("hard_sigmoid")).is_none());
        assert!(both(RMSNormalization::new()).is_none());
        assert!(both(LayerNormalization::new()).is_some());
    }

    #[test]
    fn masks_of_layers_are_left_to_keras() {
        let x = Input::new([4]).dtype(keras_tensor::DType::I32).symbolic();
        let embedded = Embedding::new(5, 3).mask_zero(true).on(&x).unwrap();
        let y = GRU::new(2).on(&embedded).unwrap();
        let json = model(&Model::new(&x, &y).unwrap().to_json().unwrap()).unwrap();
        let layers = json["config"]["layers"].as_array().unwrap();
        let classes: Vec<_> = layers
            .iter()
            .map(|l| l["class_name"].as_str().unwrap())
            .collect();
        assert_eq!(classes, ["InputLayer", "Embedding", "GRU"]);
        assert_eq!(
            layers[2]["inbound_nodes"],
            json!([[["embedding", 0, 0, {}]]])
        );
    }
}
