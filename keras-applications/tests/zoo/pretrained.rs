//! Weights that somebody trained: where Keras publishes them, and how files of them get into a network.

use keras_applications::{Application, MobileNet, by_name};
use keras_io::{Load, save_model};
use keras_models::Model;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

use crate::formula::set_weights;

fn with_arguments(name: &str, include_top: bool, arguments: &Value) -> Application {
    let mut application = by_name(name).unwrap().include_top(include_top);
    for (argument, value) in arguments.as_object().unwrap() {
        application = match argument.as_str() {
            "alpha" => application.alpha(value.as_f64().unwrap()),
            "minimalistic" => application.minimalistic(value.as_bool().unwrap()),
            "input_shape" => {
                let sizes = value.as_array().unwrap().iter();
                let shape: Vec<usize> = sizes.map(|n| n.as_u64().unwrap() as usize).collect();
                application.input_shape([shape[0], shape[1], shape[2]])
            }
            other => panic!("{other}"),
        };
    }
    application
}

#[test]
fn addresses_names_and_hashes_are_those_of_keras() {
    let lines = include_str!("../../../testdata/published.tsv").lines();
    for line in lines.clone() {
        let &[name, include_top, arguments, file, url, hash] =
            line.split('\t').collect::<Vec<_>>().as_slice()
        else {
            panic!("{line}");
        };
        let arguments = serde_json::from_str(arguments).unwrap();
        let published = with_arguments(name, include_top == "True", &arguments).published();
        let published = published.unwrap();
        assert_eq!(published.url, url, "{name} {arguments}");
        assert_eq!(published.file, file);
        assert_eq!(published.hash.unwrap_or_default(), hash, "{file}");
    }
    assert_eq!(lines.count(), 176);
}

/// Whether the weights of two models are the same bits.
fn same_weights(a: &Model, b: &Model) -> bool {
    let (a, b) = (a.weights(), b.weights());
    let mut pairs = a.iter().zip(&b);
    a.len() == b.len()
        && pairs.all(|(a, b)| {
            a.value().unwrap().to_f64_vec().unwrap() == b.value().unwrap().to_f64_vec().unwrap()
        })
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("keras-zoo-{name}-{}", std::process::id()));
        std::fs::create_dir_all(path.join("models")).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn small() -> Application {
    MobileNet::new().alpha(0.25).input_shape([128, 128, 3])
}

fn trained(include_top: bool, classes: usize) -> Model {
    let application = small().include_top(include_top).classes(classes);
    let model = application.weights(None).build().unwrap();
    set_weights(&model, 7);
    model
}

#[test]
fn a_file_in_the_cache_of_keras_is_used() {
    const HOME: &str = "KERAS_ZOO_TEST_HOME";
    if std::env::var_os(HOME).is_some() {
        let model = small().build().unwrap();
        return assert!(same_weights(&model, &trained(true, 1000)));
    }
    let home = Folder::new("cache");
    let file = small().published().unwrap().file;
    let path = home.0.join("models").join(file);
    save_model(&trained(true, 1000), path).unwrap();
    // The place of the cache is a variable of the environment, which belongs to a process.
    let this = std::env::current_exe().unwrap();
    let test = "pretrained::a_file_in_the_cache_of_keras_is_used";
    let mut again = Command::new(this);
    let again = again.args(["--exact", test]);
    let again = again.env("KERAS_HOME", &home.0).env(HOME, &home.0);
    assert!(again.output().unwrap().status.success());
}

#[test]
fn another_top_takes_over_all_but_the_top() {
    let folder = Folder::new("top");
    for name in ["whole.h5", "whole.keras"] {
        let path = folder.0.join(name);
        let whole = trained(true, 10);
        save_model(&whole, &path).unwrap();
        let other = small().classes(5).weights(None).build().unwrap();
        let load = Load::new().by_name(true);
        assert!(load.weights(&other, &path).is_err(), "{name}");
        let report = load.skip_mismatch(true).weights(&other, &path).unwrap();
        assert!(
            report.iter().any(|line| line.contains("conv_preds")),
            "{report:?}"
        );
        let (got, expected) = (other.weights(), whole.weights());
        let differing: Vec<String> = (got.iter().zip(&expected))
            .filter(|(a, b)| {
                let values = |v: &keras_tensor::Variable| v.value().unwrap().to_f64_vec().unwrap();
                values(a) != values(b)
            })
            .map(|(a, _)| a.path())
            .collect();
        assert_eq!(
            differing,
            ["conv_preds/kernel", "conv_preds/bias"],
            "{name}"
        );
    }
}

#[test]
fn a_file_of_weights_of_any_format_is_taken() {
    let folder = Folder::new("formats");
    let body = trained(false, 1000);
    for name in ["w.weights.h5", "w.safetensors", "w.npz", "w.keras", "w.h5"] {
        let path = folder.0.join(name);
        match name.starts_with("w.keras") || name == "w.h5" {
            true => save_model(&body, &path).unwrap(),
            false => keras_io::save_weights(&body, &path).unwrap(),
        }
        let model = small().include_top(false).weights(path).build().unwrap();
        assert!(same_weights(&model, &body), "{name}");
    }
}
