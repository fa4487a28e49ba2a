//! The `keras` command: the library on files, with nothing to program.

#![forbid(unsafe_code)]

mod commands;

use clap::Parser;
use commands::Command;
use std::process::ExitCode;

/// Keras in Rust.
#[derive(Parser)]
#[command(name = "keras", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

fn main() -> ExitCode {
    match Arguments::parse().command.unwrap_or_default().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {}", e.to_string().replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}
