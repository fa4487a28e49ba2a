//! `keras train mnist`, as a user runs it.

use std::process::Command;

/// The lines after training, in which every number stands in full.
fn trained(epochs: usize, threads: usize) -> Vec<String> {
    let run = Command::new(env!("CARGO_BIN_EXE_keras"))
        .args(["train", "mnist", "--epochs", &epochs.to_string()])
        .env("RAYON_NUM_THREADS", threads.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{text}");
    let lines = text.lines().map(str::to_string);
    let numbers: Vec<String> = lines
        .skip_while(|l| !l.starts_with("accuracy: ["))
        .collect();
    assert_eq!(numbers.len(), 5, "{text}");
    numbers
}

#[test]
fn it_reaches_the_wanted_accuracy() {
    let lines = trained(5, 2);
    let last = lines[4].strip_prefix("Test accuracy: ").unwrap();
    assert!(last.parse::<f64>().unwrap() >= 0.96, "{lines:?}");
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let first = trained(1, 1);
    for threads in [2, 4] {
        assert_eq!(trained(1, threads), first, "{threads} threads");
    }
}
