//! The `keras` command: the library on files, with nothing to program.

#![forbid(unsafe_code)]

mod train;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Keras in Rust.
#[derive(Parser)]
#[command(name = "keras", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Train a network on data that comes along (what `keras` does when it is told nothing)
    Train {
        #[command(subcommand)]
        what: train::What,
    },
}

fn main() -> ExitCode {
    let command = Arguments::parse().command.unwrap_or(Command::Train {
        what: train::What::default(),
    });
    let done = match command {
        Command::Train { what } => train::run(what),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {}", e.to_string().replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}
