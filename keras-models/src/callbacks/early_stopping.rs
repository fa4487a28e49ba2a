use keras_tensor::{Result, Tensor};
use serde_json::json;

use super::monitor::{Mode, Monitor, count, from_bits, to_bits};
use super::{Callback, CallbackState};
use crate::{Logs, Model};

/// Stops training when a number has stopped getting better.
///
/// With `restore_best_weights` the weights of the best epoch come back at the end, whether training was stopped or not.
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    monitor: Monitor,
    patience: usize,
    verbose: bool,
    baseline: Option<f64>,
    restore_best_weights: bool,
    start_from_epoch: usize,
    wait: usize,
    best: Option<f64>,
    best_epoch: usize,
    best_weights: Option<Vec<Tensor>>,
    stopped_epoch: Option<usize>,
}

impl EarlyStopping {
    /// Watches a number; Keras's default is `"val_loss"`.
    pub fn new(monitor: &str) -> Self {
        EarlyStopping {
            monitor: Monitor::new(monitor),
            patience: 0,
            verbose: false,
            baseline: None,
            restore_best_weights: false,
            start_from_epoch: 0,
            wait: 0,
            best: None,
            best_epoch: 0,
            best_weights: None,
            stopped_epoch: None,
        }
    }

    /// What counts as better: more than this; 0 by default.
    pub fn min_delta(mut self, min_delta: f64) -> Self {
        self.monitor.min_delta = min_delta;
        self
    }

    /// Epochs without getting better before training stops; 0 by default.
    pub fn patience(mut self, patience: usize) -> Self {
        self.patience = patience;
        self
    }

    /// Which way is better; told by the metric by default.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.monitor.mode = mode;
        self
    }

    /// A value that must be beaten before patience starts anew.
    pub fn baseline(mut self, baseline: f64) -> Self {
        self.baseline = Some(baseline);
        self
    }

    /// Whether the best weights come back at the end.
    pub fn restore_best_weights(mut self, restore: bool) -> Self {
        self.restore_best_weights = restore;
        self
    }

    /// Epochs at the start that are not watched; 0 by default.
    pub fn start_from_epoch(mut self, epoch: usize) -> Self {
        self.start_from_epoch = epoch;
        self
    }

    /// Whether stopping is told.
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    /// The epoch after which training was stopped, counted from 0.
    pub fn stopped_epoch(&self) -> Option<usize> {
        self.stopped_epoch
    }

    /// The best value.
    pub fn best(&self) -> Option<f64> {
        self.best
    }

    /// The epoch of the best value, counted from 0.
    pub fn best_epoch(&self) -> usize {
        self.best_epoch
    }
}

impl Callback for EarlyStopping {
    fn on_train_begin(&mut self, _: &mut Model, _: &Logs) -> Result<()> {
        self.wait = 0;
        self.best = None;
        self.best_epoch = 0;
        self.best_weights = None;
        self.stopped_epoch = None;
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: usize, model: &mut Model, logs: &mut Logs) -> Result<()> {
        let Some(current) = self.monitor.value(logs) else {
            // A number of validations that do not come every epoch may be missing now and then.
            if self.monitor.name.starts_with("val_") {
                return Ok(());
            }
            return Err(self.monitor.missing("EarlyStopping", logs));
        };
        self.monitor.decide("EarlyStopping", model)?;
        if epoch < self.start_from_epoch {
            return Ok(());
        }
        if self.restore_best_weights && self.best_weights.is_none() {
            self.best_weights = Some(model.get_weights()?);
            self.best_epoch = epoch;
        }
        self.wait += 1;
        if self.monitor.is_better(current, self.best) {
            self.best = Some(current);
            self.best_epoch = epoch;
            if self.restore_best_weights {
                self.best_weights = Some(model.get_weights()?);
            }
            if self
                .baseline
                .is_none_or(|b| self.monitor.is_better(current, Some(b)))
            {
                self.wait = 0;
            }
            return Ok(());
        }
        if self.wait >= self.patience && epoch > 0 {
            self.stopped_epoch = Some(epoch);
            model.stop_training();
        }
        Ok(())
    }

    fn on_train_end(&mut self, model: &mut Model, _: &Logs) -> Result<()> {
        if let (true, Some(epoch)) = (self.verbose, self.stopped_epoch) {
            println!("Epoch {}: early stopping", epoch + 1);
        }
        if let Some(weights) = &self.best_weights {
            if self.verbose {
                println!(
                    "Restoring model weights from the end of the best epoch: {}.",
                    self.best_epoch + 1
                );
            }
            model.set_weights(weights)?;
        }
        Ok(())
    }

    fn state(&self) -> Result<Option<CallbackState>> {
        Ok(Some(CallbackState {
            class: "EarlyStopping".into(),
            settings: json!({
                "wait": self.wait,
                "best": to_bits(self.best),
                "best_epoch": self.best_epoch,
            }),
            tensors: self.best_weights.clone().unwrap_or_default(),
        }))
    }

    fn set_state(&mut self, state: &CallbackState) -> Result<()> {
        self.wait = count(&state.settings["wait"]);
        self.best = from_bits(&state.settings["best"]);
        self.best_epoch = count(&state.settings["best_epoch"]);
        self.best_weights = Some(state.tensors.clone()).filter(|weights| !weights.is_empty());
        Ok(())
    }
}
