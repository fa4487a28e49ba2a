use keras_tensor::{Error, Result};
use serde_json::json;

use super::monitor::{Mode, Monitor, count, from_bits, to_bits};
use super::{Callback, CallbackState};
use crate::{Logs, Model};

/// Lowers the learning rate when a number has stopped getting better.
#[derive(Clone, Debug)]
pub struct ReduceLROnPlateau {
    monitor: Monitor,
    factor: f64,
    patience: usize,
    cooldown: usize,
    min_lr: f64,
    verbose: bool,
    wait: usize,
    cooling: usize,
    best: Option<f64>,
}

impl ReduceLROnPlateau {
    /// Watches a number; Keras's default is `"val_loss"`.
    pub fn new(monitor: &str) -> Self {
        let mut monitor = Monitor::new(monitor);
        monitor.min_delta = 1e-4;
        ReduceLROnPlateau {
            monitor,
            factor: 0.1,
            patience: 10,
            cooldown: 0,
            min_lr: 0.0,
            verbose: false,
            wait: 0,
            cooling: 0,
            best: None,
        }
    }

    /// What the learning rate is multiplied by, below 1; 0.1 by default.
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// Epochs without getting better before the rate is lowered; 10 by default.
    pub fn patience(mut self, patience: usize) -> Self {
        self.patience = patience;
        self
    }

    /// Which way is better; told by the metric by default.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.monitor.mode = mode;
        self
    }

    /// What counts as better: more than this; 0.0001 by default.
    pub fn min_delta(mut self, min_delta: f64) -> Self {
        self.monitor.min_delta = min_delta;
        self
    }

    /// Epochs to wait after the rate was lowered; 0 by default.
    pub fn cooldown(mut self, cooldown: usize) -> Self {
        self.cooldown = cooldown;
        self
    }

    /// The lowest rate; 0 by default.
    pub fn min_lr(mut self, min_lr: f64) -> Self {
        self.min_lr = min_lr;
        self
    }

    /// Whether each change is told.
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }
}

impl Callback for ReduceLROnPlateau {
    fn on_train_begin(&mut self, _: &mut Model, _: &Logs) -> Result<()> {
        if self.factor >= 1.0 {
            return Err(Error::argument(
                "ReduceLROnPlateau.factor",
                self.factor,
                "a number below 1",
            ));
        }
        self.wait = 0;
        self.cooling = 0;
        self.best = None;
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: usize, model: &mut Model, logs: &mut Logs) -> Result<()> {
        let optimizer = model.optimizer()?;
        let rate = optimizer.learning_rate()?;
        let current = self.monitor.value(logs);
        logs.set("learning_rate", rate);
        let Some(current) = current else {
            if self.monitor.name.starts_with("val_") {
                return Ok(());
            }
            return Err(self.monitor.missing("ReduceLROnPlateau", logs));
        };
        self.monitor.decide("ReduceLROnPlateau", model)?;
        if self.cooling > 0 {
            self.cooling -= 1;
            self.wait = 0;
        }
        if self.monitor.is_better(current, self.best) {
            self.best = Some(current);
            self.wait = 0;
        } else if self.cooling == 0 {
            self.wait += 1;
            if self.wait >= self.patience && rate as f32 > self.min_lr as f32 {
                let lowered = (rate * self.factor).max(self.min_lr);
                optimizer.set_learning_rate(lowered)?;
                if self.verbose {
                    println!(
                        "\nEpoch {}: ReduceLROnPlateau reducing learning rate to {lowered}.",
                        epoch + 1
                    );
                }
                self.cooling = self.cooldown;
                self.wait = 0;
            }
        }
        Ok(())
    }

    fn state(&self) -> Result<Option<CallbackState>> {
        Ok(Some(CallbackState {
            class: "ReduceLROnPlateau".into(),
            settings: json!({
                "wait": self.wait,
                "cooling": self.cooling,
                "best": to_bits(self.best),
            }),
            tensors: Vec::new(),
        }))
    }

    fn set_state(&mut self, state: &CallbackState) -> Result<()> {
        self.wait = count(&state.settings["wait"]);
        self.cooling = count(&state.settings["cooling"]);
        self.best = from_bits(&state.settings["best"]);
        Ok(())
    }
}
