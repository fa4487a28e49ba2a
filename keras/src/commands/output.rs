//! Results on standard output, progress on the standard error stream.

use clap::Args;
use keras::callbacks::{Profiler, ProgbarLogger};
use keras::{Error, Result};
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::PathBuf;

/// Whether it is told where time goes.
#[derive(Args, Default)]
pub(crate) struct Profiling {
    /// Tell for each op and layer how long it took, on standard error; FILE gets a Chrome trace
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    profile: Option<Option<PathBuf>>,
}

impl Profiling {
    /// The callback that tells it, if it is wanted.
    pub(crate) fn callback(self) -> Option<Profiler> {
        self.profile.map(|file| match file {
            Some(path) => Profiler::new().trace(path),
            None => Profiler::new(),
        })
    }
}

/// Prints a result.
pub(crate) fn print(text: &str) -> Result<()> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        // Whoever listened has heard enough.
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done.map_err(|e| Error::io("standard output", e)),
    }
}

/// A bar on a terminal, elsewhere a line an epoch if `lines` are wanted, and nothing where it is to be quiet.
pub(crate) fn progress(quiet: bool, lines: bool) -> ProgbarLogger {
    let verbose = match (quiet, std::io::stderr().is_terminal()) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => u8::from(lines) * 2,
    };
    ProgbarLogger::new().to_stderr().verbose(verbose)
}
