//! What a file holds, told without making a model of it.

mod classes;
mod tensors;

use keras_tensor::{DType, Result};
use serde_json::Value;
use std::fmt;
use std::path::Path;

use crate::archive::Archive;
use crate::checkpoint::Checkpoint;
use crate::hdf5::Group;
use crate::limits::format_error;
use crate::weights::{legacy, shards};
use crate::{Limits, npz, read_file, safetensors, saved_model};

/// What a file holds.
///
/// Shown, it is a text of a few lines and one for each weight.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inspection {
    /// The format.
    pub format: String,
    /// Which Keras wrote it, as far as the file tells: `Keras 3.15.1`.
    pub vintage: Option<String>,
    /// The classes of the model and its layers, in the order in which they first come, with how many there are of each.
    pub classes: Vec<(String, usize)>,
    /// What the model was compiled with, as classes or names: the optimizer, then the losses.
    pub compiled: Vec<String>,
    /// What it holds besides.
    pub notes: Vec<String>,
    /// The weights, and the state of the optimizer, in the order of the file.
    pub weights: Vec<StoredTensor>,
}

/// A tensor in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredTensor {
    /// Where it is in the file.
    pub path: String,
    /// The sizes of its axes.
    pub shape: Vec<u64>,
    /// The dtype of its elements; `None` where they are no numbers.
    pub dtype: Option<DType>,
}

type Reader = fn(&Path, &Limits) -> Result<Inspection>;

/// Ends of names, the longer ones first, with what reads them.
const TABLE: &[(&str, Reader)] = &[
    (".weights.json", sharded),
    (".keras", keras_file),
    (".h5", hdf5),
    (".hdf5", hdf5),
    (".safetensors", of_safetensors),
    (".npz", of_npz),
    (".ckpt", of_checkpoint),
    (".index", of_checkpoint),
    (".json", config),
];

/// Tells what a file holds. Nothing in it is executed, and classes that are not known, or must not be loaded, are told
/// like all others.
///
/// # Errors
/// A file that cannot be read, is damaged or of another kind, or asks for more than the limits allow.
pub fn inspect(path: impl AsRef<Path>, limits: &Limits) -> Result<Inspection> {
    let path = path.as_ref();
    let name = path.as_os_str().to_string_lossy();
    if saved_model::is_one(path) {
        return of_saved_model(path, limits);
    }
    let found = TABLE.iter().find(|(end, _)| name.ends_with(end));
    let Some((_, read)) = found else {
        let ends: Vec<&str> = TABLE.iter().map(|(end, _)| *end).collect();
        return Err(crate::unknown_name(
            path,
            &format!("a model or weights: {}", ends.join(", ")),
        ));
    };
    read(path, limits)
}

fn keras_file(path: &Path, limits: &Limits) -> Result<Inspection> {
    let mut archive = Archive::open(path, limits, &["a zip archive"])?;
    let what = path.display().to_string();
    let mut json = |member: &str| -> Result<Value> {
        let text = archive.read(member, limits.json_bytes)?;
        let text = text.ok_or_else(|| format_error(&what, format!("it holds no {member}")))?;
        serde_json::from_slice(&text).map_err(|e| format_error(&what, format!("{member}: {e}")))
    };
    let (config, metadata) = (
        json("config.json")?,
        json("metadata.json").unwrap_or_default(),
    );
    let mut found = Inspection {
        format: "Keras file (.keras)".into(),
        vintage: metadata["keras_version"].as_str().map(classes::vintage),
        ..Inspection::default()
    };
    if let Some(date) = metadata["date_saved"].as_str() {
        found.notes.push(format!("saved {date}"));
    }
    found.describe(&config);
    let names: Vec<String> = archive.names().collect();
    for name in names {
        match name.as_str() {
            "config.json" | "metadata.json" => {}
            "model.weights.h5" => {
                let bytes = archive.read(&name, limits.bytes)?.unwrap_or_default();
                found.weights = tensors::of(&Group::from_bytes(bytes, limits)?, limits)?;
            }
            other => found.notes.push(format!("member {other}")),
        }
    }
    Ok(found)
}

fn of_checkpoint(path: &Path, limits: &Limits) -> Result<Inspection> {
    let checkpoint = Checkpoint::open(path, limits)?;
    let tensor = |key: &str| -> Result<StoredTensor> {
        Ok(StoredTensor {
            path: key.to_string(),
            shape: checkpoint.shape(key)?.to_vec(),
            dtype: checkpoint.dtype(key),
        })
    };
    Ok(Inspection {
        format: "TensorFlow checkpoint".into(),
        weights: checkpoint.keys().map(tensor).collect::<Result<_>>()?,
        ..Inspection::default()
    })
}

fn of_saved_model(folder: &Path, limits: &Limits) -> Result<Inspection> {
    let mut found = of_checkpoint(&folder.join("variables").join("variables"), limits)?;
    found.format = "TensorFlow SavedModel".into();
    match saved_model::metadata(folder, limits) {
        Ok(json) => {
            found.vintage = Some(classes::vintage("2"));
            found.describe(&json);
        }
        Err(_) => found
            .notes
            .push("a graph without layers; it can be called as a function".into()),
    }
    Ok(found)
}

