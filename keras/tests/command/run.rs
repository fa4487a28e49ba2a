//! Running the command.

use keras::io::arrays;
use keras::{Tensor, models::Model};
use std::path::Path;
use std::process::Command;

/// What the command said.
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the command with these words.
pub(crate) fn keras(words: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keras"));
    let done = command.args(words).env("COLUMNS", "80").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said {
        status: done.status.code().unwrap(),
        out: text(done.stdout),
        err: text(done.stderr),
    }
}

/// Runs the command, which succeeds, and gives what it printed.
pub(crate) fn done(words: &[&str]) -> String {
    let said = keras(words);
    assert_eq!(said.status, 0, "{words:?}: {}", said.err);
    said.out
}

/// A path as a word.
pub(crate) fn word(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Writes arrays under names that begin with `prefix`.
pub(crate) fn write_arrays(path: &Path, prefix: &str, all: &[Tensor]) {
    let named: Vec<(String, Tensor)> = all
        .iter()
        .enumerate()
        .map(|(i, t)| (format!("{prefix}{i}"), t.clone()))
        .collect();
    arrays::write(path, &named).unwrap();
}

/// Whether two models hold the same weights, bit for bit.
pub(crate) fn same_weights(a: &Model, b: &Model) -> bool {
    let bits = |model: &Model| -> Vec<Vec<f64>> {
        let all = model.get_weights().unwrap();
        all.iter().map(|t| t.to_f64_vec().unwrap()).collect()
    };
    bits(a) == bits(b)
}
