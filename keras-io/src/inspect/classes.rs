//! Classes in configs.

use serde_json::Value;

/// Where configs keep layers.
const PLACES: &[&str] = &[
    "layers",
    "layer",
    "cell",
    "cells",
    "forward_layer",
    "backward_layer",
    "config",
];

/// The classes of a model and its layers, in the order in which they first come, with how many there are of each.
pub(super) fn of(config: &Value) -> Vec<(String, usize)> {
    let mut classes = Vec::new();
    count(config, &mut classes);
    classes
}

/// JSON is not nested more deeply than its reader allows.
fn count(json: &Value, classes: &mut Vec<(String, usize)>) {
    if let Some(all) = json.as_array() {
        all.iter().for_each(|json| count(json, classes));
    }
    let Some(object) = json.as_object() else {
        return;
    };
    if let Some(class) = json["class_name"].as_str() {
        match classes.iter_mut().find(|(name, _)| name == class) {
            Some((_, count)) => *count += 1,
            None => classes.push((class.to_string(), 1)),
        }
    }
    let inner = object
        .iter()
        .filter(|(key, _)| PLACES.contains(&key.as_str()));
    inner.for_each(|(_, json)| count(json, classes));
}

/// The optimizer and the losses of a model that was compiled.
pub(super) fn compiled(config: &Value) -> Vec<String> {
    let mut names = Vec::new();
    add_names(
        config.get("optimizer").or(config.get("optimizer_config")),
        &mut names,
    );
    add_names(config.get("loss"), &mut names);
    names
}

fn add_names(json: Option<&Value>, names: &mut Vec<String>) {
    match json {
        Some(Value::String(name)) => names.push(name.clone()),
        Some(Value::Array(all)) => all.iter().for_each(|one| add_names(Some(one), names)),
        Some(Value::Object(all)) => match (all.get("class_name"), all.get("config")) {
            // A function stands in a config by its name.
            (Some(Value::String(class)), Some(name)) if class == "function" => {
                add_names(Some(name), names)
            }
            (Some(class), _) => add_names(Some(class), names),
            (None, _) => all.values().for_each(|one| add_names(Some(one), names)),
        },
        _ => {}
    }
}

/// A version as it is told: `Keras 3.15.1`.
pub(super) fn vintage(version: &str) -> String {
    format!("Keras {version}")
}
