//! What no file may make a reader do.

use keras_tensor::Result;
use serde_json::Value;

use crate::Limits;
use crate::limits::format_error;

/// Classes whose loading would run code or open paths that a file names, with the reason.
const REFUSED: &[(&str, &str)] = &[
    (
        "Lambda",
        "it holds Python code, which is never run; register a layer of your own in its place",
    ),
    ("__lambda__", "it holds Python code, which is never run"),
    ("TFSMLayer", "it opens a folder that the file names"),
    (
        "TorchModuleWrapper",
        "it holds pickled Python objects, which are never opened",
    ),
    ("JaxLayer", "it holds Python code, which is never run"),
    ("FlaxLayer", "it holds Python code, which is never run"),
];

/// Looks through a config.
pub(super) fn check(what: &str, json: &Value, limits: &Limits) -> Result<()> {
    let mut nodes = 0;
    check_node(what, json, 0, &mut nodes, limits)
}

fn check_node(
    what: &str,
    json: &Value,
    depth: usize,
    nodes: &mut usize,
    limits: &Limits,
) -> Result<()> {
    // An object of Keras and its config are two levels of JSON, a list is one more.
    if depth > 3 * limits.depth {
        let problem = format!("nested more than {} levels deep", 3 * limits.depth);
        return Err(format_error(what, problem));
    }
    match json {
        Value::Object(object) => {
            *nodes += 1;
            if *nodes > limits.nodes {
                let problem = format!("more than {} objects", limits.nodes);
                return Err(format_error(what, problem));
            }
            let class = object.get("class_name").and_then(Value::as_str);
            if let Some((class, reason)) = REFUSED.iter().find(|(name, _)| Some(*name) == class) {
                return Err(format_error(
                    what,
                    format!("class {class} is refused: {reason}"),
                ));
            }
            object
                .values()
                .try_for_each(|v| check_node(what, v, depth + 1, nodes, limits))
        }
        Value::Array(all) => all
            .iter()
            .try_for_each(|v| check_node(what, v, depth + 1, nodes, limits)),
        _ => Ok(()),
    }
}
