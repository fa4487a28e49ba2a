//! `keras inspect`

use clap::Args;
use keras::Result;
use keras::io::{Limits, inspect};
use std::path::PathBuf;

use super::output::print;

#[derive(Args)]
pub(crate) struct Inspect {
    /// A model, weights or a config, in any format that can be read
    file: PathBuf,
}

impl Inspect {
    pub(crate) fn run(self) -> Result<()> {
        print(&inspect(&self.file, &Limits::default())?.to_string())
    }
}
