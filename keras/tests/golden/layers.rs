use keras::autograd::GradientTape;
use keras::prelude::*;

use crate::support::{Case, Tally, cases};

/// Keras 3.15 on TensorFlow sums cumulative sums and gives zeros; ours is the projection of the paper.
const WRONG_IN_KERAS: &[&str] = &["act_sparsemax"];

fn layer(case: &Case) -> LayerRef {
    let layers = case.config["config"]["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 2, "{}: an input and a layer", case.name);
    LayerRef::from_json(&layers[1]).unwrap()
}

fn replay(case: &Case, tally: &mut Tally) {
    let layer = layer(case);
    let x = case.array("x0");
    layer.build(Dims::from(x.shape()).any_batch()).unwrap();
    layer.set_weights(&case.arrays("w")).unwrap();
    let y = layer.call(x, &Call::inference()).unwrap();
    tally.check(case.close("output", &y, case.array("y0")));

    // Gradients are those of the call in training where there was one.
    let trained = case.get("yt0");
    let cx = if trained.is_some() {
        Call::training()
    } else {
        Call::inference()
    };
    let tape = GradientTape::new();
    tape.watch(x);
    let y = layer.call(x, &cx).unwrap();
    let total = ops::sum(ops::multiply(&y, case.array("c0")).unwrap(), None).unwrap();
    let weights = layer.trainable_variables();
    let by_input = tape.gradient_keep(&total, &[x]).unwrap();
    if let Some(expected) = case.get("gx0") {
        let got = by_input[0].clone().unwrap_or(ops::zeros_like(x).unwrap());
        tally.check(case.close("gradient by the input", &got, expected));
    }
    let by_weights = tape.gradient(&total, &weights).unwrap();
    for (i, (got, w)) in by_weights.iter().zip(&weights).enumerate() {
        let got = got.as_ref().unwrap();
        tally.check(case.close(
            &format!("gradient by {}", w.name()),
            got,
            case.array(&format!("gw{i}")),
        ));
    }
    if let Some(expected) = trained {
        tally.check(case.close("output in training", &y, expected));
        for (i, w) in layer.get_weights().unwrap().iter().enumerate() {
            let what = format!("weight {i} after training");
            tally.check(case.close(&what, w, case.array(&format!("wt{i}"))));
        }
    }
}

#[test]
fn layers_compute_what_keras_computes() {
    let mut tally = Tally::default();
    for case in cases("layers") {
        if WRONG_IN_KERAS.contains(&case.name.as_str()) {
            tally.skip();
        } else {
            replay(&case, &mut tally);
        }
    }
    tally.finish(WRONG_IN_KERAS.len());
}

#[test]
fn configs_go_around_and_hold_what_keras_writes() {
    for case in cases("layers") {
        let keras = &case.config["config"]["layers"][1];
        let ours = layer(&case).to_json().unwrap();
        let again = LayerRef::from_json(&ours).unwrap().to_json().unwrap();
        assert_eq!(ours, again, "{}", case.name);
        for (key, value) in ours["config"].as_object().unwrap() {
            let wanted = &keras["config"][key];
            let same = match (wanted, value) {
                // Objects are compared by what decides: the class and its own arguments.
                (serde_json::Value::Object(w), serde_json::Value::Object(v)) => {
                    w["class_name"] == v["class_name"]
                }
                (w, v) => w == v || w.as_f64().is_some_and(|w| Some(w) == v.as_f64()),
            };
            assert!(same, "{} {key}: {value} is not {wanted}", case.name);
        }
    }
}
