//! Epochs of batches with callbacks around them.

use keras_datasets::Dataset;
use keras_tensor::{Error, Result};
use std::collections::HashMap;

use super::batches::Batches;
use super::hooks::Hooks;
use super::{Data, class_weight};
use crate::callbacks::{Callback, History, Params, ProgbarLogger};
use crate::{Logs, Model};

/// How to train.
///
/// ```
/// use keras_models::{Fit, callbacks::EarlyStopping};
/// let how = Fit::new().epochs(5).batch_size(64).validation_split(0.1)
///     .callback(EarlyStopping::new("val_loss").patience(2));
/// ```
pub struct Fit<'a> {
    epochs: usize,
    initial_epoch: usize,
    batch_size: Option<usize>,
    shuffle: bool,
    verbose: u8,
    validation_data: Option<Data>,
    validation_split: Option<f64>,
    validation_freq: usize,
    validation_batch_size: Option<usize>,
    validation_steps: Option<usize>,
    steps_per_epoch: Option<usize>,
    class_weight: Option<HashMap<i64, f64>>,
    callbacks: Vec<Box<dyn Callback + 'a>>,
}

impl Default for Fit<'_> {
    fn default() -> Self {
        Fit {
            epochs: 1,
            initial_epoch: 0,
            batch_size: None,
            shuffle: true,
            verbose: 1,
            validation_data: None,
            validation_split: None,
            validation_freq: 1,
            validation_batch_size: None,
            validation_steps: None,
            steps_per_epoch: None,
            class_weight: None,
            callbacks: Vec::new(),
        }
    }
}

impl<'a> Fit<'a> {
    /// One epoch, in shuffled batches of 32, with a bar.
    pub fn new() -> Self {
        Fit::default()
    }

    /// The epoch to stop before; with `initial_epoch` 0 the number of epochs.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// The epoch to begin with, for training that goes on.
    pub fn initial_epoch(mut self, initial_epoch: usize) -> Self {
        self.initial_epoch = initial_epoch;
        self
    }

    /// Samples in a batch; for tensors only.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// Whether tensors are shuffled in each epoch; data sets shuffle themselves.
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// 0 for nothing, 1 for a bar, 2 for one line an epoch.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = verbose;
        self
    }

    /// What to evaluate on after epochs.
    pub fn validation_data(mut self, data: impl Into<Data>) -> Self {
        self.validation_data = Some(data.into());
        self
    }

    /// The share of the samples, the last ones, that is evaluated on and not trained on.
    pub fn validation_split(mut self, share: f64) -> Self {
        self.validation_split = Some(share);
        self
    }

    /// After how many epochs to evaluate each time; 1 by default.
    pub fn validation_freq(mut self, epochs: usize) -> Self {
        self.validation_freq = epochs;
        self
    }

    /// Samples in a batch of the validation; as in training by default.
    pub fn validation_batch_size(mut self, batch_size: usize) -> Self {
        self.validation_batch_size = Some(batch_size);
        self
    }

    /// Batches after which a validation stops.
    pub fn validation_steps(mut self, steps: usize) -> Self {
        self.validation_steps = Some(steps);
        self
    }

    /// Batches that make an epoch; a data set then goes on where the epoch before left it.
    pub fn steps_per_epoch(mut self, steps: usize) -> Self {
        self.steps_per_epoch = Some(steps);
        self
    }

    /// How much the samples of each class count; once where a class is not named.
    pub fn class_weight(mut self, weights: impl IntoIterator<Item = (i64, f64)>) -> Self {
        self.class_weight = Some(weights.into_iter().collect());
        self
    }

    /// A callback; lend it (`&mut`) to look at it afterwards.
    pub fn callback(mut self, callback: impl Callback + 'a) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// The training data and the validation data as batches.
    fn data(&mut self, data: Data) -> Result<(Dataset, Option<Dataset>)> {
        if self.validation_freq == 0 {
            return Err(Error::argument("validation_freq", 0, "at least 1"));
        }
        let mut validation = self.validation_data.take();
        let data = match self.validation_split {
            Some(share) if validation.is_none() => {
                let (train, held_out) = data.split(share)?;
                validation = Some(held_out);
                train
            }
            _ => data,
        };
        let validation = validation
            .map(|v| {
                let size = match v {
                    Data::Tensors { .. } => self.validation_batch_size.or(self.batch_size),
                    Data::Dataset(_) => None,
                };
                v.batches(size, false)
            })
            .transpose()?;
        Ok((data.batches(self.batch_size, self.shuffle)?, validation))
    }
}

