use keras_models::callbacks::{Callback, CallbackState, Mode, Monitor};
use keras_models::{Logs, Model};
use keras_tensor::{Error, Result};
use serde_json::json;
use std::path::Path;

use super::SaveFreq;
use super::format::{self, Number};
use crate::{Holds, save_model, save_weights};

/// Saves the model, or its weights, after each epoch, or every so many batches.
///
/// The name of the file may hold `{epoch}`, `{batch}` and the names of the logs, each with a format as in Python:
/// `"{epoch:02d}-{val_loss:.2f}.keras"`. Epochs and batches are counted from 1 there. A file appears whole or not at all.
/// A number that is NaN is never best. Beside a [`BackupAndRestore`](super::BackupAndRestore) the best value outlives an interruption.
///
/// ```no_run
/// use keras_io::callbacks::ModelCheckpoint;
/// use keras_models::Fit;
/// let best = ModelCheckpoint::new("best.keras").monitor("val_loss").save_best_only(true);
/// let how = Fit::new().epochs(10).validation_split(0.1).callback(best);
/// ```
#[derive(Clone, Debug)]
pub struct ModelCheckpoint {
    filepath: String,
    monitor: Monitor,
    verbose: bool,
    save_best_only: bool,
    save_weights_only: bool,
    save_freq: SaveFreq,
    best: Option<f64>,
    epoch: usize,
    batches: usize,
}

impl ModelCheckpoint {
    /// Saves the whole model after each epoch, in the format that the name says.
    pub fn new(filepath: impl Into<String>) -> Self {
        ModelCheckpoint {
            filepath: filepath.into(),
            monitor: Monitor::new("val_loss"),
            verbose: false,
            save_best_only: false,
            save_weights_only: false,
            save_freq: SaveFreq::Epoch,
            best: None,
            epoch: 0,
            batches: 0,
        }
    }

    /// The number that tells which model is best; `"val_loss"` by default.
    pub fn monitor(mut self, monitor: &str) -> Self {
        self.monitor.name = monitor.into();
        self
    }

    /// Whether saving is told.
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    /// Whether a model is saved only when it is better than every one before.
    pub fn save_best_only(mut self, best_only: bool) -> Self {
        self.save_best_only = best_only;
        self
    }

    /// Whether the weights alone are saved, and the state of the optimizer where the format holds it.
    pub fn save_weights_only(mut self, weights_only: bool) -> Self {
        self.save_weights_only = weights_only;
        self
    }

    /// Which way is better; told by the metric by default.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.monitor.mode = mode;
        self
    }

    /// When to save: after each epoch by default, or after so many batches.
    pub fn save_freq(mut self, save_freq: impl Into<SaveFreq>) -> Self {
        self.save_freq = save_freq.into();
        self
    }

    /// The value that must be beaten before anything is saved.
    pub fn initial_value_threshold(mut self, value: f64) -> Self {
        self.best = Some(value);
        self
    }

    /// The best value so far, or the one that must be beaten.
    pub fn best(&self) -> Option<f64> {
        self.best
    }

    /// The name of the file now.
    fn file_path(&self, epoch: usize, batch: Option<usize>, logs: &Logs) -> Result<String> {
        let mut numbers = vec![("epoch", Number::Int(epoch + 1))];
        numbers.extend(batch.map(|batch| ("batch", Number::Int(batch + 1))));
        numbers.extend(
            logs.iter()
                .map(|(name, value)| (name, Number::Float(value))),
        );
        format::format(&self.filepath, &numbers)
    }

    /// Whether this model is to be saved to `path`; remembers the best value.
    fn should_save(
        &mut self,
        epoch: usize,
        model: &Model,
        logs: &Logs,
        path: &str,
    ) -> Result<bool> {
        let epoch = epoch + 1;
        if !self.save_best_only {
            self.say(|| format!("\nEpoch {epoch}: saving model to {path}"));
            return Ok(true);
        }
        self.monitor.decide("ModelCheckpoint", model)?;
        let name = &self.monitor.name;
        let Some(current) = self.monitor.value(logs) else {
            eprintln!("warning: Can save best model only with {name} available.");
            return Ok(true);
        };
        let best = self
            .best
            .map_or("None".to_string(), |best| format!("{best:.5}"));
        let better = self.monitor.is_better(current, self.best);
        let name = &self.monitor.name;
        self.say(|| match better {
            true => format!("\nEpoch {epoch}: {name} improved from {best} to {current:.5}, saving model to {path}"),
            false => format!("\nEpoch {epoch}: {name} did not improve from {best}"),
        });
        if better {
            self.best = Some(current);
        }
        Ok(better)
    }

    fn say(&self, text: impl FnOnce() -> String) {
        if self.verbose {
            println!("{}", text());
        }
    }

    fn save(
        &mut self,
        epoch: usize,
        batch: Option<usize>,
        model: &Model,
        logs: &Logs,
    ) -> Result<()> {
        let path = self.file_path(epoch, batch, logs)?;
        if !self.should_save(epoch, model, logs, &path)? {
            return Ok(());
        }
        if let Some(folder) = Path::new(&path).parent() {
            std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
        }
        if self.save_weights_only {
            save_weights(model, &path)?;
        } else {
            save_model(model, &path)?;
        }
        self.say(|| format!("\nEpoch {}: finished saving model to {path}", epoch + 1));
        Ok(())
    }
}

impl Callback for ModelCheckpoint {
    /// Refuses names that are wrong for sure before hours of training.
    fn on_train_begin(&mut self, _: &mut Model, _: &Logs) -> Result<()> {
        let (holds, wanted) = match self.save_weights_only {
            true => (
                Holds::Weights,
                "the name of a file of weights, such as `.weights.h5`",
            ),
            false => (
                Holds::Model,
                "the name of a file of a whole model, such as `.keras`",
            ),
        };
        if Holds::of(&self.filepath) == Some(holds) {
            return Ok(());
        }
        let got = format!("{:?}", self.filepath);
        Err(Error::argument("ModelCheckpoint.filepath", got, wanted))
    }

    fn on_epoch_begin(&mut self, epoch: usize, _: &mut Model, _: &Logs) -> Result<()> {
        self.epoch = epoch;
        Ok(())
    }

    fn on_train_batch_end(&mut self, batch: usize, model: &mut Model, logs: &Logs) -> Result<()> {
        if self.save_freq.is_due(&mut self.batches) {
            self.save(self.epoch, Some(batch), model, logs)?;
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: usize, model: &mut Model, logs: &mut Logs) -> Result<()> {
        match self.save_freq {
            SaveFreq::Epoch => self.save(epoch, None, model, logs),
            SaveFreq::Batches(_) => Ok(()),
        }
    }

    fn state(&self) -> Result<Option<CallbackState>> {
        Ok(Some(CallbackState {
            class: "ModelCheckpoint".into(),
            settings: json!({"best": self.best.map(f64::to_bits), "batches": self.batches}),
            tensors: Vec::new(),
        }))
    }

    fn set_state(&mut self, state: &CallbackState) -> Result<()> {
        let best = state.settings["best"].as_u64().map(f64::from_bits);
        self.best = best.or(self.best);
        self.batches = state.settings["batches"].as_u64().unwrap_or(0) as usize;
        Ok(())
    }
}
