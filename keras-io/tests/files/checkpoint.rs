//! TensorFlow checkpoints: what Keras 2 wrote is read, what is written is read again.

use keras_io::{Limits, Load, SavedFunction, export, load_weights, save_weights};
use keras_layers::LayerExt;
use keras_layers::layers::{Dense, Input};
use keras_models::{Compile, Fit, Model, Sequential, layers};
use keras_optimizers::{Adam, OptimizerExt};
use keras_tensor::{Tensor, ops};
use proptest::prelude::*;
use std::path::Path;

use crate::models::predicts;
use crate::support::{Folder, Tally, Vintage, cases, close, same, uses_later};

#[test]
fn checkpoints_of_keras_2_are_read() {
    let (mut tally, folder) = (Tally::default(), Folder::new());
    for case in cases("models").iter().chain(&cases("layers")) {
        let Some(path) = case.folder("ckpt_k2", &folder) else {
            continue;
        };
        let (Some(json), Some(config)) = (
            case.file("model_k2.keras", &folder),
            case.config("model_k2.keras"),
        ) else {
            tally.skip();
            continue;
        };
        if uses_later(&config) {
            tally.skip();
            continue;
        }
        let model = Load::new().model(&json).unwrap().model;
        for weight in model.weights() {
            weight.assign(&ops::zeros_like(&weight).unwrap()).unwrap();
        }
        let warnings = Load::new().weights(&model, path.join("x.ckpt"));
        let warnings = warnings.unwrap_or_else(|e| panic!("{}: {e}", case.name));
        assert!(warnings.is_empty(), "{}: {warnings:?}", case.name);
        let io = case.arrays(Vintage::Keras2);
        predicts(case, "ckpt_k2", &model, &io, &mut tally);
    }
    tally.finish();
}

fn trained() -> Sequential {
    let mut model = Sequential::new(layers![
        Input::new([3]),
        Dense::new(4).activation("tanh").name("first"),
        Dense::new(2).name("second"),
    ]);
    let adam = Adam::new().learning_rate(0.01).amsgrad(true);
    model.compile(Compile::new(adam, "mse")).unwrap();
    let x = Tensor::new(&[0.5f32, -1.0, 2.0, 1.0, 0.0, -0.5], [2, 3]).unwrap();
    let y = ops::zeros([2, 2], Default::default()).unwrap();
    model
        .fit((&x, &y), Fit::new().epochs(3).verbose(0))
        .unwrap();
    model
}

fn state(model: &Model) -> Vec<Tensor> {
    let optimizer = model.optimizer().unwrap().variables();
    let all = model.weights().into_iter().chain(optimizer);
    all.map(|v| v.value().unwrap()).collect()
}

#[test]
fn what_is_written_is_read_again_over_and_over() {
    let (folder, model) = (Folder::new(), trained());
    let path = folder.path("weights.ckpt");
    for _ in 0..3 {
        save_weights(&model, &path).unwrap();
        let again = trained();
        for variable in again
            .weights()
            .into_iter()
            .chain(again.optimizer().unwrap().variables())
        {
            variable
                .assign(&ops::zeros_like(&variable).unwrap())
                .unwrap();
        }
        load_weights(&again, &path).unwrap();
        same("state", &state(&again), &state(&model)).unwrap();
    }
    let mut names: Vec<String> = std::fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let data = "weights.ckpt.data-00000-of-00001";
    assert_eq!(names, ["checkpoint", data, "weights.ckpt.index"]);
}

