//! Whole models and weights of models: what a file predicts is what Keras predicted.

use keras_io::{Limits, Load, save_model};
use keras_layers::layers::{Dense, Input};
use keras_layers::{Arguments, Call, LayerExt};
use keras_models::{Compile, Model, Sequential, layers};
use keras_tensor::{DType, Tensor, ops};
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

pub(crate) fn predicts(case: &Case, file: &str, model: &Model, io: &Arrays, tally: &mut Tally) {
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
                .map(|w| ops::zeros_like(w).unwrap())
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

/// Made in Keras of `train/opt_adam/final.keras` by `save_weights("shard_k.weights.json", max_shard_size=300 / 1024**3)`.
/// Made by `tests/data/cudnn/make.py`.
#[test]
fn layers_of_cudnn_are_those_without() {
    let data = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cudnn"));
    let model = load(&data.join("cudnn.h5"));
    let io = keras_io::npz::read(data.join("io.npz"), &Limits::default()).unwrap();
    let find = |name: &str| &io.iter().find(|(n, _)| n == name).unwrap().1;
    let y = model.call(find("x0"), &Call::inference()).unwrap();
    let info = serde_json::json!({"atol": 1e-6, "rtol": 1e-5});
    close("cudnn", &y, find("y0"), &info).unwrap();
}

#[test]
fn shards_that_keras_wrote_are_read() {
    let folder = Folder::new();
    let case = cases("train")
        .into_iter()
        .find(|c| c.name == "opt_adam")
        .unwrap();
    let model = load(&case.file("final.keras", &folder).unwrap());
    let state = || {
        let optimizer = model.optimizer().unwrap().variables();
        let all = model.weights().into_iter().chain(optimizer);
        all.collect::<Vec<_>>()
    };
    for variable in state() {
        variable
            .assign(&ops::zeros_like(&variable).unwrap())
            .unwrap();
    }
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/shards/shard_k.weights.json"
    );
    assert!(Load::new().weights(&model, path).unwrap().is_empty());
    let io = case.arrays(Vintage::Keras3);
    let expected: Vec<_> = io.list("wf").into_iter().chain(io.list("ov")).collect();
    let values: Vec<_> = state().iter().map(|v| v.value().unwrap()).collect();
    same("shards", &values, &expected).unwrap();
}

#[test]
fn legacy_weights_go_to_layers_of_the_same_names() {
    let folder = Folder::new();
    let path = folder.path("m.h5");
    let dense = |units, name: &str| Dense::new(units).name(name);
    let from = Sequential::new(layers![Input::new([4]), dense(3, "a"), dense(2, "b")]);
    save_model(&from, &path).unwrap();
    let to = Sequential::new(layers![
        Input::new([4]),
        dense(3, "a"),
        dense(7, "new"),
        dense(5, "b")
    ]);
    let how = Load::new().by_name(true);
    let message = how.weights(&to, &path).unwrap_err().to_string();
    assert!(message.contains("in layer `b`"), "{message}");
    let warnings = how.skip_mismatch(true).weights(&to, &path).unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let (from, to) = (from.get_weights().unwrap(), to.get_weights().unwrap());
    same("by name", &to[..2], &from[..2]).unwrap();
    let message = Load::new().weights(
        &Sequential::new(layers![Input::new([4]), dense(3, "a")]),
        &path,
    );
    assert!(
        message
            .unwrap_err()
            .to_string()
            .contains("2 layers where the model has 1")
    );
}

#[test]
fn long_lists_of_names_are_cut_and_joined() {
    let names: Vec<String> = (0..9000)
        .map(|i| format!("a_layer_with_a_long_name_{i}"))
        .collect();
    let mut tree = keras_io::hdf5::Tree::new();
    tree.set_texts("layer_names", names.clone());
    tree.set_texts("weight_names", Vec::new());
    tree.set_text("model_config", "x".repeat(300_000));
    let file =
        keras_io::hdf5::Group::from_bytes(tree.to_bytes().unwrap(), &Limits::default()).unwrap();
    assert_eq!(file.texts("layer_names").unwrap().unwrap(), names);
    assert_eq!(file.texts("weight_names").unwrap(), Some(Vec::new()));
    assert_eq!(file.text("model_config").unwrap().unwrap().len(), 300_000);
    assert_eq!(file.texts("nothing").unwrap(), None);
}

#[test]
fn slots_of_old_optimizers_are_put_in_order() {
    let folder = Folder::new();
    let layers = layers![
        Input::new([3]),
        Dense::new(3).name("a"),
        Dense::new(3).name("b")
    ];
    let mut model = Sequential::named("m", layers);
    model.compile(Compile::new("adam", "mse")).unwrap();
    let path = folder.path("m.h5");
    save_model(&model, &path).unwrap();
    // The same file as Keras 2.4 would have written it: first every m, then every v, and no learning rate.
    let read = keras_io::hdf5::Group::open(&path, &Limits::default()).unwrap();
    let mut tree = keras_io::hdf5::Tree::new();
    for name in ["model_config", "training_config"] {
        tree.set_text(name, read.text(name).unwrap().unwrap());
    }
    tree.set_text("keras_version", "2.4.0");
    let weights = tree.group("model_weights");
    weights.set_texts("layer_names", vec!["a".into(), "b".into()]);
    for layer in ["a", "b"] {
        let group = weights.group(layer);
        let names = ["kernel", "bias"].map(|w| format!("{layer}/{w}:0"));
        group.set_tensor(&names[0], ops::ones([3, 3], DType::F32).unwrap());
        group.set_tensor(&names[1], ops::ones([3], DType::F32).unwrap());
        group.set_texts("weight_names", names.to_vec());
    }
    let group = tree.group("optimizer_weights");
    let mut names = vec!["training/Adam/iter:0".to_string()];
    group.set_tensor(&names[0], Tensor::scalar(7i64));
    for (s, slot) in ["m", "v"].iter().enumerate() {
        for (i, (weight, shape)) in [
            ("a/kernel", &[3, 3][..]),
            ("a/bias", &[3]),
            ("b/kernel", &[3, 3]),
            ("b/bias", &[3]),
        ]
        .into_iter()
        .enumerate()
        {
            let name = format!("training/Adam/{weight}/{slot}:0");
            let value = ops::full(shape.to_vec(), (10 * s + i) as f64, DType::F32).unwrap();
            group.set_tensor(&name, value);
            names.push(name);
        }
    }
    group.set_texts("weight_names", names);
    std::fs::write(&path, tree.to_bytes().unwrap()).unwrap();
    let model = load(&path);
    let state = model.optimizer().unwrap().variables();
    let first = |v: &keras_tensor::Variable| v.value().unwrap().to_f64_vec().unwrap()[0];
    let state: Vec<f64> = state.iter().map(first).collect();
    assert_eq!(state[0], 7.0);
    assert_eq!(state[2..], [0., 10., 1., 11., 2., 12., 3., 13.]);
}
