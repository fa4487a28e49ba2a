//! What happens around training besides training.

mod csv_logger;
mod early_stopping;
mod history;
mod lambda;
mod learning_rate_scheduler;
mod monitor;
mod progbar;
mod reduce_lr_on_plateau;
mod terminate_on_nan;

pub use csv_logger::CSVLogger;
pub use early_stopping::EarlyStopping;
pub use history::History;
pub use lambda::LambdaCallback;
pub use learning_rate_scheduler::LearningRateScheduler;
pub use monitor::{Mode, Monitor};
pub use progbar::{Progbar, ProgbarLogger};
pub use reduce_lr_on_plateau::ReduceLROnPlateau;
pub use terminate_on_nan::TerminateOnNaN;

use keras_tensor::Result;

pub use crate::training::{CallbackState, TrainingState};

use crate::{Logs, Model};

/// What a callback is told once before training, evaluation or prediction begins.
#[derive(Clone, Debug, Default)]
pub struct Params {
    /// How much is printed: 0 nothing, 1 a bar, 2 a line an epoch.
    pub verbose: u8,
    /// How many epochs there will be.
    pub epochs: usize,
    /// How many batches an epoch has, where that is known.
    pub steps: Option<usize>,
}

/// Something that is told how training, evaluation and prediction go on. Every hook may be left out.
///
/// An error stops the work and is what `fit` returns.
#[allow(unused_variables)]
pub trait Callback {
    /// Before anything else.
    fn set_params(&mut self, params: &Params) {}
    /// Before the first epoch.
    fn on_train_begin(&mut self, model: &mut Model, logs: &Logs) -> Result<()> {
        Ok(())
    }
    /// After the last epoch.
    fn on_train_end(&mut self, model: &mut Model, logs: &Logs) -> Result<()> {
        Ok(())
    }
    /// Before an epoch, counted from 0.
    fn on_epoch_begin(&mut self, epoch: usize, model: &mut Model, logs: &Logs) -> Result<()> {
        Ok(())
    }
    /// After an epoch and its validation.
    fn on_epoch_end(&mut self, epoch: usize, model: &mut Model, logs: &mut Logs) -> Result<()> {
        Ok(())
    }
    /// Before a training batch, counted from 0 in each epoch.
    fn on_train_batch_begin(&mut self, batch: usize, model: &mut Model, logs: &Logs) -> Result<()> {
        Ok(())
    }
    /// After a training batch.
    fn on_train_batch_end(&mut self, batch: usize, model: &mut Model, logs: &Logs) -> Result<()> {
        Ok(())
    }
    /// Before an evaluation, also one inside of `fit`.
    fn on_test_begin(&mut self, model: &mut Model, logs: &Logs) -> Result<()> {
        Ok(())
    }
    /// After an evaluation.
    fn on_test_end(&mut self, model: &mut Model, logs: &Logs) -> Result<()> {
        Ok(())
    }
    /// Before a batch of an evaluation.
    fn on_test_batch_begin(&mut self, batch: usize, model: &mut Model, logs: &Logs) -> Result<()> {
        Ok(())
    }
    /// After a batch of an evaluation.
    fn on_test_batch_end(&mut self, batch: usize, model: &mut Model, logs: &Logs) -> Result<()> {
        Ok(())
    }
    /// Before a prediction.
    fn on_predict_begin(&mut self, model: &mut Model, logs: &Logs) -> Result<()> {
        Ok(())
    }
    /// After a prediction.
    fn on_predict_end(&mut self, model: &mut Model, logs: &Logs) -> Result<()> {
        Ok(())
    }
    /// Before a batch of a prediction.
    fn on_predict_batch_begin(
        &mut self,
        batch: usize,
        model: &mut Model,
        logs: &Logs,
    ) -> Result<()> {
        Ok(())
    }
    /// After a batch of a prediction.
    fn on_predict_batch_end(&mut self, batch: usize, model: &mut Model, logs: &Logs) -> Result<()> {
        Ok(())
    }
    /// What this callback needs to go on after an interruption; `None` where it needs nothing.
    fn state(&self) -> Result<Option<CallbackState>> {
        Ok(None)
    }
    /// Takes over what [`Callback::state`] told when training was interrupted.
    fn set_state(&mut self, state: &CallbackState) -> Result<()> {
        Ok(())
    }
    /// After the hooks for the beginning of training: where an earlier training was interrupted. The callback gives the
    /// model its weights and its optimizer's state; `fit` does the rest.
    fn resume(&mut self, model: &mut Model) -> Result<Option<TrainingState>> {
        Ok(None)
    }
    /// Whether [`Callback::save_state`] is wanted now; asked when all callbacks were told of the end of a batch or an epoch.
    fn wants_state(&self) -> bool {
        false
    }
    /// Saves the model and where its training stands.
    fn save_state(&mut self, model: &mut Model, state: &TrainingState) -> Result<()> {
        Ok(())
    }
}

