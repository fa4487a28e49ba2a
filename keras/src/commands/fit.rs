//! `keras fit`

use clap::Args;
use keras::io::{Holds, atomic};
use keras::models::{self, load_model, save_model};
use keras::utils::set_random_seed;
use keras::{Error, Result};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::data;
use super::output::{Profiling, progress};

#[derive(Args)]
pub(crate) struct Fit {
    /// A whole model that was compiled
    model: PathBuf,
    /// The inputs: `.npy`, `.npz` or `.csv`
    #[arg(long)]
    x: PathBuf,
    /// The targets: `.npy`, `.npz` or `.csv`
    #[arg(long)]
    y: PathBuf,
    /// Where the trained model goes
    #[arg(long)]
    output: PathBuf,
    /// How many times to go through the data
    #[arg(long, default_value_t = 1)]
    epochs: usize,
    /// Samples in a batch
    #[arg(long, default_value_t = 32)]
    batch_size: usize,
    /// The samples in their order in each epoch
    #[arg(long)]
    no_shuffle: bool,
    /// Fixes the order of the samples, and what layers draw
    #[arg(long)]
    seed: Option<u64>,
    /// The share of the samples, the last ones, that is evaluated on after each epoch
    #[arg(long)]
    validation_split: Option<f64>,
    /// A weight for each sample
    #[arg(long)]
    sample_weight: Option<PathBuf>,
    /// How much the samples of each class count: '{"0": 1.0, "1": 2.5}'
    #[arg(long, value_parser = class_weight)]
    class_weight: Option<ClassWeight>,
    /// Where the numbers of all epochs go, as JSON
    #[arg(long)]
    history: Option<PathBuf>,
    /// No progress
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    profiling: Profiling,
}

type ClassWeight = BTreeMap<i64, f64>;

fn class_weight(text: &str) -> std::result::Result<ClassWeight, String> {
    serde_json::from_str(text).map_err(|e| format!("wanted JSON such as {{\"0\": 1.0}}: {e}"))
}

/// Refuses a wrong name of a file before hours of training.
pub(super) fn check_output(path: &Path) -> Result<()> {
    if Holds::of(path) == Some(Holds::Model) {
        return Ok(());
    }
    let wanted = "the name of a file of a whole model, such as `.keras`";
    Err(Error::argument("output", path.display(), wanted))
}

impl Fit {
    pub(crate) fn run(self) -> Result<()> {
        check_output(&self.output)?;
        if let Some(seed) = self.seed {
            set_random_seed(seed);
        }
        let mut model = load_model(&self.model)?;
        data::check_compiled(&model, &self.model)?;
        let data = data::labelled(&model, &self.x, &self.y, self.sample_weight.as_deref())?;
        let mut how = models::Fit::new()
            .epochs(self.epochs)
            .batch_size(self.batch_size)
            .shuffle(!self.no_shuffle)
            .verbose(0)
            .callback(progress(self.quiet, true));
        if let Some(share) = self.validation_split {
            how = how.validation_split(share);
        }
        if let Some(weights) = self.class_weight {
            how = how.class_weight(weights);
        }
        if let Some(profiler) = self.profiling.callback() {
            how = how.callback(profiler);
        }
        let history = model.fit(data, how)?;
        save_model(&model, &self.output)?;
        if let Some(path) = self.history {
            let numbers = history
                .iter()
                .map(|(name, all)| (name.to_string(), Value::from(all)));
            let json = Value::from(numbers.collect::<Map<_, _>>());
            atomic::write_bytes(&path, json.to_string().as_bytes())?;
        }
        Ok(())
    }
}
