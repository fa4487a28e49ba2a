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
        let to = holds("output", &self.output)?;
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
        match to {
            Holds::Model => save_model(&model, &self.output),
            Holds::Weights => save_weights(&model, &self.output),
            Holds::Config => save_config(&model, &self.output),
        }
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
