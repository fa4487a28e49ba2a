//! Files of a config alone.

use keras_models::Model;
use keras_tensor::{Error, Result};
use serde_json::Value;
use std::path::Path;

use super::prepared;
use crate::limits::format_error;
use crate::{Limits, atomic};

/// Reads the model of a config that Keras 1, 2 or 3 wrote with `to_json`, with new weights.
///
/// # Errors
/// A file that cannot be read, is no config, or names what must not be loaded.
pub fn load_config(path: impl AsRef<Path>) -> Result<Model> {
    let path = path.as_ref();
    let limits = Limits::default();
    let (json, version) = read_raw(path, &limits)?;
    let what = path.display().to_string();
    Model::from_json(&prepared(&what, json, &limits, version.as_deref())?)
}

/// The JSON in a file, and the version of the Keras that wrote it.
pub(crate) fn read_raw(path: &Path, limits: &Limits) -> Result<(Value, Option<String>)> {
    let limits = Limits {
        bytes: limits.json_bytes,
        ..limits.clone()
    };
    let text = crate::read_file(path, &limits, "a JSON text")?;
    let json: Value = serde_json::from_slice(&text)
        .map_err(|e| format_error(path.display().to_string(), format!("it is no JSON: {e}")))?;
    // Keras 3 does not tell its version, but it names the modules of classes.
    let told = json["keras_version"].as_str().map(str::to_string);
    let since = json.get("module").map(|_| "3".to_string());
    Ok((json, told.or(since)))
}

/// Writes the config of a model as Keras 3's `to_json` does.
///
/// # Errors
/// A class that is not registered, or what the system says; an old file is then left as it was.
pub fn save_config(model: &Model, path: impl AsRef<Path>) -> Result<()> {
    let text = serde_json::to_vec(&model.to_json()?).map_err(|e| Error::Other(e.to_string()))?;
    atomic::write_bytes(path.as_ref(), &text)
}