#[test]
fn what_does_not_fit_is_told() {
    let (folder, model) = (Folder::new(), trained());
    let path = folder.path("weights.ckpt");
    save_weights(&model, &path).unwrap();
    let more = Sequential::new(layers![
        Input::new([3]),
        Dense::new(4),
        Dense::new(2),
        Dense::new(2).name("third"),
    ]);
    let message = load_weights(&more, &path).unwrap_err().to_string();
    assert!(
        message.contains("third") && message.contains("layer_with_weights-2"),
        "{message}"
    );
    let warnings = Load::new()
        .skip_mismatch(true)
        .weights(&more, &path)
        .unwrap();
    assert!(warnings.iter().any(|w| w.contains("third")), "{warnings:?}");
    let fewer = Sequential::new(layers![Input::new([3]), Dense::new(4)]);
    let warnings = Load::new().weights(&fewer, &path).unwrap();
    assert!(warnings[0].contains("layer_with_weights-1"), "{warnings:?}");
    let other = Sequential::new(layers![Input::new([3]), Dense::new(5), Dense::new(2)]);
    let before = other.get_weights().unwrap();
    assert!(load_weights(&other, &path).is_err());
    same("weights", &other.get_weights().unwrap(), &before).unwrap();
    let missing = load_weights(&fewer, folder.path("none.ckpt"))
        .unwrap_err()
        .to_string();
    assert!(missing.contains("none.ckpt.index"), "{missing}");
}

/// Reads a checkpoint with one of its files changed.
fn read_changed(file: &str, change: impl FnOnce(&mut Vec<u8>)) -> keras_tensor::Result<()> {
    let (folder, model) = (Folder::new(), trained());
    let path = folder.path("weights.ckpt");
    save_weights(&model, &path).unwrap();
    let changed = folder.path(file);
    let mut bytes = std::fs::read(&changed).unwrap();
    change(&mut bytes);
    std::fs::write(&changed, bytes).unwrap();
    let small = Limits {
        bytes: 1 << 20,
        ..Limits::default()
    };
    Load::new().limits(small).weights(&model, &path).map(|_| ())
}

const INDEX: &str = "weights.ckpt.index";
const DATA: &str = "weights.ckpt.data-00000-of-00001";

