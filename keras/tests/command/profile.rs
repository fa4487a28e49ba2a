//! `--profile`: where time goes.

use keras::prelude::*;
use keras::{Tensor, ops};
use serde_json::Value;

use crate::run::{keras, word, write_arrays};
use crate::support::Folder;

/// A small network in a file, and data for it.
fn network(folder: &Folder) -> Vec<std::path::PathBuf> {
    let mut model = Sequential::new(layers![
        Input::new([6, 6, 2]),
        Conv2D::new(4, 3).name("window"),
        Flatten::new(),
        Dense::new(3).name("scores"),
    ]);
    let loss = MeanSquaredError::new();
    model.compile(Compile::new("sgd", loss)).unwrap();
    let [path, x, y] = ["model.keras", "x.npy", "y.npy"].map(|name| folder.path(name));
    model.save(&path).unwrap();
    let ones = |shape: &[usize]| -> Tensor { ops::ones(shape, DType::F32).unwrap() };
    write_arrays(&x, "x", &[ones(&[5, 6, 6, 2])]);
    write_arrays(&y, "y", &[ones(&[5, 3])]);
    vec![path, x, y]
}

#[test]
fn a_prediction_is_told_as_tables_and_as_a_trace() {
    let folder = Folder::new();
    let files = network(&folder);
    let (trace, out) = (folder.path("trace.json"), folder.path("out.npy"));
    let profile = format!("--profile={}", word(&trace));
    let said = keras(&[
        "predict",
        word(&files[0]),
        "--input",
        word(&files[1]),
        "--output",
        word(&out),
        "--quiet",
        &profile,
    ]);
    assert_eq!(said.status, 0, "{}", said.err);
    assert_eq!(said.out, "");
    for wanted in [
        "op ", "layer ", "dense", "window", "scores", "total", "of peak", "GFLOP/s",
    ] {
        assert!(said.err.contains(wanted), "{wanted}: {}", said.err);
    }
    let text = std::fs::read_to_string(&trace).unwrap();
    let trace: Value = serde_json::from_str(&text).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let of_layer = |name: &str| {
        let is_in = |e: &&Value| {
            e["args"]["layer"]
                .as_str()
                .is_some_and(|l| l.ends_with(name))
        };
        events.iter().filter(is_in).collect::<Vec<_>>()
    };
    let flops = |events: Vec<&Value>| -> u64 {
        events
            .iter()
            .map(|e| e["args"]["flops"].as_u64().unwrap())
            .sum()
    };
    // 5 samples of 4 x 4 places and 4 filters over 9 taps of 2 channels, and their biases.
    assert_eq!(flops(of_layer("window")), 5 * 16 * 4 * (2 * 18 + 1));
    assert_eq!(flops(of_layer("scores")), 5 * 3 * (2 * 64 + 1));
    for event in events {
        assert_eq!(event["ph"], "X");
        assert!(event["dur"].as_f64().unwrap() >= 0.0 && event["ts"].as_f64().unwrap() >= 0.0);
        assert!(event["args"]["shape"].is_array());
    }
}

#[test]
fn training_and_evaluation_are_told() {
    let folder = Folder::new();
    let files = network(&folder);
    let out = folder.path("trained.keras");
    let data = [
        "--x",
        word(&files[1]),
        "--y",
        word(&files[2]),
        "--quiet",
        "--profile",
    ];
    let fit = ["fit", word(&files[0]), "--output", word(&out)];
    let said = keras(&[&fit[..], &data].concat());
    assert_eq!(said.status, 0, "{}", said.err);
    for wanted in ["sgd", "conv_kernel_gradient", "(outside of layers)"] {
        assert!(said.err.contains(wanted), "{wanted}: {}", said.err);
    }
    let evaluate = ["evaluate", word(&files[0]), "--json"];
    let said = keras(&[&evaluate[..], &data].concat());
    assert_eq!(said.status, 0, "{}", said.err);
    let measured: Value = serde_json::from_str(&said.out).unwrap();
    assert!(measured["loss"].is_number());
    assert!(said.err.contains("scores"), "{}", said.err);
}

#[test]
fn a_trace_that_cannot_be_written_is_an_error() {
    let folder = Folder::new();
    let files = network(&folder);
    let out = folder.path("out.npy");
    let trace = format!("--profile={}", word(&folder.path("no/such/folder.json")));
    let words = ["predict", word(&files[0]), "--input", word(&files[1])];
    let said = keras(&[&words[..], &["--output", word(&out), "--quiet", &trace]].concat());
    assert_eq!(said.status, 1);
    assert!(
        said.err.lines().last().unwrap().starts_with("error: "),
        "{}",
        said.err
    );
}
