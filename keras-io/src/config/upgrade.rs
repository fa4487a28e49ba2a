//! Configs of Keras 1 and 2 in the form of Keras 3.

use serde_json::{Map, Value, json};

use super::keras1;

/// Brings the config of a model up to date, with all that it holds. `version` is that of the Keras that wrote it.
pub(super) fn model(json: &mut Value, version: u32) {
    match json {
        Value::Object(object) => {
            if object.get("class_name").is_some_and(Value::is_string) {
                class(object, version);
            }
            object.values_mut().for_each(|v| model(v, version));
        }
        Value::Array(all) => all.iter_mut().for_each(|v| model(v, version)),
        _ => {}
    }
}

fn class(object: &mut Map<String, Value>, version: u32) {
    if version < 2 {
        keras1::layer(object);
    }
    let name = object["class_name"]
        .as_str()
        .unwrap_or_default()
        .to_string();
    match &*name {
        "Model" => object["class_name"] = "Functional".into(),
        "CuDNNLSTM" => object["class_name"] = "LSTM".into(),
        "CuDNNGRU" => object["class_name"] = "GRU".into(),
        "Sequential" => sequential(object),
        _ => {}
    }
    if is_operation(object) {
        object.insert("module".into(), "keras.ops".into());
    }
    let Some(Value::Object(config)) = object.get_mut("config") else {
        return;
    };
    if version < 3 {
        for key in ["activation", "recurrent_activation"] {
            // The function has changed under its name.
            if config.get(key).is_some_and(|a| a == "hard_sigmoid") {
                config.insert(key.into(), "hard_sigmoid_keras2".into());
            }
        }
    }
    match &*name {
        // Before there was a choice, this was how it was computed.
        "GRU" | "GRUCell" if version < 3 && !config.contains_key("reset_after") => {
            config.insert("reset_after".into(), false.into());
        }
        "InputLayer" => {
            if let Some(shape) = config.remove("batch_input_shape") {
                config.insert("batch_shape".into(), shape);
            }
        }
        // Keras 2 wrote the axis that it found as a list.
        "BatchNormalization" => {
            if version < 3 {
                config.insert("keras2_variance".into(), true.into());
            }
            if let Some([axis]) = config.get("axis").and_then(Value::as_array).map(|a| &a[..]) {
                let axis = axis.clone();
                config.insert("axis".into(), axis);
            }
        }
        _ => {}
    }
}

/// Whether an entry of a graph is an operation. In the legacy format its module is lost; what tells it from a layer is
/// that it has no settings of a layer. (Keras itself cannot read it back.)
fn is_operation(object: &Map<String, Value>) -> bool {
    let Some(config) = object.get("config") else {
        return false;
    };
    object.contains_key("inbound_nodes")
        && !object.contains_key("module")
        && object["class_name"] != "InputLayer"
        && config.is_object()
        && ["trainable", "dtype", "layers"]
            .iter()
            .all(|key| config[key].is_null())
}

/// Keras 1 had a bare list of layers, and the first layer could tell the shape of the input.
fn sequential(object: &mut Map<String, Value>) {
    if let Some(Value::Array(_)) = object.get("config") {
        let layers = object["config"].take();
        object.insert(
            "config".into(),
            json!({"name": "sequential", "layers": layers}),
        );
    }
    let Some(layers) = object.get_mut("config").and_then(|c| c.get_mut("layers")) else {
        return;
    };
    let Some(first) = layers.get_mut(0) else {
        return;
    };
    if first["class_name"] == "InputLayer" {
        return;
    }
    let Some(Value::Object(config)) = first.get_mut("config") else {
        return;
    };
    if let Some(shape) = config.remove("batch_input_shape") {
        let name = config
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or("sequential");
        let dtype = config.get("dtype").filter(|d| d.is_string()).cloned();
        let input = json!({
            "class_name": "InputLayer",
            "config": {
                "batch_shape": shape,
                "name": format!("{name}_input"),
                "dtype": dtype.unwrap_or_else(|| "float32".into()),
            },
        });
        if let Value::Array(layers) = layers {
            layers.insert(0, input);
        }
    }
}

/// Brings a `compile_config`, or the `training_config` of a legacy file, up to date.
pub(super) fn compile(json: &mut Value, version: u32) {
    if let Some(optimizer) = json.get_mut("optimizer_config").map(Value::take) {
        json["optimizer"] = optimizer;
    }
    plain(&mut json["optimizer"]);
    // The default learning rate has changed.
    let lion = json["optimizer"]
        .as_str()
        .is_some_and(|o| o.eq_ignore_ascii_case("lion"));
    if version < 3 && lion {
        json["optimizer"] = json!({"class_name": "Lion", "config": {"learning_rate": 1e-4}});
    }
    each(&mut json["loss"], &mut |loss| {
        function(loss);
        if version < 3 {
            clipping(loss);
        }
    });
    for key in ["metrics", "weighted_metrics"] {
        each(&mut json[key], &mut function);
    }
}

/// Visits what stands for one loss or metric: itself, or in lists and in maps of outputs.
fn each(json: &mut Value, visit: &mut dyn FnMut(&mut Value)) {
    match json {
        Value::Array(all) => all.iter_mut().for_each(|one| each(one, visit)),
        Value::Object(all) if !all.contains_key("class_name") => {
            all.values_mut().for_each(|one| each(one, visit));
        }
        one => visit(one),
    }
}

/// Keras 2 clipped the probabilities of binary cross-entropy in a way of its own.
fn clipping(loss: &mut Value) {
    let name = loss["class_name"].as_str().or(loss.as_str());
    let class = match name
        .unwrap_or_default()
        .to_lowercase()
        .replace('_', "")
        .as_str()
    {
        "binarycrossentropy" | "bce" => "BinaryCrossentropy",
        "binaryfocalcrossentropy" => "BinaryFocalCrossentropy",
        _ => return,
    };
    if loss.is_string() {
        *loss = json!({"class_name": class, "config": {}});
    }
    if let Some(config) = loss["config"].as_object_mut() {
        config.insert("keras2_clipping".into(), true.into());
    }
}

/// `"Custom>Adam"`, as some versions of Keras 2 wrote it, is `"Adam"`.
fn plain(object: &mut Value) {
    if let Some(name) = object["class_name"].as_str()
        && let Some(plain) = name.strip_prefix("Custom>")
    {
        object["class_name"] = plain.to_string().into();
    }
}

/// A function is an object in some versions: `{"class_name": "function", "config": "mean_squared_error"}`.
fn function(json: &mut Value) {
    if json["class_name"] == "function" {
        *json = json["config"].take();
    }
}
