//! A process that is killed while it saves leaves the old file or the new one, whole.

#![cfg(all(unix, feature = "hdf5"))]

use keras_io::{Load, SavedFunction, export, save_model, save_weights, save_weights_in_shards};
use keras_layers::LayerExt;
use keras_layers::layers::{Dense, Input};
use keras_models::{Sequential, layers};
use keras_tensor::{Tensor, ops};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const KILLS: u64 = 100;
const FORMATS: &[&str] = &[
    "m.keras",
    "m.h5",
    "m.weights.h5",
    "m.safetensors",
    "m.npz",
    "m.ckpt",
    "m.weights.json",
    "m.export",
];

/// A model whose weights are all one number.
fn model(number: f64) -> Sequential {
    let layers = layers![
        Input::new([200]),
        Dense::new(300).name("a"),
        Dense::new(200).name("b")
    ];
    let model = Sequential::named("m", layers);
    let values = model.get_weights().unwrap();
    let values: Vec<Tensor> = values
        .iter()
        .map(|w| ops::full(w.shape().clone(), number, w.dtype()).unwrap())
        .collect();
    model.set_weights(&values).unwrap();
    model
}

fn save(model: &Sequential, path: &Path) {
    match path.extension().and_then(|e| e.to_str()) {
        Some("keras") => save_model(model, path),
        Some("h5") if !path.to_string_lossy().ends_with(".weights.h5") => save_model(model, path),
        Some("json") => save_weights_in_shards(model, path, 300_000),
        Some("export") => export(model, path),
        _ => save_weights(model, path),
    }
    .unwrap();
}

/// The one number of all weights in the file.
fn number_in(path: &Path) -> f64 {
    if path.is_dir() {
        let ones = ops::ones([1, 200], Default::default()).unwrap();
        let outputs = SavedFunction::load(path).unwrap().call(&[ones]).unwrap();
        // Biases are of that number, too.
        let sums = [1.0, 2.0].map(|n: f64| 300.0 * 201.0 * n * n + n);
        let got = outputs[0].1.to_f64_vec().unwrap();
        let fits = |sum: &f64| got.iter().all(|y| (y - sum).abs() < 1e-3 * sum);
        return sums.iter().position(fits).map_or(0.0, |i| i as f64 + 1.0);
    }
    let model = model(-1.0);
    let warnings = Load::new().weights(&model, path).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let weights = model.get_weights().unwrap();
    let numbers: Vec<f64> = weights
        .iter()
        .flat_map(|w| w.to_f64_vec().unwrap())
        .collect();
    assert!(
        numbers.iter().all(|n| *n == numbers[0]),
        "a mixture of two files"
    );
    numbers[0]
}

/// What the child does: it saves again and again, until it is killed.
#[test]
fn child() {
    let Some(path) = std::env::var_os("KERAS_IO_SAVE_AGAIN").map(PathBuf::from) else {
        return;
    };
    let models = [model(1.0), model(2.0)];
    loop {
        models.iter().for_each(|m| save(m, &path));
    }
}

#[test]
fn a_killed_process_leaves_a_whole_file() {
    let folder = std::env::temp_dir().join(format!("keras-io-killed-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for format in FORMATS {
        let path = folder.join(format);
        save(&model(1.0), &path);
        for i in 0..KILLS {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["child", "--exact", "--nocapture"])
                .env("KERAS_IO_SAVE_AGAIN", &path)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            // Times that fall into every part of a save.
            std::thread::sleep(Duration::from_micros(10_000 + 337 * (i % 89)));
            child.kill().unwrap();
            child.wait().unwrap();
            let number = number_in(&path);
            assert!(number == 1.0 || number == 2.0, "{format}: {number}");
        }
        let left = std::fs::read_dir(&folder).unwrap().count();
        assert!(left > 1 || *format != "m.keras", "no save was interrupted");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
