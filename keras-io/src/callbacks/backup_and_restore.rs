use keras_models::callbacks::{Callback, TrainingState};
use keras_models::{Logs, Model};
use keras_tensor::{DType, Error, Result, Tensor};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

use super::SaveFreq;
use crate::hdf5::Group;
use crate::limits::format_error;
use crate::weights::{Plan, TRAINING_STATE, numbered};
use crate::{Limits, atomic, model as files};

/// Keeps in a folder what it takes to go on after an interruption, and goes on from there when `fit` is called again.
///
/// Training goes on at the batch after the last backup, bit for bit as if nothing had happened: weights, optimizer, random
/// orders and seeds, metrics, and the states of the other callbacks come back. All of it is in one file,
/// `latest.weights.h5`, that appears whole or not at all. Keras reads these files, and this callback reads Keras's, of
/// which it knows the epoch from `training_metadata.json`; the epoch is then begun anew, as Keras does.
///
/// The model must be built before `fit` is called, and fit must be called with the same data and settings.
///
/// ```no_run
/// use keras_io::callbacks::BackupAndRestore;
/// use keras_models::Fit;
/// let how = Fit::new().epochs(10).callback(BackupAndRestore::new("backup").save_freq(100));
/// ```
#[derive(Clone, Debug)]
pub struct BackupAndRestore {
    backup_dir: PathBuf,
    save_freq: SaveFreq,
    double_checkpoint: bool,
    delete_checkpoint: bool,
    batches: usize,
    due: bool,
}

const WEIGHTS: &str = "latest.weights.h5";
const METADATA: &str = "training_metadata.json";
/// A JSON of a few numbers.
const LONGEST_METADATA: u64 = 1 << 20;

impl BackupAndRestore {
    /// Keeps backups in this folder, which is used for nothing else.
    pub fn new(backup_dir: impl Into<PathBuf>) -> Self {
        BackupAndRestore {
            backup_dir: backup_dir.into(),
            save_freq: SaveFreq::Epoch,
            double_checkpoint: false,
            delete_checkpoint: true,
            batches: 0,
            due: false,
        }
    }

    /// When to make a backup: after each epoch by default, or after so many batches.
    pub fn save_freq(mut self, save_freq: impl Into<SaveFreq>) -> Self {
        self.save_freq = save_freq.into();
        self
    }

    /// Whether the backup before the last one is kept, for when the last one cannot be read.
    pub fn double_checkpoint(mut self, double: bool) -> Self {
        self.double_checkpoint = double;
        self
    }

    /// Whether backups are removed when training is done; they are by default.
    pub fn delete_checkpoint(mut self, delete: bool) -> Self {
        self.delete_checkpoint = delete;
        self
    }

    fn file(&self, name: &str) -> PathBuf {
        self.backup_dir.join(name)
    }

    /// The backup in these files, if they are there.
    fn load(
        &self,
        model: &Model,
        weights: &Path,
        metadata: &Path,
    ) -> Result<Option<TrainingState>> {
        let limits = Limits::default();
        let mut state = None;
        if weights.exists() {
            let file = Group::open(weights, &limits)?;
            let mut plan = Plan::default();
            files::read_state(model, std::slice::from_ref(&file), &mut plan)?;
            state = training_state(&file, &limits)?;
            files::tell(weights, &plan.assign()?);
        }
        if state.is_none() && metadata.exists() {
            let limits = Limits {
                bytes: LONGEST_METADATA,
                ..limits
            };
            let text = crate::read_file(metadata, &limits, "a JSON text")?;
            let json: Value = serde_json::from_slice(&text)
                .map_err(|e| format_error(metadata.display().to_string(), e.to_string()))?;
            let epoch = json["epoch"].as_u64().ok_or_else(|| {
                format_error(metadata.display().to_string(), "it tells no `epoch`")
            })?;
            state = Some(TrainingState::at_epoch(epoch as usize));
        }
        Ok(state)
    }
}

fn copy_of(name: &str) -> String {
    format!("{name}.bkp")
}

