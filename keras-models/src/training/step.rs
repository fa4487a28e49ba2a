//! One step of training and of evaluation.

use keras_autograd::GradientTape;
use keras_datasets::Batch;
use keras_layers::{Call, Dims};
use keras_tensor::{Error, Result, Tensor, ops};
use std::sync::Arc;

use super::compile::Compiled;
use crate::{Logs, Model};

/// A training step of the user's own.
pub(crate) type TrainStep = Arc<dyn Fn(&mut Model, &Batch, &mut Logs) -> Result<()> + Send + Sync>;

/// The labels of a batch.
fn labels(batch: &Batch) -> Result<&Tensor> {
    batch.y.as_ref().ok_or_else(|| {
        Error::data(
            "a batch",
            "it has inputs only; training and evaluation want labels, too",
        )
    })
}

impl Model {
    /// Replaces the training step of `fit` and `train_on_batch`. It is given the model, a batch, and the logs to fill.
    ///
    /// [`Model::train_step`] is what it replaces; [`Model::compute_loss`], [`Model::apply_gradients`] and
    /// [`Model::update_metrics`] are its parts.
    pub fn set_train_step(
        &mut self,
        step: impl Fn(&mut Model, &Batch, &mut Logs) -> Result<()> + Send + Sync + 'static,
    ) {
        self.train_step = Some(Arc::new(step));
    }

    /// Builds what is not built yet, for batches like this one.
    pub(crate) fn build_for(&self, batch: &Batch) -> Result<()> {
        if !self.is_built() {
            self.build(Dims::from(batch.x.shape()).any_batch())?;
        }
        Ok(())
    }

    /// The loss of a batch's predictions, with what layers and regularizers add.
    ///
    /// # Errors
    /// The model is not compiled, or labels that do not fit the predictions.
    pub fn compute_loss(
        &mut self,
        y: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
        cx: &Call,
    ) -> Result<Tensor> {
        let root = self.root().clone();
        let Some(Compiled { loss, plan, .. }) = &mut self.compiled else {
            return Err(self.not_compiled());
        };
        plan.refresh(&root);
        let mut total = loss.compute(y, y_pred, sample_weight)?;
        for added in cx.take_losses() {
            total = ops::add(&total, ops::sum(&added, None)?)?;
        }
        for (variable, regularizer) in &plan.regularized {
            total = ops::add(&total, regularizer.penalty(&variable.value()?)?)?;
        }
        Ok(total)
    }

    /// Updates the trainable weights against the gradients of `loss`, and then holds them to their constraints.
    ///
    /// # Errors
    /// The model is not compiled, or an op on the way has no gradient.
    pub fn apply_gradients(&mut self, tape: GradientTape, loss: &Tensor) -> Result<()> {
        let root = self.root().clone();
        let Some(Compiled {
            optimizer, plan, ..
        }) = &mut self.compiled
        else {
            return Err(self.not_compiled());
        };
        plan.refresh(&root);
        let scaled = optimizer.scale_loss(loss)?;
        let mut gradients = std::mem::take(&mut plan.gradients);
        let done = tape
            .gradient_into(&scaled, None, &plan.trainable, &mut gradients)
            .and_then(|()| optimizer.apply_gradients(&gradients, &plan.trainable));
        gradients.clear();
        plan.gradients = gradients;
        done?;
        for (variable, constraint) in &plan.constrained {
            variable.assign(&constraint.constrain(&variable.value()?)?)?;
        }
        Ok(())
    }

    /// Counts a batch into the running loss and the metrics.
    ///
    /// # Errors
    /// The model is not compiled, or labels that do not fit the predictions.
    pub fn update_metrics(&mut self, batch: &Batch, y_pred: &Tensor, loss: &Tensor) -> Result<()> {
        let Some(compiled) = &mut self.compiled else {
            return Err(self.not_compiled());
        };
        let size = batch.x.shape().first().copied().unwrap_or(1);
        compiled
            .loss_tracker
            .update_state_weighted(loss, size as f64)?;
        compiled.update_metrics(labels(batch)?, y_pred, batch.sample_weight.as_ref())
    }

    /// Keras's training step: predict, differentiate, update the weights, count the metrics.
    ///
    /// # Errors
    /// The model is not compiled, or data that does not fit it.
    pub fn train_step(&mut self, batch: &Batch, logs: &mut Logs) -> Result<()> {
        let cx = Call::training();
        let tape = GradientTape::new();
        let y_pred = self.call(&batch.x, &cx)?;
        let y = labels(batch)?;
        let loss = self.compute_loss(y, &y_pred, batch.sample_weight.as_ref(), &cx)?;
        self.apply_gradients(tape, &loss)?;
        self.update_metrics(batch, &y_pred, &loss)?;
        self.results(logs)
    }

    /// Keras's evaluation step: predict, and count loss and metrics.
    ///
    /// # Errors
    /// The model is not compiled, or data that does not fit it.
    pub fn test_step(&mut self, batch: &Batch, logs: &mut Logs) -> Result<()> {
        let cx = Call::inference();
        let y_pred = self.call(&batch.x, &cx)?;
        let y = labels(batch)?;
        let loss = self.compute_loss(y, &y_pred, batch.sample_weight.as_ref(), &cx)?;
        self.update_metrics(batch, &y_pred, &loss)?;
        self.results(logs)
    }

    /// The running loss and metrics, in the order of the alphabet as Keras 3 has them.
    fn results(&self, logs: &mut Logs) -> Result<()> {
        let before = logs.names().count();
        self.compiled()?.results(logs)?;
        if logs.names().count() != before {
            logs.sort();
        }
        Ok(())
    }

    /// The step that `fit` takes: the user's or Keras's.
    pub(crate) fn take_train_step(&mut self, batch: &Batch, logs: &mut Logs) -> Result<()> {
        match self.train_step.clone() {
            Some(step) => step(self, batch, logs),
            None => self.train_step(batch, logs),
        }
    }

    /// Trains on one batch, and gives the loss and metrics since the last reset.
    ///
    /// # Errors
    /// The model is not compiled, or data that does not fit it.
    pub fn train_on_batch(&mut self, x: &Tensor, y: &Tensor) -> Result<Logs> {
        let batch = Batch::new(x.clone(), Some(y.clone()), None);
        self.compiled()?;
        self.build_for(&batch)?;
        let mut logs = Logs::new();
        self.take_train_step(&batch, &mut logs)?;
        Ok(logs)
    }

    /// Evaluates one batch, and gives the loss and metrics since the last reset.
    ///
    /// # Errors
    /// The model is not compiled, or data that does not fit it.
    pub fn test_on_batch(&mut self, x: &Tensor, y: &Tensor) -> Result<Logs> {
        let batch = Batch::new(x.clone(), Some(y.clone()), None);
        self.compiled()?;
        self.build_for(&batch)?;
        let mut logs = Logs::new();
        self.test_step(&batch, &mut logs)?;
        Ok(logs)
    }

    /// The model's output for one batch.
    ///
    /// # Errors
    /// Data that does not fit the model.
    pub fn predict_on_batch(&self, x: &Tensor) -> Result<Tensor> {
        self.call(x, &Call::inference())
    }

    /// Starts counting loss and metrics anew.
    ///
    /// # Errors
    /// The model is not compiled.
    pub fn reset_metrics(&mut self) -> Result<()> {
        self.compiled()?.reset_metrics()
    }
}
