use keras_tensor::Result;

use super::Callback;
use crate::{Logs, Model};

/// Sets the learning rate before each epoch to what a function makes of the epoch and the rate before.
pub struct LearningRateScheduler {
    schedule: Box<dyn FnMut(usize, f64) -> f64>,
    verbose: bool,
}

impl LearningRateScheduler {
    /// A function of the epoch, counted from 0, and the learning rate.
    pub fn new(schedule: impl FnMut(usize, f64) -> f64 + 'static) -> Self {
        LearningRateScheduler {
            schedule: Box::new(schedule),
            verbose: false,
        }
    }

    /// Whether each change is told.
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }
}

impl Callback for LearningRateScheduler {
    fn on_epoch_begin(&mut self, epoch: usize, model: &mut Model, _: &Logs) -> Result<()> {
        let optimizer = model.optimizer()?;
        let rate = (self.schedule)(epoch, optimizer.learning_rate()?);
        optimizer.set_learning_rate(rate)?;
        if self.verbose {
            println!(
                "\nEpoch {}: LearningRateScheduler setting learning rate to {rate}.",
                epoch + 1
            );
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, _: usize, model: &mut Model, logs: &mut Logs) -> Result<()> {
        logs.set("learning_rate", model.optimizer()?.learning_rate()?);
        Ok(())
    }
}