/// Where training stood, if the file tells.
fn training_state(file: &Group, limits: &Limits) -> Result<Option<TrainingState>> {
    let Some(group) = file.find_group(TRAINING_STATE)? else {
        return Ok(None);
    };
    let text = group.dataset("json")?;
    let length = text
        .shape()?
        .iter()
        .fold(1, |all: u64, n| all.saturating_mul(*n));
    if text.dtype()? != DType::U8 || length > limits.json_bytes {
        let problem = format!(
            "{length} elements of {}; wanted the bytes of a JSON",
            text.dtype()?
        );
        return Err(format_error(
            format!("HDF5 dataset /{}", text.path()),
            problem,
        ));
    }
    let text = text.read()?.to_vec::<u8>()?;
    let json: Value = serde_json::from_slice(&text).map_err(|e| {
        format_error(
            format!("HDF5 dataset /{TRAINING_STATE}/json"),
            e.to_string(),
        )
    })?;
    let tensors = numbered(std::slice::from_ref(&group))?;
    let tensors = tensors.iter().map(|t| t.read()).collect::<Result<_>>()?;
    TrainingState::from_json(&json, tensors).map(Some)
}

impl Callback for BackupAndRestore {
    fn resume(&mut self, model: &mut Model) -> Result<Option<TrainingState>> {
        self.batches = 0;
        self.due = false;
        if !model.is_built() {
            let what = format!("model `{}`", model.name());
            let wanted = "BackupAndRestore wants a model that is built before `fit` is called; build it, or call it on a batch";
            return Err(Error::not_ready(what, wanted));
        }
        let (weights, metadata) = (self.file(WEIGHTS), self.file(METADATA));
        let before = self.file(&copy_of(WEIGHTS));
        match self.load(model, &weights, &metadata) {
            // The last backup cannot be read, or was not written any more.
            Err(_) | Ok(None) if before.exists() => {
                self.load(model, &before, &self.file(&copy_of(METADATA)))
            }
            outcome => outcome,
        }
    }

    fn on_train_batch_end(&mut self, _: usize, _: &mut Model, _: &Logs) -> Result<()> {
        self.due = self.save_freq.is_due(&mut self.batches);
        Ok(())
    }

    fn on_epoch_end(&mut self, _: usize, _: &mut Model, _: &mut Logs) -> Result<()> {
        self.due = self.save_freq == SaveFreq::Epoch;
        Ok(())
    }

    fn wants_state(&self) -> bool {
        self.due
    }

    fn save_state(&mut self, model: &mut Model, state: &TrainingState) -> Result<()> {
        self.due = false;
        fs::create_dir_all(&self.backup_dir).map_err(|e| Error::io(&self.backup_dir, e))?;
        if self.double_checkpoint {
            for name in [WEIGHTS, METADATA] {
                let (from, to) = (self.file(name), self.file(&copy_of(name)));
                if from.exists() {
                    fs::rename(&from, &to).map_err(|e| Error::io(&to, e))?;
                }
            }
        }
        let mut tree = files::state(model)?;
        let group = tree.group(TRAINING_STATE);
        let text = state.to_json().to_string().into_bytes();
        group.set_tensor("json", Tensor::new(&text, [text.len()])?);
        for (i, tensor) in state.tensors().iter().enumerate() {
            group.set_tensor(&format!("vars/{i}"), tensor.clone());
        }
        atomic::write_bytes(&self.file(WEIGHTS), &tree.to_bytes()?)?;
        let metadata = json!({"epoch": state.epoch(), "batch": state.batch()}).to_string();
        atomic::write_bytes(&self.file(METADATA), metadata.as_bytes())
    }

    /// Removes its own files, and the folder if nothing else is in it.
    fn on_train_end(&mut self, _: &mut Model, _: &Logs) -> Result<()> {
        if !self.delete_checkpoint {
            return Ok(());
        }
        for name in [WEIGHTS, METADATA] {
            for path in [self.file(name), self.file(&copy_of(name))] {
                if path.exists() {
                    fs::remove_file(&path).map_err(|e| Error::io(&path, e))?;
                }
            }
        }
        // A folder with something else in it stays.
        let _ = fs::remove_dir(&self.backup_dir);
        Ok(())
    }
}
