//! `keras summary`

use clap::{Args, ValueEnum};
use keras::Result;
use keras::models::{self, load_model};
use std::path::PathBuf;

use super::output::print;

#[derive(Args)]
pub(crate) struct Summary {
    /// A whole model
    model: PathBuf,
    /// Which Keras's table
    #[arg(long, value_enum, default_value_t = Style::Keras3)]
    style: Style,
    /// The layers of models inside the model, too
    #[arg(long)]
    expand_nested: bool,
    /// A column that says which layers are trainable
    #[arg(long)]
    show_trainable: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Style {
    Keras3,
    Keras2,
}

impl Summary {
    pub(crate) fn run(self) -> Result<()> {
        let style = match self.style {
            Style::Keras3 => models::Style::Keras3,
            Style::Keras2 => models::Style::Keras2,
        };
        let how = models::Summary::new()
            .style(style)
            .expand_nested(self.expand_nested)
            .show_trainable(self.show_trainable);
        print(load_model(&self.model)?.summary_text(&how)?.trim_end())
    }
}
