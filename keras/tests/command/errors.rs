//! Errors are one line that says what was found and what was wanted; wrong usage is another status.

use keras::Tensor;

use crate::run::{keras, word, write_arrays};
use crate::support::{Folder, Vintage, cases};

/// The one line of an error.
fn error(words: &[&str]) -> String {
    let said = keras(words);
    assert_eq!(said.status, 1, "{words:?}: {}{}", said.out, said.err);
    let lines: Vec<&str> = said.err.lines().collect();
    assert!(
        lines.len() == 1 && lines[0].starts_with("error: "),
        "{words:?}: {}",
        said.err
    );
    said.err.trim_end().to_string()
}

#[track_caller]
fn says(words: &[&str], parts: &[&str]) {
    let message = error(words);
    for part in parts {
        assert!(message.contains(part), "{part:?} in {message}");
    }
}

#[test]
fn wrong_usage_is_another_status() {
    for words in [
        &["nothing"][..],
        &["summary"],
        &["summary", "a.keras", "--style", "keras4"],
        &["predict", "a.keras", "--input", "x.npy"],
        &[
            "predict",
            "a.keras",
            "--input",
            "x.npy",
            "--output",
            "y.npy",
            "--batch-size",
            "many",
        ],
        &[
            "fit",
            "a.keras",
            "--x",
            "x.npy",
            "--y",
            "y.npy",
            "--output",
            "o.keras",
            "--class-weight",
            "{0: 1}",
        ],
        &["convert", "a.keras"],
    ] {
        let said = keras(words);
        assert_eq!(said.status, 2, "{words:?}: {}", said.err);
    }
    for words in [&["--help"][..], &["fit", "--help"], &["--version"]] {
        assert_eq!(keras(words).status, 0, "{words:?}");
    }
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = Folder::new();
    let missing = folder.path("missing.keras");
    says(
        &["summary", word(&missing)],
        &["missing.keras", "No such file"],
    );
    says(
        &["inspect", word(&missing)],
        &["missing.keras", "No such file"],
    );
    let text = folder.write("text.keras", b"this is no model\n");
    says(&["summary", word(&text)], &["text.keras", "zip archive"]);
    let json = folder.write("json.keras", b"{}");
    says(
        &["inspect", word(&json)],
        &["json.keras", "a JSON text", "zip archive"],
    );
    let name = folder.write("model.txt", b"");
    says(&["summary", word(&name)], &["model.txt", "`.keras`"]);
    says(&["inspect", word(&name)], &["model.txt", ".safetensors"]);
    says(&["summary", "."], &["got ."]);
}

#[test]
fn arrays_that_do_not_fit_are_told() {
    let folder = Folder::new();
    let case = cases("models")
        .into_iter()
        .find(|c| c.name == "multi_io_shared")
        .unwrap();
    let model = case.file("model.keras", &folder).unwrap();
    let model = word(&model);
    let x = case.arrays(Vintage::Keras3).list("x");
    let (path, out) = (folder.path("x.npz"), folder.path("y.npz"));
    let (input, output) = (word(&path), word(&out));
    let predict = ["predict", model, "--input", input, "--output", output];
    write_arrays(&path, "x", &x[..1]);
    says(&predict, &["1 tensors", "a, b"]);
    write_arrays(&path, "x", &[x[1].clone(), x[0].clone()]);
    says(&predict, &["input `a`", "(2, 4)", "(None, 6)"]);
    write_arrays(&path, "x", &x);
    says(
        &["predict", model, "--input", input, "--output", "y.npy"],
        &["y.npy for 2 arrays", ".npz"],
    );
    says(
        &["predict", model, "--input", input, "--output", "y.txt"],
        &["y.txt", ".npy"],
    );
    says(
        &["predict", model, "--input", "x.txt", "--output", output],
        &["x.txt"],
    );
    let none = [
        "predict",
        model,
        "--input",
        input,
        "--output",
        output,
        "--batch-size",
        "0",
    ];
    says(&none, &["batch_size"]);
    let csv = folder.write("x.csv", b"1,2\n3\n");
    says(
        &["predict", model, "--input", word(&csv), "--output", output],
        &["x.csv", "line 2"],
    );
    let npy = folder.write("x.npy", b"\x93NUMPY\x01\x00\x05\x00{}");
    says(
        &["predict", model, "--input", word(&npy), "--output", output],
        &["x.npy"],
    );
    assert!(!out.exists());
}

#[test]
fn a_model_that_was_not_compiled_is_not_trained() {
    let folder = Folder::new();
    let case = cases("models")
        .into_iter()
        .find(|c| c.name == "resmini")
        .unwrap();
    let model = case.file("model.keras", &folder).unwrap();
    let x = folder.path("x.npy");
    write_arrays(&x, "x", &[Tensor::scalar(1.0f32)]);
    let (model, x) = (word(&model), word(&x));
    let wanted = ["model.keras", "never compiled"];
    says(&["evaluate", model, "--x", x, "--y", x], &wanted);
    says(
        &["fit", model, "--x", x, "--y", x, "--output", "o.keras"],
        &wanted,
    );
    says(
        &["fit", model, "--x", x, "--y", x, "--output", "o.npz"],
        &["o.npz", "whole model"],
    );
}

#[test]
fn a_wrong_name_is_told_before_training() {
    says(
        &["train", "mnist", "--output", "m.txt"],
        &["m.txt", "whole model"],
    );
}

#[test]
fn conversions_that_cannot_be_are_told() {
    let folder = Folder::new();
    let case = cases("models")
        .into_iter()
        .find(|c| c.name == "seq_mlp")
        .unwrap();
    let model = case.file("model.keras", &folder).unwrap();
    let weights = case.file("weights.safetensors", &folder).unwrap();
    let out = folder.path("o.keras");
    says(
        &["convert", word(&weights), word(&out)],
        &["weights.safetensors", "--model"],
    );
    says(
        &["convert", word(&model), "o.txt"],
        &["`output`: got o.txt", ".safetensors"],
    );
    says(&["convert", "o.txt", word(&out)], &["`input`: got o.txt"]);
    let other = cases("models")
        .into_iter()
        .find(|c| c.name == "cnn")
        .unwrap();
    let other = other.file("model.keras", &folder).unwrap();
    says(
        &[
            "convert",
            word(&weights),
            word(&out),
            "--model",
            word(&other),
        ],
        &["weights.safetensors"],
    );
    assert!(!out.exists());
}
