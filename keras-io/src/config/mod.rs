//! Configs in JSON: reading them with care, and bringing those of older Keras up to date.

pub(crate) mod downgrade;
pub(crate) mod file;
mod keras1;
mod refuse;
mod upgrade;

use keras_models::{Compile, Model};
use keras_tensor::Result;
use serde_json::Value;

pub use file::{load_config, save_config};

use crate::Limits;
use crate::limits::format_error;

/// The config of a model as Keras 3 would have written it, with nothing in it that must not be loaded.
///
/// `version` is that of the Keras that wrote it; Keras 1 did not always tell.
pub(crate) fn parse(
    what: &str,
    text: &[u8],
    limits: &Limits,
    version: Option<&str>,
) -> Result<Value> {
    limits.check_bytes(what, text.len() as u64, text.len() as u64)?;
    let json: Value = serde_json::from_slice(text)
        .map_err(|e| format_error(what, format!("it is no JSON: {e}")))?;
    prepared(what, json, limits, version)
}

fn prepared(what: &str, mut json: Value, limits: &Limits, version: Option<&str>) -> Result<Value> {
    // Some programs wrote the JSON as a string in JSON.
    if let Value::String(inner) = &json {
        json = serde_json::from_str(inner)
            .map_err(|e| format_error(what, format!("it is no JSON: {e}")))?;
    }
    if !json.is_object() {
        return Err(format_error(
            what,
            "it is JSON, but no object, as the config of a model is",
        ));
    }
    refuse::check(what, &json, limits)?;
    upgrade::model(&mut json, major(version));
    Ok(json)
}

/// Whether a `compile_config` says anything; Keras writes an empty one for a model that is not compiled.
pub(crate) fn is_compiled(config: &Value) -> bool {
    config.as_object().is_some_and(|c| !c.is_empty())
}

/// Compiles a model as a file says.
pub(crate) fn compile(model: &mut Model, config: &Value, version: Option<&str>) -> Result<()> {
    if !config.is_object() {
        return Err(format_error(
            "how the model was compiled",
            "it is no JSON object",
        ));
    }
    let mut config = config.clone();
    upgrade::compile(&mut config, major(version));
    model.compile(Compile::from_json(&config)?)
}

fn major(version: Option<&str>) -> u32 {
    let number = version.and_then(|v| v.split('.').next()?.parse().ok());
    number.unwrap_or(1)
}
