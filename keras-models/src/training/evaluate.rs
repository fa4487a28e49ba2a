//! Loss and metrics on data that is not trained on.

use keras_datasets::Dataset;
use keras_tensor::{Error, Result};

use super::Data;
use super::hooks::Hooks;
use crate::callbacks::{Callback, Params, ProgbarLogger};
use crate::{Logs, Model};

/// How to evaluate.
#[derive(Default)]
pub struct Evaluate<'a> {
    batch_size: Option<usize>,
    verbose: Option<u8>,
    steps: Option<usize>,
    callbacks: Vec<Box<dyn Callback + 'a>>,
}

impl<'a> Evaluate<'a> {
    /// In batches of 32, with a bar.
    pub fn new() -> Self {
        Evaluate::default()
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
    /// Loss and metrics on `data`: the loss first, then the metrics as they were given to `compile`.
    ///
    /// # Errors
    /// The model is not compiled, no data, or data that does not fit the model.
    pub fn evaluate<'a>(&mut self, data: impl Into<Data>, how: Evaluate<'a>) -> Result<Logs> {
        let dataset = data.into().batches(how.batch_size, false)?;
        let steps = how.steps.or_else(|| dataset.cardinality());
        let params = Params {
            verbose: how.verbose.unwrap_or(1),
            epochs: 1,
            steps,
        };
        let mut callbacks = how.callbacks;
        callbacks.push(Box::new(ProgbarLogger::new()));
        let mut hooks = Hooks::new(callbacks, &params);
        self.test(&dataset, how.steps, &mut hooks)?;
        let mut logs = Logs::new();
        self.compiled()?.results(&mut logs)?;
        Ok(logs)
    }

    /// Runs the evaluation; the results are those of the metrics afterwards.
    pub(super) fn test(
        &mut self,
        dataset: &Dataset,
        steps: Option<usize>,
        hooks: &mut Hooks<'_>,
    ) -> Result<Logs> {
        self.reset_metrics()?;
        let mut logs = Logs::new();
        hooks.tell(self, |c, m| c.on_test_begin(m, &Logs::new()))?;
        let mut seen = 0;
        for (i, batch) in dataset.iter().take(steps.unwrap_or(usize::MAX)).enumerate() {
            let batch = batch?;
            self.build_for(&batch)?;
            hooks.tell(self, |c, m| c.on_test_batch_begin(i, m, &logs))?;
            self.test_step(&batch, &mut logs)?;
            hooks.tell(self, |c, m| c.on_test_batch_end(i, m, &logs))?;
            seen += 1;
        }
        if seen == 0 {
            return Err(Error::data(
                "the evaluation data",
                "it is empty; at least one batch is wanted",
            ));
        }
        hooks.tell(self, |c, m| c.on_test_end(m, &logs))?;
        Ok(logs)
    }
}
