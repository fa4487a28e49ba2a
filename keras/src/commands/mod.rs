//! What the command can do, each a few calls of the library.

mod convert;
mod data;
mod evaluate;
mod fit;
mod inspect;
mod new;
mod output;
mod plot;
mod predict;
mod summary;
mod train;

use clap::Subcommand;
use keras::Result;

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print the table of a model's layers
    Summary(summary::Summary),
    /// Tell what a file holds: format, vintage, classes, and every weight
    Inspect(inspect::Inspect),
    /// Compute a model's outputs for arrays
    Predict(predict::Predict),
    /// Measure loss and metrics of a compiled model on arrays
    Evaluate(evaluate::Evaluate),
    /// Go on training a compiled model
    Fit(fit::Fit),
    /// Write a model, its weights or its config in another format
    Convert(convert::Convert),
    /// Draw a model's graph
    Plot(plot::Plot),
    /// Write a new model of one of Keras's applications
    New(new::New),
    /// Train a network on data that comes along (what `keras` does when it is told nothing)
    Train {
        #[command(subcommand)]
        what: train::What,
    },
}

impl Default for Command {
    fn default() -> Self {
        let what = train::What::default();
        Command::Train { what }
    }
}

impl Command {
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Command::Summary(command) => command.run(),
            Command::Inspect(command) => command.run(),
            Command::Predict(command) => command.run(),
            Command::Evaluate(command) => command.run(),
            Command::Fit(command) => command.run(),
            Command::Convert(command) => command.run(),
            Command::Plot(command) => command.run(),
            Command::New(command) => command.run(),
            Command::Train { what } => train::run(what),
        }
    }
}
