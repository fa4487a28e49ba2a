//! `keras fit` and `evaluate`: training goes on where real Keras left it.

use keras::io::{Limits, arrays, load_model};
use keras::{Tensor, ops};
use serde_json::Value;

use crate::run::{done, keras, same_weights, word, write_arrays};
use crate::support::{Case, Folder, Tally, Vintage, cases, close, uses_later};

/// Compares numbers under names.
fn numbers(what: &str, got: &Value, expected: &Value, info: &Value, tally: &mut Tally) {
    for (name, expected) in expected.as_object().unwrap() {
        let got = Tensor::scalar(got[name].as_f64().unwrap_or(f64::NAN));
        let expected = Tensor::scalar(expected.as_f64().unwrap());
        tally.check(close(&format!("{what} {name}"), &got, &expected, info));
    }
}

fn replay(case: &Case, file: &str, folder: &Folder, tally: &mut Tally) {
    let Some(model) = case.file(file, folder) else {
        return;
    };
    if uses_later(&case.config("final.keras").unwrap()) {
        return tally.skip();
    }
    let vintage = Vintage::of(file);
    let info = case.json(vintage.pick("case.json", "case_k2.json"));
    let io = case.arrays(vintage);
    let what = format!("{} {file}", case.name);
    let (x, y) = (folder.path("x.npy"), folder.path("y.npy"));
    write_arrays(&x, "x", &io.list("x"));
    write_arrays(&y, "y", &io.list("y"));
    let batch = info["batch_size"].to_string();
    let data = ["--x", word(&x), "--y", word(&y)];
    let mut words = vec!["evaluate", word(&model), "--json", "--batch-size", "4"];
    words.extend(data);
    let measured: Value = serde_json::from_str(&done(&words)).unwrap();
    numbers(
        &format!("{what} evaluate"),
        &measured,
        &info["evaluate"],
        &info,
        tally,
    );
    let (out, history, weights) = (
        folder.path("out.keras"),
        folder.path("h.json"),
        folder.path("w.npy"),
    );
    let mut words = vec![
        "fit",
        word(&model),
        "--no-shuffle",
        "--quiet",
        "--batch-size",
        &batch,
    ];
    words.extend(["--output", word(&out), "--history", word(&history)]);
    words.extend(data);
    let classes = info["class_weight"].to_string();
    if info["class_weight"].is_object() {
        words.extend(["--class-weight", &classes]);
    }
    if let Some(w) = io.get("sw").or(io.get("sw0")).or(io.get("sample_weight")) {
        write_arrays(&weights, "w", std::slice::from_ref(w));
        words.extend(["--sample-weight", word(&weights)]);
    }
    done(&words);
    let history: Value = serde_json::from_slice(&std::fs::read(&history).unwrap()).unwrap();
    let last = info["resume_logs_per_batch"]
        .as_array()
        .unwrap()
        .last()
        .unwrap();
    let first: Value = history
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, all)| (name.clone(), all[0].clone()))
        .collect();
    numbers(&format!("{what} fit"), &first, last, &info, tally);
    let (before, after) = (load_model(&model).unwrap(), load_model(&out).unwrap());
    let steps = |model: &keras::models::Model| -> f64 {
        let variables = model.optimizer().unwrap().variables();
        // An optimizer around another one lets that one count.
        let counts = variables.iter().filter(|v| v.name() == "iteration");
        counts.map(|v| v.value().unwrap().item().unwrap()).sum()
    };
    assert!(
        steps(&after) > steps(&before),
        "{what}: the optimizer's state went on"
    );
}

#[test]
fn training_goes_on_where_keras_left_it() {
    let (mut tally, folder) = (Tally::default(), Folder::new());
    for case in cases("train") {
        for file in ["final.keras", "final_k2.h5"] {
            replay(&case, file, &folder, &mut tally);
        }
    }
    tally.finish();
}

#[test]
fn a_seed_fixes_the_order_of_the_samples() {
    let folder = Folder::new();
    let case = cases("train")
        .into_iter()
        .find(|c| c.name == "opt_adam")
        .unwrap();
    let model = case.file("final.keras", &folder).unwrap();
    let io = case.arrays(Vintage::Keras3);
    let (x, y) = (folder.path("x.csv"), folder.path("y.csv"));
    write_arrays(&x, "x", &io.list("x"));
    write_arrays(&y, "y", &io.list("y"));
    let fit = |seed: &str, name: &str| {
        let out = folder.path(name);
        let words = [
            "fit",
            word(&model),
            "--x",
            word(&x),
            "--y",
            word(&y),
            "--output",
            word(&out),
        ];
        let said = keras(
            &[
                &words[..],
                &[
                    "--seed",
                    seed,
                    "--epochs",
                    "3",
                    "--validation-split",
                    "0.25",
                    "--batch-size",
                    "4",
                ],
            ]
            .concat(),
        );
        assert_eq!((said.status, said.out.as_str()), (0, ""), "{}", said.err);
        // A line an epoch, because this is no terminal.
        assert_eq!(
            said.err
                .lines()
                .filter(|l| l.contains("val_loss: "))
                .count(),
            3,
            "{}",
            said.err
        );
        load_model(out).unwrap()
    };
    let (first, again, other) = (fit("1", "a.keras"), fit("1", "b.h5"), fit("2", "c.keras"));
    assert!(same_weights(&first, &again));
    assert!(!same_weights(&first, &other));
}

#[test]
fn evaluation_is_a_line_for_each_number() {
    let folder = Folder::new();
    let case = cases("train")
        .into_iter()
        .find(|c| c.name == "cnn_bn_adam")
        .unwrap();
    let model = case.file("final.keras", &folder).unwrap();
    let io = case.arrays(Vintage::Keras3);
    let (x, y) = (folder.path("x.npy"), folder.path("y.npz"));
    write_arrays(&x, "x", &io.list("x"));
    // An array of float64, as NumPy makes them.
    let labels = ops::cast(&io.list("y")[0], keras::DType::F64).unwrap();
    write_arrays(&y, "y", &[labels]);
    let text = done(&["evaluate", word(&model), "--x", word(&x), "--y", word(&y)]);
    let loss = text.lines().next().unwrap().strip_prefix("loss: ").unwrap();
    assert!(loss.parse::<f64>().unwrap() > 0.0, "{text}");
    assert_eq!(arrays::read(&y, &Limits::default()).unwrap()[0].0, "y0");
}
