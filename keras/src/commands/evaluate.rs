//! `keras evaluate`

use clap::Args;
use keras::Result;
use keras::models::{self, load_model};
use serde_json::{Map, Value};
use std::path::PathBuf;

use super::data;
use super::output::{Profiling, print, progress};

#[derive(Args)]
pub(crate) struct Evaluate {
    /// A whole model that was compiled
    model: PathBuf,
    /// The inputs: `.npy`, `.npz` or `.csv`
    #[arg(long)]
    x: PathBuf,
    /// The targets: `.npy`, `.npz` or `.csv`
    #[arg(long)]
    y: PathBuf,
    /// A weight for each sample
    #[arg(long)]
    sample_weight: Option<PathBuf>,
    /// Samples in a batch
    #[arg(long, default_value_t = 32)]
    batch_size: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// No progress
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    profiling: Profiling,
}

impl Evaluate {
    pub(crate) fn run(self) -> Result<()> {
        let mut model = load_model(&self.model)?;
        data::check_compiled(&model, &self.model)?;
        let data = data::labelled(&model, &self.x, &self.y, self.sample_weight.as_deref())?;
        let mut how = models::Evaluate::new()
            .batch_size(self.batch_size)
            .verbose(0)
            .callback(progress(self.quiet, false));
        if let Some(profiler) = self.profiling.callback() {
            how = how.callback(profiler);
        }
        let measured = model.evaluate(data, how)?;
        if self.json {
            let named = measured
                .iter()
                .map(|(name, v)| (name.to_string(), Value::from(v)));
            return print(&Value::from(named.collect::<Map<_, _>>()).to_string());
        }
        let lines: Vec<String> = measured.iter().map(|(n, v)| format!("{n}: {v}")).collect();
        print(&lines.join("\n"))
    }
}
