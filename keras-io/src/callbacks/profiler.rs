use keras_models::{Logs, Model, callbacks::Callback};
use keras_tensor::Result;
use keras_tensor::profile::{self, Profile};
use std::path::PathBuf;

use crate::atomic;

/// Tells where the time of training, of an evaluation or of a prediction goes: for each op and each layer how long it took,
/// what it computed and moved, and how near that is to what the machine can do.
///
/// When the work has ended, two tables are printed on the standard error stream; [`Profiler::trace`] also writes the ops one
/// by one for `chrome://tracing`.
///
/// ```
/// use keras_io::callbacks::Profiler;
/// use keras_layers::layers::{Dense, Input};
/// use keras_models::{Predict, Sequential, layers};
/// use keras_tensor::ops;
///
/// let mut model = Sequential::new(layers![Input::new([8]), Dense::new(4)]);
/// let mut profiler = Profiler::new().verbose(0);
/// let x = ops::ones([32, 8], Default::default())?;
/// model.predict(&x, Predict::new().verbose(0).callback(&mut profiler))?;
/// let profile = profiler.profile().expect("a prediction was profiled");
/// let dense = profile.by_op().into_iter().find(|(name, _)| name == "dense");
/// // Products and sums, and the bias.
/// assert_eq!(dense.unwrap().1.cost.flops, 32 * 4 * (2 * 8 + 1));
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Profiler {
    trace: Option<PathBuf>,
    is_quiet: bool,
    listening: Option<profile::Profiler>,
    /// How much of training and evaluations is going on, one inside of the other.
    depth: usize,
    profile: Option<Profile>,
}

impl Profiler {
    /// Prints tables, and writes no file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a Chrome trace to this file when the work has ended. Of a long training it holds the first 262,144 ops.
    pub fn trace(mut self, path: impl Into<PathBuf>) -> Self {
        self.trace = Some(path.into());
        self
    }

    /// Whether tables are printed: 0 for no; 1 by default.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.is_quiet = verbose == 0;
        self
    }

    /// What was found when the last work ended.
    pub fn profile(&self) -> Option<&Profile> {
        self.profile.as_ref()
    }

    fn begin(&mut self) {
        if self.depth == 0 {
            self.listening = Some(profile::Profiler::start());
        }
        self.depth += 1;
    }

    fn end(&mut self) -> Result<()> {
        self.depth = self.depth.saturating_sub(1);
        let Some(listening) = self.listening.take_if(|_| self.depth == 0) else {
            return Ok(());
        };
        let profile = self.profile.insert(listening.stop());
        if !self.is_quiet {
            eprint!("{}", profile.table());
        }
        match &self.trace {
            Some(path) => atomic::write_bytes(path, profile.chrome_trace().as_bytes()),
            None => Ok(()),
        }
    }
}

impl Callback for Profiler {
    fn on_train_begin(&mut self, _: &mut Model, _: &Logs) -> Result<()> {
        // What a training that failed left behind.
        self.depth = 0;
        self.begin();
        Ok(())
    }

    fn on_train_end(&mut self, _: &mut Model, _: &Logs) -> Result<()> {
        self.end()
    }

    fn on_test_begin(&mut self, _: &mut Model, _: &Logs) -> Result<()> {
        self.begin();
        Ok(())
    }

    fn on_test_end(&mut self, _: &mut Model, _: &Logs) -> Result<()> {
        self.end()
    }

    fn on_predict_begin(&mut self, _: &mut Model, _: &Logs) -> Result<()> {
        self.begin();
        Ok(())
    }

    fn on_predict_end(&mut self, _: &mut Model, _: &Logs) -> Result<()> {
        self.end()
    }
}
