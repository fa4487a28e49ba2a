//! Whole models and their weights, in the format that the file's name says.

use keras_models::Model;
use keras_tensor::{Error, Result};
use std::path::Path;

use crate::hdf5::{Group, Tree};
use crate::weights::{Plan, legacy};
use crate::{
    Limits, atomic, checkpoint, export_onnx, keras_file, npz, safetensors, saved_model,
    unknown_name, weights,
};

/// A model that was read, and what the reader has to say.
pub struct Loaded {
    /// The model.
    pub model: Model,
    /// What the file holds and the reader left out, or could not use.
    pub warnings: Vec<String>,
}

/// How files are read.
///
/// ```no_run
/// use keras_io::{Limits, Load};
/// let careful = Limits { bytes: 1 << 30, ..Limits::default() };
/// let loaded = Load::new().limits(careful).compile(false).model("model.keras")?;
/// for warning in &loaded.warnings {
///     eprintln!("{warning}");
/// }
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Load {
    pub(crate) limits: Limits,
    pub(crate) compile: bool,
    pub(crate) by_name: bool,
    pub(crate) skip_mismatch: bool,
}

impl Default for Load {
    fn default() -> Self {
        Load {
            limits: Limits::default(),
            compile: true,
            by_name: false,
            skip_mismatch: false,
        }
    }
}

impl Load {
    /// Keras's defaults.
    pub fn new() -> Self {
        Load::default()
    }

    /// What a file may ask for.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether a model is compiled as it was, with the state of its optimizer. Default: yes.
    pub fn compile(mut self, compile: bool) -> Self {
        self.compile = compile;
        self
    }

    /// Whether weights of a legacy file go to the layers of the same names, not in order. Default: no.
    pub fn by_name(mut self, by_name: bool) -> Self {
        self.by_name = by_name;
        self
    }

    /// Whether layers whose weights do not fit are left as they are, with a warning. Default: no.
    pub fn skip_mismatch(mut self, skip_mismatch: bool) -> Self {
        self.skip_mismatch = skip_mismatch;
        self
    }

    /// Reads a model from a `.keras` or `.h5` file, or from the folder of a SavedModel that Keras 2 wrote.
    ///
    /// # Errors
    /// A file that cannot be read, is damaged or of another kind, holds what must not be loaded, or asks for more than the
    /// limits allow.
    pub fn model(&self, path: impl AsRef<Path>) -> Result<Loaded> {
        let path = path.as_ref();
        match extension(path) {
            "keras" => keras_file::load(path, self),
            "h5" | "hdf5" => legacy::load_model(path, self),
            _ if saved_model::is_one(path) => saved_model::load(path, self),
            _ => Err(unknown_name(
                path,
                "a model: `.keras`, `.h5` for the legacy format, or the folder of a SavedModel",
            )),
        }
    }

    /// Reads weights into a model that is built, and returns the warnings.
    ///
    /// # Errors
    /// As [`Load::model`], and weights that do not fit; then no weight is changed.
    pub fn weights(&self, model: &Model, path: impl AsRef<Path>) -> Result<Vec<String>> {
        let path = path.as_ref();
        let mut plan = Plan::new(self.skip_mismatch);
        match extension(path) {
            _ if checkpoint::is_one(path) => {
                checkpoint::load_weights(model, path, &self.limits, &mut plan)?;
            }
            "h5" | "hdf5" => {
                let file = Group::open(path, &self.limits)?;
                if legacy::is_legacy(&file)? {
                    legacy::read_weights(model, &file, self.by_name, &mut plan)?;
                } else {
                    read_state(model, &[file], &mut plan)?;
                }
            }
            "json" if is_map(path) => {
                let files = weights::shards::open(path, &self.limits)?;
                read_state(model, &files, &mut plan)?;
            }
            "keras" => keras_file::load_weights(model, path, &self.limits, &mut plan)?,
            "safetensors" => safetensors::load_weights(model, path, &self.limits)?,
            "npz" => npz::load_weights(model, path, &self.limits)?,
            _ => {
                let wanted = "weights: `.weights.h5`, `.weights.json`, `.h5`, `.keras`, `.ckpt`, `.safetensors` or `.npz`";
                return Err(unknown_name(path, wanted));
            }
        }
        plan.assign()
    }
}

