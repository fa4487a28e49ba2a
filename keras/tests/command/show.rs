//! `keras summary`, `inspect` and `predict`.

use keras::io::{Limits, arrays};
use serde_json::Value;

use crate::run::{done, word, write_arrays};
use crate::support::{Folder, Tally, Vintage, cases, close, uses_later};

#[test]
fn summaries_are_those_of_keras() {
    let text = include_str!("../../../testdata/summaries.json");
    let summaries: Value = serde_json::from_str(text).unwrap();
    let folder = Folder::new();
    let mut whole = 0;
    for case in cases("models") {
        let Some(keras) = summaries[&case.name]["plain"].as_str() else {
            continue;
        };
        if uses_later(&case.config("model.keras").unwrap()) {
            continue;
        }
        let path = case.file("model.keras", &folder).unwrap();
        let ours = done(&["summary", word(&path)]);
        let table = |text: &str| text.split(" Total params").next().unwrap().to_string();
        assert_eq!(table(&ours), table(keras), "{}", case.name);
        // Keras was asked for the table of a model that is not compiled.
        if !ours.contains("Optimizer params") {
            assert_eq!(ours.trim_end(), keras.trim_end(), "{}", case.name);
            whole += 1;
        }
        let nested = done(&[
            "summary",
            word(&path),
            "--expand-nested",
            "--show-trainable",
            "--style",
            "keras2",
        ]);
        assert!(nested.contains("Trainable params"), "{nested}");
    }
    assert!(whole > 5, "{whole}");
}

#[test]
fn a_file_tells_what_it_holds() {
    let folder = Folder::new();
    let case = cases("models")
        .into_iter()
        .find(|c| c.name == "seq_mlp")
        .unwrap();
    let path = case.file("legacy_k2.h5", &folder).unwrap();
    let text = done(&["inspect", word(&path)]);
    assert!(
        text.starts_with(
            "format: HDF5, a whole model in the legacy layout\nvintage: Keras 2.15.0\n"
        ),
        "{text}"
    );
    assert!(
        text.lines()
            .any(|l| l.contains("dense/kernel:0") && l.ends_with("[8, 16]  float32")),
        "{text}"
    );
}

#[test]
fn predictions_are_those_of_keras() {
    let (mut tally, folder) = (Tally::default(), Folder::new());
    for case in cases("models") {
        for file in [
            "model.keras",
            "model_k2.keras",
            "legacy_k3.h5",
            "legacy_k2.h5",
        ] {
            let Some(path) = case.file(file, &folder) else {
                continue;
            };
            if case.config("model.keras").is_some_and(|c| uses_later(&c)) {
                tally.skip();
                continue;
            }
            let io = case.arrays(Vintage::of(file));
            let (x, y) = (folder.path("x.npz"), folder.path("y.npz"));
            write_arrays(&x, "x", &io.list("x"));
            done(&[
                "predict",
                word(&path),
                "--input",
                word(&x),
                "--output",
                word(&y),
            ]);
            let info = case.json("case.json");
            let got = arrays::read(&y, &Limits::default()).unwrap();
            let expected = io.list("y");
            assert_eq!(got.len(), expected.len(), "{} {file}", case.name);
            for (i, ((name, got), expected)) in got.iter().zip(&expected).enumerate() {
                assert_eq!(*name, format!("y{i}"));
                tally.check(close(
                    &format!("{} {file} {name}", case.name),
                    got,
                    expected,
                    &info,
                ));
            }
        }
    }
    tally.finish();
}

#[test]
fn arrays_come_and_go_in_every_format() {
    let folder = Folder::new();
    let case = cases("models")
        .into_iter()
        .find(|c| c.name == "seq_mlp")
        .unwrap();
    let model = case.file("model.keras", &folder).unwrap();
    let x = case.arrays(Vintage::Keras3).list("x");
    let mut outputs = Vec::new();
    for (from, to) in [("x.npy", "y.npz"), ("x.csv", "y.npy"), ("x.npz", "y.csv")] {
        let (from, to) = (folder.path(from), folder.path(to));
        write_arrays(&from, "arr_", &x);
        let words = [
            "predict",
            word(&model),
            "--input",
            word(&from),
            "--output",
            word(&to),
            "--batch-size",
            "1",
            "--quiet",
        ];
        done(&words);
        let y = arrays::read(&to, &Limits::default())
            .unwrap()
            .swap_remove(0)
            .1;
        let y: Vec<f32> = y.to_f64_vec().unwrap().iter().map(|v| *v as f32).collect();
        outputs.push(y);
    }
    assert_eq!(outputs[0], outputs[1]);
    assert_eq!(outputs[0], outputs[2]);
}

#[test]
fn inputs_are_found_by_their_names() {
    let folder = Folder::new();
    let case = cases("models")
        .into_iter()
        .find(|c| c.name == "multi_io_shared")
        .unwrap();
    let model = case.file("model.keras", &folder).unwrap();
    let io = case.arrays(Vintage::Keras3);
    let x = io.list("x");
    let (path, y) = (folder.path("x.npz"), folder.path("y.npz"));
    let named = [("b", &x[1]), ("more", &x[0]), ("a", &x[0])];
    let named = named.map(|(name, t)| (name.to_string(), t.clone()));
    arrays::write(&path, &named).unwrap();
    done(&[
        "predict",
        word(&model),
        "--input",
        word(&path),
        "--output",
        word(&y),
    ]);
    for ((_, got), expected) in arrays::read(&y, &Limits::default())
        .unwrap()
        .iter()
        .zip(io.list("y"))
    {
        close("by name", got, &expected, &case.json("case.json")).unwrap();
    }
}
