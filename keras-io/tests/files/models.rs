//! Whole models and weights of models: what a file predicts is what Keras predicted.

use keras_io::Load;
use keras_layers::{Arguments, Call};
use keras_models::Model;
use std::path::Path;

use crate::support::{Arrays, Case, Folder, Tally, Vintage, cases, close, same, uses_later};

const WHOLE: &[&str] = &[
    "model.keras",
    "model_k2.keras",
    "legacy_k3.h5",
    "legacy_k2.h5",
];
const WEIGHTS: &[&str] = &[
    "model.weights.h5",
    "k2_weights.h5",
    "model.keras",
    "legacy_k3.h5",
];

/// Keras 3.15 on TensorFlow sums cumulative sums and gives zeros; ours is the projection of the paper.
const WRONG_IN_KERAS: &[&str] = &["act_sparsemax"];

fn load(path: &Path) -> Model {
    let loaded = Load::new().model(path);
    let loaded = loaded.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert!(
        loaded.warnings.is_empty(),
        "{}: {:?}",
        path.display(),
        loaded.warnings
    );
    loaded.model
}

fn is_later(case: &Case) -> bool {
    case.config("model.keras")
        .is_none_or(|json| uses_later(&json))
}

fn predicts(case: &Case, file: &str, model: &Model, io: &Arrays, tally: &mut Tally) {
    let x = io.list("x");
    let info = case.json("case.json");
    let what = format!("{} {file}", case.name);
    // What was saved after a step of training has its weights under another name.
    let trained = info["note"]
        .as_str()
        .is_some_and(|n| n.contains("train_on_batch"));
    let weights = io.list(if trained { "wt" } else { "w" });
    tally.check(same(
        &format!("{what} weights"),
        &model.get_weights().unwrap(),
        &weights,
    ));
    if WRONG_IN_KERAS.contains(&&*case.name) {
        return tally.skip();
    }
    let arguments = match &x[..] {
        [x] => Arguments::new(x),
        several => Arguments::new(several.to_vec()),
    };
    let outputs = model.call_many(arguments, &Call::inference());
    let outputs = outputs.unwrap_or_else(|e| panic!("{what}: {e}"));
    let expected = io.list("y");
    assert_eq!(outputs.len(), expected.len(), "{what}");
    for (i, (y, expected)) in outputs.iter().zip(&expected).enumerate() {
        tally.check(close(&format!("{what} output {i}"), y, expected, &info));
    }
}

#[test]
fn models_predict_what_keras_predicts() {
    let (mut tally, folder) = (Tally::default(), Folder::new());
    for case in cases("models").iter().chain(&cases("layers")) {
        for file in WHOLE {
            let Some(path) = case.file(file, &folder) else {
                continue;
            };
            if is_later(case) {
                tally.skip();
                continue;
            }
            let io = case.arrays(Vintage::of(file));
            predicts(case, file, &load(&path), &io, &mut tally);
        }
    }
    tally.finish();
}

#[test]
fn weights_go_into_a_model_from_every_kind_of_file() {
    let (mut tally, folder) = (Tally::default(), Folder::new());
    for case in cases("models") {
        for file in WEIGHTS {
            let Some(path) = case.file(file, &folder) else {
                continue;
            };
            let config = Vintage::of(file).pick("model.keras", "model_k2.keras");
            let Some(config) = case.file(config, &folder) else {
                continue;
            };
            if is_later(&case) {
                tally.skip();
                continue;
            }
            let model = load(&config);
            let zeros: Vec<_> = model
                .get_weights()
                .unwrap()
                .iter()
                .map(|w| keras_tensor::ops::zeros_like(w).unwrap())
                .collect();
            model.set_weights(&zeros).unwrap();
            let warnings = Load::new().weights(&model, &path).unwrap();
            assert!(warnings.is_empty(), "{}: {warnings:?}", path.display());
            let io = case.arrays(Vintage::of(file));
            predicts(&case, file, &model, &io, &mut tally);
        }
    }
    tally.finish();
}