/// Reads the weights, and the state of the optimizer if the model has one.
pub(crate) fn read_state(model: &Model, files: &[Group], plan: &mut Plan) -> Result<()> {
    weights::read(model, files, plan)?;
    match model.optimizer() {
        Ok(optimizer) => {
            let trained = model.trainable_variables();
            weights::optimizer::read(optimizer, &trained, files, plan)
        }
        Err(_) => Ok(()),
    }
}

fn is_map(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".weights.json")
}

/// Reads a model; warnings go to the standard error stream. [`Load`] has the settings.
///
/// # Errors
/// Those of [`Load::model`].
pub fn load_model(path: impl AsRef<Path>) -> Result<Model> {
    let Loaded { model, warnings } = Load::new().model(&path)?;
    tell(path.as_ref(), &warnings);
    Ok(model)
}

/// Reads weights into a model that is built; warnings go to the standard error stream. [`Load`] has the settings.
///
/// # Errors
/// Those of [`Load::weights`].
pub fn load_weights(model: &Model, path: impl AsRef<Path>) -> Result<()> {
    let warnings = Load::new().weights(model, &path)?;
    tell(path.as_ref(), &warnings);
    Ok(())
}

/// Prints warnings to the standard error stream.
pub(crate) fn tell(path: &Path, warnings: &[String]) {
    for warning in warnings {
        eprintln!("{}: {warning}", path.display());
    }
}

/// Writes a model with its weights, how it was compiled, and the state of its optimizer: `.keras`, or `.h5` in the legacy
/// format; or what it computes: `.onnx`, or a SavedModel where the name ends in `/`.
///
/// # Errors
/// Another extension, a class that is not registered, or what the system says; an old file is then left as it was.
pub fn save_model(model: &Model, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    built(model)?;
    match extension(path) {
        "keras" => keras_file::save(model, path, true),
        "h5" | "hdf5" => legacy::save_model(model, path, true),
        "onnx" => export_onnx(model, path),
        _ if names_folder(path) || saved_model::is_one(path) => saved_model::export(model, path),
        _ => Err(unknown_name(
            path,
            "a model: `.keras`, `.h5` for the legacy format, `.onnx`, or a folder with `/` at the end for a SavedModel",
        )),
    }
}

/// Writes the weights of a model: `.weights.h5` or a TensorFlow checkpoint `.ckpt`, which also hold the state of its
/// optimizer, `.safetensors` or `.npz`.
///
/// # Errors
/// Another extension, or what the system says; an old file is then left as it was.
pub fn save_weights(model: &Model, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    built(model)?;
    match extension(path) {
        "safetensors" => return safetensors::save_weights(model, path),
        "npz" => return npz::save_weights(model, path),
        "ckpt" => return checkpoint::save_weights(model, path),
        _ if path.to_string_lossy().ends_with(".weights.h5") => {}
        _ => {
            let wanted = "weights: `.weights.h5`, `.ckpt`, `.safetensors` or `.npz`";
            return Err(unknown_name(path, wanted));
        }
    }
    atomic::write_bytes(path, &state(model)?.to_bytes()?)
}

/// Writes the weights of a model, and the state of its optimizer, to files of at most so many bytes of weights each, and
/// a map of them to `path`, which ends in `.weights.json`. The map is written last.
///
/// # Errors
/// A weight that is larger than one file may be, another extension, or what the system says.
pub fn save_weights_in_shards(
    model: &Model,
    path: impl AsRef<Path>,
    max_shard_bytes: u64,
) -> Result<()> {
    let path = path.as_ref();
    built(model)?;
    if !is_map(path) {
        return Err(unknown_name(path, "the map of shards: `.weights.json`"));
    }
    weights::shards::write(&state(model)?, path, max_shard_bytes)
}

/// The weights, and the state of the optimizer if the model has one.
pub(crate) fn state(model: &Model) -> Result<Tree> {
    let mut tree = Tree::new();
    weights::write(model, &mut tree)?;
    if let Ok(optimizer) = model.optimizer() {
        weights::optimizer::write(optimizer, &mut tree)?;
    }
    Ok(tree)
}

fn built(model: &Model) -> Result<()> {
    if model.is_built() {
        return Ok(());
    }
    Err(Error::not_ready(
        format!("model `{}`", model.name()),
        "it has no weights yet; build it, call it, or train it before it is saved",
    ))
}

fn names_folder(path: &Path) -> bool {
    path.as_os_str().to_string_lossy().ends_with('/')
}

fn extension(path: &Path) -> &str {
    path.extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default()
}
