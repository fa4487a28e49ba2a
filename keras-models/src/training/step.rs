//! One step of training and of evaluation.

use keras_autograd::GradientTape;
use keras_datasets::{Batch, IntoColumns, Structure};
use keras_layers::{Arguments, Call, Dims};
use keras_tensor::{Error, Outputs, Result, SmallVec, Tensor, ops};
use std::sync::Arc;

use super::compile::Compiled;
use crate::{Logs, Model};

/// A training step of the user's own.
pub(crate) type TrainStep = Arc<dyn Fn(&mut Model, &Batch, &mut Logs) -> Result<()> + Send + Sync>;

/// The predictions of all outputs.
type Predictions<'a> = SmallVec<[&'a Tensor; 3]>;

/// Inputs as the arguments of a call: the first argument, or arguments by name.
pub(super) fn arguments(x: &Structure<Tensor>) -> Arguments<Tensor> {
    match x {
        Structure::One(t) => t.into(),
        Structure::List(all) => all.clone().into(),
        Structure::Map(all) => {
            let named = all.iter().cloned();
            named.fold(Arguments::from_iter([]), |call, (n, t)| call.named(n, t))
        }
    }
}

/// The output of a model that has one.
pub(super) fn one_of(mut outputs: Outputs) -> Result<Tensor> {
    match outputs.len() {
        1 => Ok(outputs.swap_remove(0)),
        n => Err(Error::data(
            "predict",
            format!("the model has {n} outputs; ask for all of them (`predict_many`)"),
        )),
    }
}

/// The targets of a batch.
fn labels(batch: &Batch) -> Result<&Structure<Tensor>> {
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
        if self.is_built() {
            return Ok(());
        }
        let dims = |x: &Tensor| Ok(Dims::from(x.shape()).any_batch());
        self.root().build_many(&arguments(&batch.x).map(dims)?)
    }

    /// The outputs for a batch of inputs in inference, by a plan where there is one.
    fn infer(&self, x: &Structure<Tensor>, cx: &Call) -> Result<Outputs> {
        match self.plans.run(self.root(), x, cx)? {
            Some(outputs) => Ok(outputs),
            None => self.compute(x, cx),
        }
    }

    /// The outputs for a batch of inputs.
    fn compute(&self, x: &Structure<Tensor>, cx: &Call) -> Result<Outputs> {
        self.root().call_many(arguments(x), cx)
    }

    /// The loss of a batch's predictions, with what layers and regularizers add.
    ///
    /// Targets, predictions and weights are each one tensor, a list, or a map by the names of the outputs.
    ///
    /// # Errors
    /// The model is not compiled, or targets that do not fit the predictions.
    pub fn compute_loss(
        &mut self,
        y: impl Into<Structure<Tensor>>,
        y_pred: impl Into<Structure<Tensor>>,
        sample_weight: Option<&Structure<Tensor>>,
        cx: &Call,
    ) -> Result<Tensor> {
        let (root, y, y_pred) = (self.root().clone(), y.into(), y_pred.into());
        let Some(Compiled { losses, plan, .. }) = &mut self.compiled else {
            return Err(self.not_compiled());
        };
        plan.refresh(&root);
        let y_pred: Predictions<'_> = y_pred.iter().collect();
        let names = plan.names(y_pred.len());
        let mut total = losses.compute(&names, &y, &y_pred, sample_weight)?;
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
    /// The model is not compiled, or targets that do not fit the predictions.
    pub fn update_metrics(
        &mut self,
        batch: &Batch,
        y_pred: impl Into<Structure<Tensor>>,
        loss: &Tensor,
    ) -> Result<()> {
        let (y, y_pred) = (labels(batch)?, y_pred.into());
        let Some(compiled) = &mut self.compiled else {
            return Err(self.not_compiled());
        };
        let size = batch.x.first()?.shape().first().copied().unwrap_or(1);
        compiled
            .loss_tracker
            .update_state_weighted(loss, size as f64)?;
        let y_pred: Predictions<'_> = y_pred.iter().collect();
        let names = compiled.plan.names(y_pred.len());
        let weight = batch.sample_weight.as_ref();
        compiled.watched.update(&names, y, &y_pred, weight)
    }

    /// Keras's training step: predict, differentiate, update the weights, count the metrics.
    ///
    /// # Errors
    /// The model is not compiled, or data that does not fit it.
    pub fn train_step(&mut self, batch: &Batch, logs: &mut Logs) -> Result<()> {
        let cx = Call::training();
        let tape = GradientTape::new();
        let y_pred = Structure::from(self.compute(&batch.x, &cx)?);
        let weight = batch.sample_weight.as_ref();
        let loss = self.compute_loss(labels(batch)?, &y_pred, weight, &cx)?;
        self.apply_gradients(tape, &loss)?;
        self.update_metrics(batch, y_pred, &loss)?;
        self.results(logs)
    }

    /// Keras's evaluation step: predict, and count loss and metrics.
    ///
    /// # Errors
    /// The model is not compiled, or data that does not fit it.
    pub fn test_step(&mut self, batch: &Batch, logs: &mut Logs) -> Result<()> {
        let cx = Call::inference();
        let y_pred = Structure::from(self.infer(&batch.x, &cx)?);
        let weight = batch.sample_weight.as_ref();
        let loss = self.compute_loss(labels(batch)?, &y_pred, weight, &cx)?;
        self.update_metrics(batch, y_pred, &loss)?;
        self.results(logs)
    }

    /// The running loss and metrics, in the order of the alphabet as Keras 3 has them.
    pub(super) fn results(&self, logs: &mut Logs) -> Result<()> {
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
    pub fn train_on_batch(
        &mut self,
        x: impl Into<Structure<Tensor>>,
        y: impl Into<Structure<Tensor>>,
    ) -> Result<Logs> {
        let batch = (x, y).into_columns();
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
    pub fn test_on_batch(
        &mut self,
        x: impl Into<Structure<Tensor>>,
        y: impl Into<Structure<Tensor>>,
    ) -> Result<Logs> {
        let batch = (x, y).into_columns();
        self.compiled()?;
        self.build_for(&batch)?;
        let mut logs = Logs::new();
        self.test_step(&batch, &mut logs)?;
        Ok(logs)
    }

    /// The model's output for one batch.
    ///
    /// # Errors
    /// Data that does not fit the model, or a model of several outputs.
    pub fn predict_on_batch(&self, x: impl Into<Structure<Tensor>>) -> Result<Tensor> {
        one_of(self.predict_many_on_batch(x)?)
    }

    /// The model's outputs for one batch, in their order.
    ///
    /// # Errors
    /// Data that does not fit the model.
    pub fn predict_many_on_batch(&self, x: impl Into<Structure<Tensor>>) -> Result<Outputs> {
        self.infer(&x.into(), &Call::inference())
    }

    /// The names of the ops that a prediction for such a batch carries out, where there is a plan for it.
    ///
    /// Inference has a plan from the second call with batches of one shape on, with large batches from the first, unless the
    /// model asks for the values of tensors, draws random numbers or keeps a state. `KERAS_PLAN=off` in the environment does
    /// without.
    pub fn planned_ops(&self, x: impl Into<Structure<Tensor>>) -> Option<Vec<String>> {
        self.plans.ops(&x.into())
    }

    /// Starts counting loss and metrics anew.
    ///
    /// # Errors
    /// The model is not compiled.
    pub fn reset_metrics(&mut self) -> Result<()> {
        self.compiled()?.reset_metrics()
    }
}
