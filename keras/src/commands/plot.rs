//! `keras plot`

use clap::Args;
use keras::Result;
use keras::models::load_model;
use keras::utils::{PlotModel, plot_model};
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Plot {
    /// A whole model
    model: PathBuf,
    /// Where the picture goes: `.svg`, `.dot` or `.png`
    #[arg(long)]
    output: PathBuf,
}

impl Plot {
    pub(crate) fn run(self) -> Result<()> {
        let how = PlotModel::new().show_shapes(true).show_layer_names(true);
        plot_model(&load_model(&self.model)?, &self.output, &how)
    }
}
