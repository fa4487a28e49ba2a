//! Every file that real Keras wrote tells what it holds.

use keras_io::{Limits, StoredTensor, inspect};

use crate::support::{Folder, Tally, Vintage, cases};

const FILES: &[(&str, &str)] = &[
    ("model.keras", "Keras file (.keras)"),
    ("model_k2.keras", "Keras file (.keras)"),
    ("model.weights.h5", "HDF5, weights in the layout of Keras 3"),
    ("legacy_k3.h5", "HDF5, a whole model in the legacy layout"),
    ("legacy_k2.h5", "HDF5, a whole model in the legacy layout"),
    ("k2_weights.h5", "HDF5, weights in the legacy layout"),
    ("weights.safetensors", "safetensors"),
];

#[test]
fn every_file_of_keras_is_told() {
    let (mut tally, folder) = (Tally::default(), Folder::new());
    for case in ["models", "layers"].into_iter().flat_map(cases) {
        for (file, format) in FILES {
            let Some(path) = case.file(file, &folder) else {
                continue;
            };
            let what = format!("{} {file}", case.name);
            let check = || -> Result<(), String> {
                let found = inspect(path, &Limits::default()).map_err(|e| e.to_string())?;
                let is = |what: &str, is: bool| {
                    if is {
                        Ok(())
                    } else {
                        Err(format!("{what} of {found}"))
                    }
                };
                is("format", found.format == *format)?;
                let wanted = Vintage::of(file).pick("Keras 3", "Keras 2");
                is(
                    "vintage",
                    *file == "weights.safetensors"
                        || found
                            .vintage
                            .as_ref()
                            .is_some_and(|v| v.starts_with(wanted)),
                )?;
                let whole = format.contains("whole") || file.ends_with(".keras");
                is("classes", whole != found.classes.is_empty())?;
                // Every weight of the model is there, in its shape.
                let info = case.json("case.json");
                let shapes = info["weights"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|w| w[1].clone());
                let mut left: Vec<serde_json::Value> = found
                    .weights
                    .iter()
                    .map(|w| w.shape.clone().into())
                    .collect();
                let keras2 = Vintage::of(file) == Vintage::Keras2;
                for shape in shapes.filter(|_| !keras2) {
                    let place = left.iter().position(|s| *s == shape);
                    let place = place.ok_or_else(|| format!("no weight {shape} in {found}"))?;
                    left.remove(place);
                }
                Ok(())
            };
            tally.check(check().map_err(|e| format!("{what}: {e}")));
        }
    }
    tally.finish();
}

#[test]
fn what_is_told_is_a_text() {
    let folder = Folder::new();
    let case = cases("models")
        .into_iter()
        .find(|c| c.name == "seq_mlp")
        .unwrap();
    let path = case.file("model.keras", &folder).unwrap();
    let text = inspect(path, &Limits::default()).unwrap().to_string();
    for line in [
        "format: Keras file (.keras)",
        "vintage: Keras 3.15.1",
        "classes: Sequential, InputLayer, Dense x2, Dropout",
    ] {
        assert!(text.lines().any(|l| l == line), "{text}");
    }
    let message = inspect("notes.txt", &Limits::default())
        .unwrap_err()
        .to_string();
    assert!(message.contains("`path`: got notes.txt"), "{message}");
}

#[test]
fn checkpoints_and_saved_models_are_told() {
    let (folder, mut told) = (Folder::new(), 0);
    for case in cases("models") {
        if let Some(path) = case.folder("ckpt_k2", &folder) {
            let found = inspect(path.join("x.ckpt"), &Limits::default()).unwrap();
            assert_eq!(found.format, "TensorFlow checkpoint");
            let kernel = |t: &&StoredTensor| t.path.contains("kernel/.ATTRIBUTES");
            assert!(
                found.weights.iter().filter(kernel).count() > 0,
                "{}",
                case.name
            );
            told += 1;
        }
        if let Some(path) = case.folder("savedmodel_k2", &folder) {
            let found = inspect(&path, &Limits::default()).unwrap();
            assert_eq!(found.vintage.as_deref(), Some("Keras 2"));
            assert!(found.classes.iter().any(|(class, _)| class == "Dense"));
            told += 1;
        }
    }
    assert!(told > 10);
}
