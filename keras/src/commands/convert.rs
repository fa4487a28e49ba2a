//! `keras convert`

use clap::Args;
use keras::io::{Holds, load_config, load_weights, save_config, save_weights};
use keras::models::{Model, load_model, save_model};
use keras::{Error, Result};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct Convert {
    /// A model, weights or a config, in any format that can be read
    input: PathBuf,
    /// Where it goes; the name tells the format
    output: PathBuf,
    /// The structure, where the input holds weights alone: a model or a config
    #[arg(long)]
    model: Option<PathBuf>,
}

impl Convert {
    pub(crate) fn run(self) -> Result<()> {
        holds("output", &self.output)?;
        let model = match (&self.model, holds("input", &self.input)?) {
            (Some(structure), _) => {
                let model = whole(structure)?;
                load_weights(&model, &self.input)?;
                model
            }
            (None, Holds::Weights) => {
                let wanted =
                    "a whole model, or `--model` with the structure that the weights belong to";
                return Err(Error::argument("input", self.input.display(), wanted));
            }
            (None, _) => whole(&self.input)?,
        };
        save(&model, &self.output)
    }
}

/// Writes what a file of this name holds of a model.
pub(super) fn save(model: &Model, path: &Path) -> Result<()> {
    match holds("output", path)? {
        Holds::Model => save_model(model, path),
        Holds::Weights => save_weights(model, path),
        Holds::Config => save_config(model, path),
    }
}

fn whole(path: &Path) -> Result<Model> {
    match holds("model", path)? {
        Holds::Config => load_config(path),
        _ => load_model(path),
    }
}

fn holds(argument: &str, path: &Path) -> Result<Holds> {
    let wanted = "a name that tells a format: `.keras`, `.weights.h5`, `.h5`, `.safetensors`, `.npz`, `.ckpt`, `.onnx`, `.json`, or a SavedModel folder";
    Holds::of(path).ok_or_else(|| Error::argument(argument, path.display(), wanted))
}