fn hdf5(path: &Path, limits: &Limits) -> Result<Inspection> {
    let file = Group::open(path, limits)?;
    let weights = tensors::of(&file, limits)?;
    let legacy = legacy::is_legacy(&file)?;
    let mut found = Inspection {
        format: match (legacy, file.text("model_config")?) {
            (true, Some(_)) => "HDF5, a whole model in the legacy layout",
            (true, None) => "HDF5, weights in the legacy layout",
            (false, _) => "HDF5, weights in the layout of Keras 3",
        }
        .into(),
        weights,
        ..Inspection::default()
    };
    let inner = file.find_group("model_weights")?;
    let version = match file.text("keras_version")? {
        None => inner
            .map(|group| group.text("keras_version"))
            .transpose()?
            .flatten(),
        some => some,
    };
    found.vintage = match version {
        Some(version) => Some(classes::vintage(&version)),
        None if legacy => Some("Keras 1".into()),
        // Keras 2 kept layers under this name in the same layout.
        None if file.find_group("_layer_checkpoint_dependencies")?.is_some() => {
            Some("Keras 2".into())
        }
        None => Some("Keras 3".into()),
    };
    for (attribute, compiles) in [("model_config", false), ("training_config", true)] {
        let Some(text) = file.text(attribute)? else {
            continue;
        };
        let what = format!("{}: {attribute}", path.display());
        let json: Value = serde_json::from_str(&text)
            .map_err(|e| format_error(what, format!("it is no JSON: {e}")))?;
        match compiles {
            true => found.compiled = classes::compiled(&json),
            false => found.describe(&json),
        }
    }
    Ok(found)
}

fn sharded(path: &Path, limits: &Limits) -> Result<Inspection> {
    let files = shards::open(path, limits)?;
    let mut found = Inspection {
        format: format!(
            "HDF5, weights in the layout of Keras 3, in {} files",
            files.len()
        ),
        vintage: Some("Keras 3".into()),
        ..Inspection::default()
    };
    for file in &files {
        found.weights.extend(tensors::of(file, limits)?);
    }
    Ok(found)
}

fn of_safetensors(path: &Path, limits: &Limits) -> Result<Inspection> {
    let bytes = read_file(path, limits, "a safetensors file")?;
    let tensors = safetensors::from_bytes(&path.display().to_string(), &bytes, limits)?;
    Ok(Inspection::of_named("safetensors", &tensors))
}

fn of_npz(path: &Path, limits: &Limits) -> Result<Inspection> {
    Ok(Inspection::of_named("npz", &npz::read(path, limits)?))
}

fn config(path: &Path, limits: &Limits) -> Result<Inspection> {
    let (json, version) = crate::config::file::read_raw(path, limits)?;
    let mut found = Inspection {
        format: "JSON, a config alone".into(),
        vintage: version.map(|version| classes::vintage(&version)),
        ..Inspection::default()
    };
    found.describe(&json);
    Ok(found)
}

impl Inspection {
    fn of_named(format: &str, tensors: &[(String, keras_tensor::Tensor)]) -> Self {
        let stored = |(path, t): &(String, keras_tensor::Tensor)| StoredTensor {
            path: path.clone(),
            shape: t.shape().iter().map(|&n| n as u64).collect(),
            dtype: Some(t.dtype()),
        };
        Inspection {
            format: format.into(),
            weights: tensors.iter().map(stored).collect(),
            ..Inspection::default()
        }
    }

    /// Takes classes and settings out of a config.
    fn describe(&mut self, config: &Value) {
        self.classes = classes::of(config);
        self.compiled = classes::compiled(&config["compile_config"]);
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "format: {}", self.format)?;
        writeln!(
            f,
            "vintage: {}",
            self.vintage.as_deref().unwrap_or("unknown")
        )?;
        if !self.classes.is_empty() {
            let class = |(name, count): &(String, usize)| match count {
                1 => name.clone(),
                n => format!("{name} x{n}"),
            };
            let classes: Vec<String> = self.classes.iter().map(class).collect();
            writeln!(f, "classes: {}", classes.join(", "))?;
        }
        if !self.compiled.is_empty() {
            writeln!(f, "compiled: {}", self.compiled.join(", "))?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        write!(f, "weights: {}", self.weights.len())?;
        let width = self.weights.iter().map(|w| w.path.len()).max().unwrap_or(0);
        for weight in &self.weights {
            let sizes: Vec<String> = weight.shape.iter().map(u64::to_string).collect();
            let dtype = weight.dtype.map_or("no numbers", DType::name);
            let shape = format!("[{}]", sizes.join(", "));
            write!(f, "\n  {:width$}  {shape}  {dtype}", weight.path)?;
        }
        Ok(())
    }
}
