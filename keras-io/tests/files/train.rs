//! Trained models: their optimizers go on as if training had never been interrupted.

use keras_io::Load;
use keras_models::callbacks::LambdaCallback;
use keras_models::{Data, Evaluate, Fit, Logs, Predict};
use keras_tensor::Tensor;
use serde_json::Value;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use crate::support::{Case, Folder, Tally, Vintage, cases, close, same, uses_later};

const FILES: &[&str] = &["final.keras", "final_k2.keras", "final.h5", "final_k2.h5"];

fn same_logs(what: &str, got: &Logs, expected: &Value, info: &Value, tally: &mut Tally) {
    for (name, value) in expected.as_object().unwrap() {
        let got = Tensor::scalar(got.get(name).unwrap_or(f64::NAN));
        let expected = Tensor::scalar(value.as_f64().unwrap());
        tally.check(close(&format!("{what} {name}"), &got, &expected, info));
    }
}

fn replay(case: &Case, file: &str, path: &Path, tally: &mut Tally) {
    let vintage = Vintage::of(file);
    let what = format!("{} {file}", case.name);
    if uses_later(&case.config("final.keras").unwrap()) {
        return tally.skip();
    }
    let loaded = Load::new().model(path);
    let loaded = loaded.unwrap_or_else(|e| panic!("{what}: {e}"));
    let mut model = loaded.model;
    assert!(loaded.warnings.is_empty(), "{what}: {:?}", loaded.warnings);
    let (info, io) = (
        case.json(vintage.pick("case.json", "case_k2.json")),
        case.arrays(vintage),
    );
    tally.check(same(
        &format!("{what} weights"),
        &model.get_weights().unwrap(),
        &io.list("wf"),
    ));
    let mut state = model.optimizer().unwrap().variables();
    let mut expected = io.list("ov");
    if vintage == Vintage::Keras2 {
        state.retain(|v| v.name() != "learning_rate" && v.name() != "variable");
        // SGD of Keras 2 has momenta even where it does not use them.
        expected.truncate(if state.len() == 1 { 1 } else { expected.len() });
    }
    let state: Vec<Tensor> = state.iter().map(|v| v.value().unwrap()).collect();
    tally.check(same(&format!("{what} optimizer"), &state, &expected));
    let x = &io.list("x")[0];
    let predicted = model.predict(x, Predict::new().verbose(0)).unwrap();
    tally.check(close(
        &format!("{what} prediction"),
        &predicted,
        io.get("pred").unwrap(),
        &info,
    ));
    let y = &io.list("y")[0];
    let how = Evaluate::new().batch_size(4).verbose(0);
    let measured = model.evaluate((x, y), how).unwrap();
    same_logs(
        &format!("{what} evaluate"),
        &measured,
        &info["evaluate"],
        &info,
        tally,
    );
    let seen = Rc::new(RefCell::new(Vec::new()));
    let record = seen.clone();
    let mut how = Fit::new()
        .batch_size(info["batch_size"].as_u64().unwrap() as usize)
        .shuffle(false)
        .verbose(0)
        .callback(LambdaCallback::new().on_train_batch_end(move |_, _, logs| {
            record.borrow_mut().push(logs.clone());
            Ok(())
        }));
    if let Some(weights) = info["class_weight"].as_object() {
        let weight = |(class, w): (&String, &Value)| (class.parse().unwrap(), w.as_f64().unwrap());
        how = how.class_weight(weights.iter().map(weight));
    }
    let data = match io.get("sw").or(io.get("sw0")).or(io.get("sample_weight")) {
        Some(w) => Data::from((x, y, w)),
        None => Data::from((x, y)),
    };
    model.fit(data, how).unwrap();
    let expected = info["resume_logs_per_batch"].as_array().unwrap();
    assert_eq!(seen.borrow().len(), expected.len(), "{what}");
    for (i, (got, expected)) in seen.borrow().iter().zip(expected).enumerate() {
        same_logs(
            &format!("{what} resumed batch {i}"),
            got,
            expected,
            &info,
            tally,
        );
    }
}

#[test]
fn training_goes_on_where_a_file_left_it() {
    let (mut tally, folder) = (Tally::default(), Folder::new());
    for case in cases("train") {
        for file in FILES {
            if let Some(path) = case.file(file, &folder) {
                replay(&case, file, &path, &mut tally);
            }
        }
    }
    tally.finish();
}