/// A callback that its owner lends, so that it can be looked at after training.
impl<C: Callback + ?Sized> Callback for &mut C {
    fn set_params(&mut self, params: &Params) {
        (**self).set_params(params);
    }
    fn on_train_begin(&mut self, model: &mut Model, logs: &Logs) -> Result<()> {
        (**self).on_train_begin(model, logs)
    }
    fn on_train_end(&mut self, model: &mut Model, logs: &Logs) -> Result<()> {
        (**self).on_train_end(model, logs)
    }
    fn on_epoch_begin(&mut self, epoch: usize, model: &mut Model, logs: &Logs) -> Result<()> {
        (**self).on_epoch_begin(epoch, model, logs)
    }
    fn on_epoch_end(&mut self, epoch: usize, model: &mut Model, logs: &mut Logs) -> Result<()> {
        (**self).on_epoch_end(epoch, model, logs)
    }
    fn on_train_batch_begin(&mut self, batch: usize, model: &mut Model, logs: &Logs) -> Result<()> {
        (**self).on_train_batch_begin(batch, model, logs)
    }
    fn on_train_batch_end(&mut self, batch: usize, model: &mut Model, logs: &Logs) -> Result<()> {
        (**self).on_train_batch_end(batch, model, logs)
    }
    fn on_test_begin(&mut self, model: &mut Model, logs: &Logs) -> Result<()> {
        (**self).on_test_begin(model, logs)
    }
    fn on_test_end(&mut self, model: &mut Model, logs: &Logs) -> Result<()> {
        (**self).on_test_end(model, logs)
    }
    fn on_test_batch_begin(&mut self, batch: usize, model: &mut Model, logs: &Logs) -> Result<()> {
        (**self).on_test_batch_begin(batch, model, logs)
    }
    fn on_test_batch_end(&mut self, batch: usize, model: &mut Model, logs: &Logs) -> Result<()> {
        (**self).on_test_batch_end(batch, model, logs)
    }
    fn on_predict_begin(&mut self, model: &mut Model, logs: &Logs) -> Result<()> {
        (**self).on_predict_begin(model, logs)
    }
    fn on_predict_end(&mut self, model: &mut Model, logs: &Logs) -> Result<()> {
        (**self).on_predict_end(model, logs)
    }
    fn on_predict_batch_begin(
        &mut self,
        batch: usize,
        model: &mut Model,
        logs: &Logs,
    ) -> Result<()> {
        (**self).on_predict_batch_begin(batch, model, logs)
    }
    fn on_predict_batch_end(&mut self, batch: usize, model: &mut Model, logs: &Logs) -> Result<()> {
        (**self).on_predict_batch_end(batch, model, logs)
    }
    fn state(&self) -> Result<Option<CallbackState>> {
        (**self).state()
    }
    fn set_state(&mut self, state: &CallbackState) -> Result<()> {
        (**self).set_state(state)
    }
    fn resume(&mut self, model: &mut Model) -> Result<Option<TrainingState>> {
        (**self).resume(model)
    }
    fn wants_state(&self) -> bool {
        (**self).wants_state()
    }
    fn save_state(&mut self, model: &mut Model, state: &TrainingState) -> Result<()> {
        (**self).save_state(model, state)
    }
}
