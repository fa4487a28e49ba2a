//! Outputs for whole data sets.

use keras_tensor::{Error, Outputs, Result, Tensor, ops};

use super::Data;
use super::hooks::Hooks;
use super::step::one_of;
use crate::callbacks::{Callback, Params, ProgbarLogger};
use crate::{Logs, Model};

/// How to predict.
#[derive(Default)]
pub struct Predict<'a> {
    batch_size: Option<usize>,
    verbose: Option<u8>,
    steps: Option<usize>,
    callbacks: Vec<Box<dyn Callback + 'a>>,
}

impl<'a> Predict<'a> {
    /// In batches of 32, with a bar.
    pub fn new() -> Self {
        Predict::default()
    }

    /// Samples in a batch.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// 0 for nothing, 1 for a bar, 2 for one line.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = Some(verbose);
        self
    }

    /// Batches after which to stop.
    pub fn steps(mut self, steps: usize) -> Self {
        self.steps = Some(steps);
        self
    }

    /// A callback.
    pub fn callback(mut self, callback: impl Callback + 'a) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }
}

impl Model {
    /// The model's output for all of `data`, one batch after the other.
    ///
    /// # Errors
    /// No data, data that does not fit the model, or a model of several outputs.
    pub fn predict<'a>(&mut self, data: impl Into<Data>, how: Predict<'a>) -> Result<Tensor> {
        one_of(self.predict_many(data, how)?)
    }

    /// The model's outputs for all of `data`, in their order.
    ///
    /// # Errors
    /// No data, or data that does not fit the model.
    pub fn predict_many<'a>(&mut self, data: impl Into<Data>, how: Predict<'a>) -> Result<Outputs> {
        let dataset = data.into().batches(how.batch_size, false)?;
        let params = Params {
            verbose: how.verbose.unwrap_or(1),
            epochs: 1,
            steps: how.steps.or_else(|| dataset.cardinality()),
        };
        let mut callbacks = how.callbacks;
        callbacks.push(Box::new(ProgbarLogger::new()));
        let mut hooks = Hooks::new(callbacks, &params);
        let logs = Logs::new();
        hooks.tell(self, |c, m| c.on_predict_begin(m, &logs))?;
        let mut outputs = Vec::new();
        let batches = dataset.iter().take(how.steps.unwrap_or(usize::MAX));
        for (i, batch) in batches.enumerate() {
            let batch = batch?;
            self.build_for(&batch)?;
            hooks.tell(self, |c, m| c.on_predict_batch_begin(i, m, &logs))?;
            outputs.push(self.predict_many_on_batch(&batch.x)?);
            hooks.tell(self, |c, m| c.on_predict_batch_end(i, m, &logs))?;
        }
        if outputs.is_empty() {
            return Err(Error::data(
                "the data to predict on",
                "it is empty; at least one batch is wanted",
            ));
        }
        hooks.tell(self, |c, m| c.on_predict_end(m, &logs))?;
        let whole = |i: usize| {
            let parts: Vec<&Tensor> = outputs.iter().map(|batch| &batch[i]).collect();
            ops::concatenate(&parts, 0)
        };
        (0..outputs[0].len()).map(whole).collect()
    }
}