/// Where an epoch begins, or goes on.
struct Place<'a> {
    epoch: usize,
    step: usize,
    validation: Option<&'a Dataset>,
}

impl Model {
    /// Trains, and gives the numbers of every epoch.
    ///
    /// # Errors
    /// The model is not compiled, no data, data that does not fit the model, or what a callback returns.
    pub fn fit<'a>(&mut self, data: impl Into<Data>, mut how: Fit<'a>) -> Result<History> {
        self.compiled()?;
        let (train, validation) = how.data(data.into())?;
        let params = Params {
            verbose: how.verbose,
            epochs: how.epochs,
            steps: how.steps_per_epoch.or_else(|| train.cardinality()),
        };
        let mut history = History::default();
        let mut callbacks = std::mem::take(&mut how.callbacks);
        callbacks.push(Box::new(ProgbarLogger::new()));
        callbacks.push(Box::new(&mut history));
        let mut hooks = Hooks::new(callbacks, &params);
        self.stopped = false;
        let mut logs = Logs::new();
        let mut batches = Batches::new(&train, how.steps_per_epoch);
        hooks.tell(self, |c, m| c.on_train_begin(m, &Logs::new()))?;
        let mut resumed = hooks.resume(self)?;
        let first = resumed.as_ref().map_or(how.initial_epoch, |r| r.epoch());
        for epoch in first..how.epochs {
            self.reset_metrics()?;
            let mut running = Logs::new();
            let step = match resumed.take() {
                Some(at) => {
                    self.go_on(&at, &mut batches, validation.as_ref(), &mut hooks)?;
                    if at.batch() > 0 {
                        self.results(&mut running)?;
                    }
                    at.batch()
                }
                None => {
                    hooks.tell(self, |c, m| c.on_epoch_begin(epoch, m, &Logs::new()))?;
                    batches.begin_epoch();
                    0
                }
            };
            let at = Place {
                epoch,
                step,
                validation: validation.as_ref(),
            };
            logs = self.train_epoch(&mut batches, at, running, &how, &mut hooks)?;
            if let Some(validation) = &validation
                && (epoch + 1).is_multiple_of(how.validation_freq)
            {
                let measured = self.test(validation, how.validation_steps, &mut hooks)?;
                for (name, value) in measured.iter() {
                    logs.set(&format!("val_{name}"), value);
                }
                logs.sort();
            }
            hooks.tell(self, |c, m| c.on_epoch_end(epoch, m, &mut logs))?;
            batches.begin_epoch();
            self.save_state((epoch + 1, 0), &batches, validation.as_ref(), &mut hooks)?;
            if self.stopped {
                break;
            }
        }
        if how.epochs > how.initial_epoch {
            let trainable = self.trainable_variables();
            self.optimizer()?.finalize_variable_values(&trainable)?;
        }
        hooks.tell(self, |c, m| c.on_train_end(m, &logs))?;
        drop(hooks);
        Ok(history)
    }

    /// Trains on the batches of an epoch from some step on; the numbers are those after the last one.
    fn train_epoch(
        &mut self,
        batches: &mut Batches<'_>,
        at: Place<'_>,
        mut logs: Logs,
        how: &Fit<'_>,
        hooks: &mut Hooks<'_>,
    ) -> Result<Logs> {
        let mut step = at.step;
        while let Some(batch) = batches.next(step) {
            let mut batch = batch?;
            if let Some(weights) = &how.class_weight {
                batch = class_weight::weighted(batch, weights)?;
            }
            self.build_for(&batch)?;
            hooks.tell(self, |c, m| c.on_train_batch_begin(step, m, &logs))?;
            self.take_train_step(&batch, &mut logs)?;
            hooks.tell(self, |c, m| c.on_train_batch_end(step, m, &logs))?;
            step += 1;
            self.save_state((at.epoch, step), batches, at.validation, hooks)?;
            if self.stopped {
                break;
            }
        }
        if step == 0 {
            return Err(Error::data(
                "the training data",
                "it is empty; at least one batch is wanted",
            ));
        }
        Ok(logs)
    }
}
