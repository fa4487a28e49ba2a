//! SavedModels of Keras 2 as models: what Keras wrote beside the graph tells the layers and how the model was compiled.

use keras_models::Model;
use keras_tensor::Result;
use serde_json::{Value, json};
use std::path::Path;

use crate::checkpoint::{Checkpoint, objects, read_objects};
use crate::limits::format_error;
use crate::protobuf::Message;
use crate::weights::Plan;
use crate::{Limits, Load, Loaded, config, read_file};

/// Keras wrote no version beside it; no other wrote this file.
const VERSION: Option<&str> = Some("2");

/// Reads a model.
///
/// # Errors
/// A folder that is damaged, was not written by Keras 2, or holds a model of classes that are not known here.
pub(crate) fn load(folder: &Path, how: &Load) -> Result<Loaded> {
    let mut root = metadata(folder, &how.limits)?;
    let compiled = root["training_config"].clone();
    let what = format!("{}: the model", folder.display());
    let class = root["class_name"].as_str().unwrap_or_default();
    if root["config"]
        .as_object()
        .is_none_or(|config| config.is_empty())
    {
        let problem =
            format!("{class} is a class of its author's own, with code that is not stored");
        return Err(format_error(what, problem));
    }
    plain(&mut root);
    let json = json!({"class_name": root["class_name"], "config": root["config"]});
    let json = config::parse(&what, json.to_string().as_bytes(), &how.limits, VERSION)?;
    let mut model = Model::from_json(&json)?;
    let mut warnings = Vec::new();
    let is_compiled = how.compile && config::is_compiled(&compiled);
    if is_compiled && let Err(e) = config::compile(&mut model, &compiled, VERSION) {
        warnings.push(format!("the model is not compiled: {e}"));
    }
    let variables = folder.join("variables").join("variables");
    let checkpoint = Checkpoint::open(&variables, &how.limits)?;
    let graph = objects(&checkpoint, &how.limits)?;
    let mut plan = Plan::new(how.skip_mismatch);
    read_objects(&model, &checkpoint, &graph, &mut plan)?;
    warnings.extend(plan.assign()?);
    Ok(Loaded { model, warnings })
}

/// What Keras says of the model itself.
pub(crate) fn metadata(folder: &Path, limits: &Limits) -> Result<Value> {
    let path = folder.join("keras_metadata.pb");
    let what = path.display().to_string();
    if !path.is_file() {
        return metadata_in_graph(folder, limits);
    }
    let bytes = read_file(&path, limits, "the metadata of a SavedModel")?;
    for node in Message::new("the metadata of a SavedModel", &bytes).messages(1) {
        let node = node?;
        if node.text(3)? == "root" {
            let text = node.text(5)?;
            limits.check_bytes(&what, text.len() as u64, text.len() as u64)?;
            return serde_json::from_str(text).map_err(|e| format_error(what, e.to_string()));
        }
    }
    Err(format_error(what, "it tells nothing of the model itself"))
}

/// Before TensorFlow 2.5, the first object of the graph had it.
fn metadata_in_graph(folder: &Path, limits: &Limits) -> Result<Value> {
    let path = folder.join("saved_model.pb");
    let bytes = read_file(&path, limits, "a SavedModel")?;
    let graphs = Message::new("a SavedModel", &bytes).message(2)?;
    let first = graphs.message(7)?.messages(1).next().transpose()?;
    let text = first.map_or(Ok(""), |object| object.message(4)?.text(3))?;
    match serde_json::from_str(text) {
        Ok(json @ Value::Object(_)) => Ok(json),
        _ => {
            let problem = "it was not written by Keras 2, so that its layers are not known";
            Err(format_error(folder.display().to_string(), problem))
        }
    }
}

/// Shapes and tuples, which are objects here, become lists.
fn plain(json: &mut Value) {
    match json {
        Value::Object(object) => {
            let class = object.get("class_name").and_then(Value::as_str);
            if matches!(class, Some("__tuple__" | "TensorShape"))
                && let Some(items) = object.get_mut("items")
            {
                *json = items.take();
                return plain(json);
            }
            object.values_mut().for_each(plain);
        }
        Value::Array(all) => all.iter_mut().for_each(plain),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tuples_become_lists() {
        let shape = json!({"class_name": "TensorShape", "items": [null, 3]});
        let mut json = json!({"a": {"class_name": "__tuple__", "items": [shape, 2]}});
        plain(&mut json);
        assert_eq!(json, json!({"a": [[null, 3], 2]}));
    }
}
