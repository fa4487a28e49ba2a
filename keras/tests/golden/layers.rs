use keras::autograd::GradientTape;
use keras::models::Model;
use keras::prelude::*;
use serde_json::Value;

use crate::support::{Case, Tally, cases};

/// Keras 3.15 on TensorFlow sums cumulative sums and gives zeros; ours is the projection of the paper.
const WRONG_IN_KERAS: &[&str] = &["act_sparsemax"];

/// Cases whose masks come from operations: the whole model is the layer that is checked.
const FUNCTIONAL: &[&str] = &[
    "embedding_mask_lstm",
    "gru_masked",
    "lstm_masked",
    "simplernn_masked",
];

fn skipped(case: &Case) -> bool {
    WRONG_IN_KERAS.contains(&&*case.name)
}

/// The config of the layer; the others are inputs.
fn json(case: &Case) -> &Value {
    if FUNCTIONAL.contains(&&*case.name) {
        return &case.config;
    }
    let layers = case.config["config"]["layers"].as_array().unwrap();
    layers.last().unwrap()
}

fn layer(case: &Case) -> LayerRef {
    if FUNCTIONAL.contains(&&*case.name) {
        return Model::from_json(&case.config).unwrap().into();
    }
    LayerRef::from_json(json(case)).unwrap_or_else(|e| panic!("{}: {e}", case.name))
}

/// What Keras called the layer with, from its node.
fn arguments(case: &Case, inputs: &[Tensor]) -> Arguments<Tensor> {
    if FUNCTIONAL.contains(&&*case.name) {
        return Arguments::new(inputs.to_vec());
    }
    let layers = case.config["config"]["layers"].as_array().unwrap();
    let tensor = |v: &Value| {
        let source = &v["config"]["keras_history"][0];
        let i = layers.iter().position(|l| l["name"] == *source).unwrap();
        inputs[i].clone()
    };
    let argument = |v: &Value| match v {
        Value::Array(all) => Argument::List(all.iter().map(tensor).collect()),
        Value::Object(o) if o.contains_key("class_name") => Argument::One(tensor(v)),
        other => Argument::Value(other.clone()),
    };
    let node = &json(case)["inbound_nodes"][0];
    let mut positional = node["args"].as_array().unwrap().iter().map(argument);
    let mut all = Arguments::new(positional.next().unwrap());
    for next in positional {
        all = all.and(next);
    }
    for (name, value) in node["kwargs"].as_object().unwrap() {
        if !value.is_null() {
            all = all.named(name.clone(), argument(value));
        }
    }
    all
}

fn replay(case: &Case, tally: &mut Tally) {
    let layer = layer(case);
    let inputs = case.arrays("x");
    let arguments = arguments(case, &inputs);
    // A layer that keeps states is built for one size of the batch.
    let stateful = json(case)["config"]["stateful"] == true;
    let dims = arguments.map(|x| {
        let dims = Dims::from(x.shape());
        Ok(if stateful { dims } else { dims.any_batch() })
    });
    layer.build_many(&dims.unwrap()).unwrap();
    layer.set_weights(&case.arrays("w")).unwrap();
    let call = |cx: &Call| {
        let outputs = layer.call_many(arguments.clone(), cx);
        outputs.unwrap_or_else(|e| panic!("{}: {e}", case.name))
    };
    for (i, y) in call(&Call::inference()).iter().enumerate() {
        let expected = case.array(&format!("y{i}"));
        tally.check(case.close(&format!("output {i}"), y, expected));
    }
    if let Some(second) = case.get("y_second0") {
        let y = call(&Call::inference()).remove(0);
        tally.check(case.close("output of a second call", &y, second));
        layer.reset_state().unwrap();
        let y = call(&Call::inference()).remove(0);
        tally.check(case.close("output after a reset", &y, case.array("y0")));
    }
    if case.get("c0").is_none() {
        return;
    }

    // Gradients are those of the call in training where there was one.
    let cx = match case.get("yt0") {
        Some(_) => Call::training(),
        None => Call::inference(),
    };
    let tape = GradientTape::new();
    inputs.iter().for_each(|x| tape.watch(x));
    let outputs = call(&cx);
    let total = outputs
        .iter()
        .zip(case.arrays("c"))
        .map(|(y, c)| ops::sum(ops::multiply(y, &c).unwrap(), None).unwrap())
        .reduce(|a, b| ops::add(&a, &b).unwrap())
        .unwrap();
    let weights = layer.trainable_variables();
    let watched: Vec<&Tensor> = inputs.iter().collect();
    let by_input = tape.gradient_keep(&total, &watched).unwrap();
    for (i, (got, x)) in by_input.into_iter().zip(&inputs).enumerate() {
        if let Some(expected) = case.get(&format!("gx{i}")) {
            let got = got.unwrap_or_else(|| ops::zeros_like(x).unwrap());
            tally.check(case.close(&format!("gradient by input {i}"), &got, expected));
        }
    }
    let by_weights = tape.gradient(&total, &weights).unwrap();
    for (i, (got, w)) in by_weights.into_iter().zip(&weights).enumerate() {
        let got = got.unwrap_or_else(|| ops::zeros(w.shape(), w.dtype()).unwrap());
        let what = format!("gradient by {}", w.name());
        tally.check(case.close(&what, &got, case.array(&format!("gw{i}"))));
    }
    for (i, expected) in case.arrays("yt").iter().enumerate() {
        tally.check(case.close(&format!("output {i} in training"), &outputs[i], expected));
    }
    let after = case.arrays("wt");
    for (i, (w, expected)) in layer.get_weights().unwrap().iter().zip(&after).enumerate() {
        tally.check(case.close(&format!("weight {i} after training"), w, expected));
    }
}

#[test]
fn layers_compute_what_keras_computes() {
    let mut tally = Tally::default();
    for case in cases("layers") {
        if !skipped(&case) {
            replay(&case, &mut tally);
        }
    }
    tally.finish();
}

#[test]
fn configs_go_around_and_hold_what_keras_writes() {
    for case in cases("layers").into_iter().filter(|c| !skipped(c)) {
        if FUNCTIONAL.contains(&&*case.name) {
            continue; // Whole models are compared in models.rs.
        }
        let keras = json(&case);
        let ours = layer(&case).to_json().unwrap();
        let again = LayerRef::from_json(&ours).unwrap().to_json().unwrap();
        assert_eq!(ours, again, "{}", case.name);
        let keras_has = |key: &str| key != "trainable" || keras["config"].get(key).is_some();
        let config = ours["config"].as_object().unwrap();
        // Some of Keras's classes forget `trainable`.
        for (key, value) in config.iter().filter(|(key, _)| keras_has(key)) {
            let wanted = &keras["config"][key];
            let same = match (wanted, value) {
                // Some of Keras's classes write the policy's name alone.
                (Value::String(name), Value::Object(policy)) => policy["config"]["name"] == *name,
                // Objects are compared by what decides: the class and its own arguments.
                (Value::Object(w), Value::Object(v)) => w["class_name"] == v["class_name"],
                (w, v) => w == v || w.as_f64().is_some_and(|w| Some(w) == v.as_f64()),
            };
            assert!(same, "{} {key}: {value} is not {wanted}", case.name);
        }
    }
}
