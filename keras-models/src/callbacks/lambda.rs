use keras_tensor::Result;

use super::Callback;
use crate::{Logs, Model};

type OnEpoch = Box<dyn FnMut(usize, &mut Model, &Logs) -> Result<()>>;
type OnTrain = Box<dyn FnMut(&mut Model, &Logs) -> Result<()>>;

/// Closures as hooks.
///
/// ```
/// use keras_models::callbacks::LambdaCallback;
/// let say = LambdaCallback::new().on_epoch_end(|epoch, _, logs| {
///     println!("{epoch}: {logs}");
///     Ok(())
/// });
/// ```
#[derive(Default)]
pub struct LambdaCallback {
    epoch_begin: Option<OnEpoch>,
    epoch_end: Option<OnEpoch>,
    batch_begin: Option<OnEpoch>,
    batch_end: Option<OnEpoch>,
    train_begin: Option<OnTrain>,
    train_end: Option<OnTrain>,
}

impl LambdaCallback {
    /// No hooks.
    pub fn new() -> Self {
        LambdaCallback::default()
    }

    /// Before an epoch.
    pub fn on_epoch_begin(
        mut self,
        f: impl FnMut(usize, &mut Model, &Logs) -> Result<()> + 'static,
    ) -> Self {
        self.epoch_begin = Some(Box::new(f));
        self
    }

    /// After an epoch.
    pub fn on_epoch_end(
        mut self,
        f: impl FnMut(usize, &mut Model, &Logs) -> Result<()> + 'static,
    ) -> Self {
        self.epoch_end = Some(Box::new(f));
        self
    }

    /// Before a training batch.
    pub fn on_train_batch_begin(
        mut self,
        f: impl FnMut(usize, &mut Model, &Logs) -> Result<()> + 'static,
    ) -> Self {
        self.batch_begin = Some(Box::new(f));
        self
    }

    /// After a training batch.
    pub fn on_train_batch_end(
        mut self,
        f: impl FnMut(usize, &mut Model, &Logs) -> Result<()> + 'static,
    ) -> Self {
        self.batch_end = Some(Box::new(f));
        self
    }

    /// Before the first epoch.
    pub fn on_train_begin(
        mut self,
        f: impl FnMut(&mut Model, &Logs) -> Result<()> + 'static,
    ) -> Self {
        self.train_begin = Some(Box::new(f));
        self
    }

    /// After the last epoch.
    pub fn on_train_end(
        mut self,
        f: impl FnMut(&mut Model, &Logs) -> Result<()> + 'static,
    ) -> Self {
        self.train_end = Some(Box::new(f));
        self
    }
}

fn with_count(f: &mut Option<OnEpoch>, n: usize, model: &mut Model, logs: &Logs) -> Result<()> {
    f.as_mut().map_or(Ok(()), |f| f(n, model, logs))
}

fn plain(f: &mut Option<OnTrain>, model: &mut Model, logs: &Logs) -> Result<()> {
    f.as_mut().map_or(Ok(()), |f| f(model, logs))
}

impl Callback for LambdaCallback {
    fn on_epoch_begin(&mut self, epoch: usize, model: &mut Model, logs: &Logs) -> Result<()> {
        with_count(&mut self.epoch_begin, epoch, model, logs)
    }
    fn on_epoch_end(&mut self, epoch: usize, model: &mut Model, logs: &mut Logs) -> Result<()> {
        with_count(&mut self.epoch_end, epoch, model, logs)
    }
    fn on_train_batch_begin(&mut self, batch: usize, model: &mut Model, logs: &Logs) -> Result<()> {
        with_count(&mut self.batch_begin, batch, model, logs)
    }
    fn on_train_batch_end(&mut self, batch: usize, model: &mut Model, logs: &Logs) -> Result<()> {
        with_count(&mut self.batch_end, batch, model, logs)
    }
    fn on_train_begin(&mut self, model: &mut Model, logs: &Logs) -> Result<()> {
        plain(&mut self.train_begin, model, logs)
    }
    fn on_train_end(&mut self, model: &mut Model, logs: &Logs) -> Result<()> {
        plain(&mut self.train_end, model, logs)
    }
}