#[test]
fn damaged_data_is_found() {
    for (file, place) in [(DATA, 3), (DATA, 500), (INDEX, 40), (INDEX, 200)] {
        let error = read_changed(file, |bytes| bytes[place] ^= 0x10).unwrap_err();
        assert!(
            error.to_string().contains("checksum"),
            "{file} {place}: {error}"
        );
    }
    let error = read_changed(DATA, |bytes| bytes.truncate(300)).unwrap_err();
    assert!(error.to_string().contains("the file has 300"), "{error}");
    for file in [INDEX, DATA] {
        assert!(read_changed(file, Vec::clear).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn changed_files_are_read_or_refused(index in any::<bool>(), place in any::<prop::sample::Index>(), value in any::<u8>(), cut in any::<bool>()) {
        let _ = read_changed(if index { INDEX } else { DATA }, |bytes| {
            let place = place.index(bytes.len());
            bytes[place] = value;
            if cut {
                bytes.truncate(place);
            }
        });
    }
}

#[test]
fn a_layer_alone_goes_around() {
    let folder = Folder::new();
    let model = Model::from(Dense::new(2));
    model.build([None, Some(3)]).unwrap();
    let path = folder.path("layer.ckpt");
    save_weights(&model, &path).unwrap();
    let before = model.get_weights().unwrap();
    load_weights(&model, &path).unwrap();
    same("weights", &model.get_weights().unwrap(), &before).unwrap();
}

#[test]
fn saved_models_of_keras_2_are_read() {
    let (mut tally, folder) = (Tally::default(), Folder::new());
    for case in cases("models").iter().chain(&cases("layers")) {
        let Some(path) = case.folder("savedmodel_k2", &folder) else {
            continue;
        };
        if case
            .config("model.keras")
            .is_none_or(|json| uses_later(&json))
        {
            tally.skip();
            continue;
        }
        let loaded = Load::new().model(&path);
        let loaded = loaded.unwrap_or_else(|e| panic!("{}: {e}", case.name));
        assert!(
            loaded.warnings.is_empty(),
            "{}: {:?}",
            case.name,
            loaded.warnings
        );
        let io = case.arrays(Vintage::Keras2);
        predicts(case, "savedmodel_k2", &loaded.model, &io, &mut tally);
    }
    tally.finish();
}

/// Ops on text, which no tensor here holds.
const OF_TEXT: &[&str] = &["textvectorization_int", "stringlookup_int"];

#[test]
fn any_saved_model_is_a_function() {
    let (mut tally, folder) = (Tally::default(), Folder::new());
    for case in cases("models").iter().chain(&cases("layers")) {
        for (name, vintage) in [
            ("savedmodel_k2", Vintage::Keras2),
            ("export_k3", Vintage::Keras3),
        ] {
            let Some(path) = case.folder(name, &folder) else {
                continue;
            };
            if OF_TEXT.contains(&&*case.name) {
                assert!(
                    SavedFunction::load(&path)
                        .and_then(|f| f.call(&[]))
                        .is_err()
                );
                tally.skip();
                continue;
            }
            let (io, info) = (case.arrays(vintage), case.json("case.json"));
            let what = format!("{} {name}", case.name);
            let function = SavedFunction::load(&path).unwrap_or_else(|e| panic!("{what}: {e}"));
            let outputs = function
                .call(&io.list("x"))
                .unwrap_or_else(|e| panic!("{what}: {e}"));
            let expected = io.list("y");
            assert_eq!(outputs.len(), expected.len(), "{what}");
            for ((name, y), expected) in outputs.iter().zip(&expected) {
                tally.check(close(&format!("{what} {name}"), y, expected, &info));
            }
        }
    }
    tally.finish();
}

/// The files of a small SavedModel.
fn small_saved_model(folder: &Folder) -> std::path::PathBuf {
    let all = cases("layers");
    let case = all.iter().find(|c| c.name == "lstm_last").unwrap();
    case.folder("export_k3", folder).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn changed_saved_models_are_run_or_refused(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let folder = Folder::new();
        let path = small_saved_model(&folder);
        let file = path.join("saved_model.pb");
        let mut bytes = std::fs::read(&file).unwrap();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        std::fs::write(&file, bytes).unwrap();
        if let Ok(function) = SavedFunction::load(&path) {
            let x = ops::zeros([2, 5, 3], Default::default()).unwrap();
            let _ = function.call(&[x]);
        }
    }
}

#[test]
fn folders_that_are_no_saved_models_are_named() {
    let folder = Folder::new();
    let message = |path: &Path| SavedFunction::load(path).err().unwrap().to_string();
    assert!(message(&folder.path("none")).contains("saved_model.pb"));
    let path = small_saved_model(&folder);
    std::fs::write(path.join("saved_model.pb"), b"").unwrap();
    assert!(message(&path).contains("an empty file"));
    std::fs::write(path.join("saved_model.pb"), b"\x08\x01").unwrap();
    assert!(message(&path).contains("serving_default"));
}

#[test]
fn what_is_exported_is_a_function_again() {
    let (mut tally, folder) = (Tally::default(), Folder::new());
    for case in cases("models") {
        let Some(file) = case.file("model.keras", &folder) else {
            continue;
        };
        if case
            .config("model.keras")
            .is_none_or(|json| uses_later(&json))
        {
            tally.skip();
            continue;
        }
        let model = Load::new().model(&file).unwrap().model;
        let path = folder.path(&case.name);
        export(&model, &path).unwrap();
        let function = SavedFunction::load(&path).unwrap();
        let (io, info) = (case.arrays(Vintage::Keras3), case.json("case.json"));
        let inputs = model.inputs().unwrap();
        let names: Vec<&str> = inputs.iter().map(|x| x.layer().name()).collect();
        let x = io.list("x");
        let place = |name: &&str| names.iter().position(|n| n == name).unwrap();
        let given: Vec<Tensor> = function
            .input_names()
            .iter()
            .map(|n| x[place(n)].clone())
            .collect();
        let outputs = function
            .call(&given)
            .unwrap_or_else(|e| panic!("{}: {e}", case.name));
        let expected = io.list("y");
        assert_eq!(outputs.len(), expected.len());
        if let ([(_, y)], [expected]) = (&outputs[..], &expected[..]) {
            tally.check(close(&case.name, y, expected, &info));
        }
    }
    tally.finish();
}
