//! The `.keras` file: a zip of `metadata.json`, `config.json`, `model.weights.h5`, and `assets/`.

mod date;

use keras_layers::Dims;
use keras_models::Model;
use keras_tensor::{Error, Result};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

use crate::archive::{self, Archive};
use crate::hdf5::{Group, Tree};
use crate::limits::format_error;
use crate::weights::Plan;
use crate::{Limits, Load, Loaded, atomic, config, weights};

/// The Keras whose files are written.
pub(crate) const KERAS_VERSION: &str = "3.15.1";

const WEIGHTS: &str = "model.weights.h5";

pub(crate) fn save(model: &Model, path: &Path, include_optimizer: bool) -> Result<()> {
    let mut config = model.to_json()?;
    let mut tree = Tree::new();
    weights::write(model, &mut tree)?;
    config["compile_config"] = json!({});
    if include_optimizer && let Some(compile_config) = model.compile_config()? {
        config["compile_config"] = compile_config;
        weights::optimizer::write(model.optimizer()?, &mut tree)?;
    }
    let metadata = json!({"keras_version": KERAS_VERSION, "date_saved": date::now()});
    let text = |json: &Value| json.to_string().into_bytes();
    let members = [
        ("metadata.json", text(&metadata)),
        ("config.json", text(&config)),
        (WEIGHTS, tree.to_bytes()?),
    ];
    atomic::write_file(path, |file| {
        archive::write(file, &members).map_err(|e| Error::io(path, e))?;
        file.flush().map_err(|e| Error::io(path, e))
    })
}

pub(crate) fn load(path: &Path, how: &Load) -> Result<Loaded> {
    let limits = &how.limits;
    let mut archive = Archive::open(path, limits, &["a zip archive"])?;
    let what = path.display().to_string();
    let missing =
        |member: &str| format_error(&what, format!("it holds no {member}, as .keras files do"));
    let text = archive.read("config.json", limits.json_bytes)?;
    let text = text.ok_or_else(|| missing("config.json"))?;
    let metadata = archive
        .read("metadata.json", limits.json_bytes)?
        .unwrap_or_default();
    // Without it, the format says that it is Keras 3, or the last of Keras 2.
    let metadata: Value = serde_json::from_slice(&metadata).unwrap_or_default();
    let version = metadata["keras_version"].as_str().or(Some(KERAS_VERSION));
    let json = config::parse(&format!("{what}: config.json"), &text, limits, version)?;
    let compile_config = &json["compile_config"];
    let mut warnings = Vec::new();
    let mut model = Model::from_json(&json)?;
    if archive.names().any(|name| name.starts_with("assets/")) {
        warnings.push("the file holds assets, which are left out".to_string());
    }
    let member = archive.open_member(path, WEIGHTS)?;
    let (stored, check) = member.ok_or_else(|| missing(WEIGHTS))?;
    let file = [Group::of(WEIGHTS, stored, limits)?];
    let mut plan = Plan::new(how.skip_mismatch);
    // Models of other classes than Keras's own tell it beside their config.
    let built_for = json["build_config"]["input_shape"].clone();
    if !model.is_built()
        && let Ok(dims) = serde_json::from_value::<Dims>(built_for)
    {
        model.build(dims)?;
    }
    if !model.is_built() {
        return Err(format_error(
            &what,
            "its config does not tell the shape of the input, so the model cannot be built; build it and load the weights",
        ));
    }
    weights::read(&model, &file, &mut plan)?;
    if how.compile && config::is_compiled(compile_config) {
        match config::compile(&mut model, compile_config, version) {
            Ok(()) => {
                let trained = model.trainable_variables();
                weights::optimizer::read(model.optimizer()?, &trained, &file, &mut plan)?;
            }
            Err(e) => warnings.push(format!("the model is not compiled: {e}")),
        }
    }
    check.finish()?;
    warnings.extend(plan.assign()?);
    Ok(Loaded { model, warnings })
}

/// Reads the weights of a model out of a `.keras` file.
pub(crate) fn load_weights(
    model: &Model,
    path: &Path,
    limits: &Limits,
    plan: &mut Plan,
) -> Result<()> {
    let member = Archive::open(path, limits, &["a zip archive"])?.open_member(path, WEIGHTS)?;
    let (stored, check) = member.ok_or_else(|| {
        format_error(path.display().to_string(), format!("it holds no {WEIGHTS}"))
    })?;
    weights::read(model, &[Group::of(WEIGHTS, stored, limits)?], plan)?;
    check.finish()
}
