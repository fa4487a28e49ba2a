//! Whole models of any shape: their configs, their names, what they compute, how they print.

use keras::models::{Model, Summary};
use keras::prelude::*;
use serde_json::Value;

use crate::support::{Case, Tally, cases, json_file, keras2_cases};

/// A model whose classes are Python code; it is written in Rust in subclassed.rs.
fn skipped(case: &Case) -> bool {
    case.info["subclassed"] == true
}

fn model(case: &Case) -> Model {
    Model::from_json(&case.config).unwrap_or_else(|e| panic!("{}: {e}", case.name))
}

fn replay(case: &Case, tally: &mut Tally) {
    let model = model(case);
    let weights = match case.arrays("wt") {
        // Outputs are those after a step of training.
        after if !after.is_empty() => after,
        _ => case.arrays("w"),
    };
    if !weights.is_empty() {
        let x = case.arrays("x");
        let _ = model
            .call_many(Arguments::new(x), &Call::inference())
            .unwrap();
    }
    model
        .set_weights(&weights)
        .unwrap_or_else(|e| panic!("{}: {e}", case.name));
    assert_eq!(
        model.count_params(),
        case.info["params"].as_u64().unwrap() as usize
    );
    let outputs = model.call_many(Arguments::new(case.arrays("x")), &Call::inference());
    let outputs = outputs.unwrap_or_else(|e| panic!("{}: {e}", case.name));
    assert_eq!(outputs.len(), case.arrays("y").len());
    for (i, y) in outputs.iter().enumerate() {
        let expected = case.array(&format!("y{i}"));
        tally.check(case.close(&format!("output {i}"), y, expected));
    }
}

#[test]
fn models_compute_what_keras_computes() {
    let mut tally = Tally::default();
    for case in cases("models").iter().filter(|c| !skipped(c)) {
        replay(case, &mut tally);
    }
    tally.finish();
}

#[test]
fn configs_of_keras_2_compute_what_it_computed() {
    let mut tally = Tally::default();
    for case in keras2_cases("models").iter().filter(|c| !skipped(c)) {
        replay(case, &mut tally);
    }
    tally.finish();
}

#[test]
fn weights_and_layers_have_keras_s_names() {
    for case in cases("models").iter().filter(|c| !skipped(c)) {
        let model = model(case);
        let wanted = case.info["weights"].as_array().unwrap();
        let paths: Vec<String> = model.weights().iter().map(|w| w.path()).collect();
        let wanted: Vec<&str> = wanted.iter().map(|w| w[0].as_str().unwrap()).collect();
        assert_eq!(paths, wanted, "{}", case.name);
        let layers = model.children().iter().filter(|l| !l.is_operation());
        let ours: Vec<Value> = layers
            .map(|l| Value::from(vec![l.name(), l.class_name()]))
            .collect();
        let keras = case.info["layers"].as_array().unwrap().iter();
        let keras: Vec<Value> = keras
            .map(|l| Value::from(l.as_array().unwrap()[..2].to_vec()))
            .collect();
        assert_eq!(ours, keras, "{}", case.name);
    }
}

/// What a config says of the graph: names, classes and calls, without arguments that are not set.
fn outline(json: &Value) -> Value {
    match json {
        // Some of Keras's classes write the policy's name alone.
        Value::Object(all) if json["class_name"] == "DTypePolicy" => all["config"]["name"].clone(),
        Value::Object(all) => {
            let said = all.iter().filter(|(key, value)| {
                let written = ["shared_object_id", "compile_config", "build_config"];
                !value.is_null() && !written.contains(&key.as_str())
            });
            said.map(|(key, value)| (key.clone(), outline(value)))
                .collect()
        }
        Value::Array(all) => all.iter().map(outline).collect(),
        Value::Number(n) => n.as_f64().into(),
        other => other.clone(),
    }
}

fn compare(ours: &Value, keras: &Value, place: &str, differ: &mut Vec<String>) {
    match (ours, keras) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()) {
                compare(&ours[key], &keras[key], &format!("{place}.{key}"), differ);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                compare(a, b, &format!("{place}[{i}]"), differ);
            }
        }
        (a, b) if a == b => {}
        (a, b) => differ.push(format!("{place}: {a} is not {b}")),
    }
}

#[test]
fn configs_go_around_and_are_keras_s() {
    let all = cases("models").into_iter().chain(cases("layers"));
    for case in all.filter(|c| !skipped(c)) {
        let case = &case;
        let ours = model(case).to_json().unwrap();
        let again = Model::from_json(&ours).unwrap().to_json().unwrap();
        assert_eq!(ours, again, "{}", case.name);
        let mut differ = Vec::new();
        compare(
            &outline(&ours),
            &outline(&case.config),
            &case.name,
            &mut differ,
        );
        assert!(differ.is_empty(), "{differ:#?}");
    }
}

#[test]
fn summaries_are_keras_s() {
    let summaries = json_file("summaries.json");
    for case in cases("models").iter().filter(|c| !skipped(c)) {
        let model = model(case);
        let nested = Summary::new().expand_nested(true).show_trainable(true);
        let plain = Summary::new();
        for (way, how) in [("plain", &plain), ("wide", &plain), ("nested", &nested)] {
            let keras = summaries[&case.name][way].as_str().unwrap();
            let width = keras.lines().nth(1).unwrap().chars().count();
            let how = how.clone().line_length(width);
            let ours = model.summary_text(&how).unwrap();
            assert!(
                ours.trim_end() == keras.trim_end(),
                "{} {way}:\n{ours}\n{keras}",
                case.name
            );
        }
    }
}
