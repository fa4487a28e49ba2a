//! `keras predict`

use clap::Args;
use keras::io::arrays;
use keras::models::{self, load_model};
use keras::{DType, Result, ops};
use std::path::PathBuf;

use super::data;
use super::output::{Profiling, progress};

#[derive(Args)]
pub(crate) struct Predict {
    /// A whole model
    model: PathBuf,
    /// The inputs: `.npy`, `.npz` or `.csv`
    #[arg(long)]
    input: PathBuf,
    /// Where the outputs go: `.npy`, `.npz` or `.csv`
    #[arg(long)]
    output: PathBuf,
    /// Samples in a batch
    #[arg(long, default_value_t = 32)]
    batch_size: usize,
    /// No progress
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    profiling: Profiling,
}

impl Predict {
    pub(crate) fn run(self) -> Result<()> {
        let mut model = load_model(&self.model)?;
        // Before anything is computed: a wrong name of a file.
        arrays::check_name(&self.output, model.output_names().len().max(1))?;
        let x = data::inputs(&model, &self.input)?;
        let mut how = models::Predict::new()
            .batch_size(self.batch_size)
            .verbose(0)
            .callback(progress(self.quiet, false));
        if let Some(profiler) = self.profiling.callback() {
            how = how.callback(profiler);
        }
        let outputs = model.predict_many(x, how)?.into_iter().enumerate();
        let named = outputs.map(|(i, y)| {
            // NumPy knows no bfloat16.
            let known = y.dtype() != DType::BF16;
            let y = if known { y } else { ops::cast(&y, DType::F32)? };
            Ok((format!("y{i}"), y))
        });
        arrays::write(&self.output, &named.collect::<Result<Vec<_>>>()?)
    }
}
