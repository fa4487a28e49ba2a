//! Every architecture: its layers, weights, parameters, and what it computes, as Keras says.

use flate2::Crc;
use flate2::read::GzDecoder;
use keras_applications::{Application, TABLE};
use keras_layers::Call;
use keras_models::Model;
use keras_tensor::names::clear_session;
use serde_json::Value;
use std::fs::File;

use crate::formula::{images, scales_itself, set_weights};

fn golden() -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../testdata/applications.json.gz"
    );
    serde_json::from_reader(GzDecoder::new(File::open(path).unwrap())).unwrap()
}

fn image_shape(expected: &Value) -> Vec<usize> {
    let sizes = expected["kwargs"]["input_shape"].as_array().unwrap();
    sizes.iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

fn check_layers(model: &Model, expected: &Value) -> Result<(), String> {
    let expected = expected["layers"].as_array().unwrap();
    // Keras counts operations, `x + 3.0`, not among the layers.
    let layers = model.children().iter().filter(|l| !l.is_operation());
    for (layer, expected) in layers.clone().zip(expected) {
        let shape = layer
            .output()
            .map_or(Value::Null, |y| y.dims().iter().copied().collect());
        let got = serde_json::json!([layer.name(), layer.class_name(), shape]);
        if got != *expected {
            return Err(format!("layer {got} is not {expected}"));
        }
    }
    match layers.count() {
        n if n == expected.len() => Ok(()),
        n => Err(format!("{n} layers are not {}", expected.len())),
    }
}

fn check_weights(model: &Model, expected: &Value) -> Result<(), String> {
    let weights = model.weights();
    let lines = weights
        .iter()
        .map(|w| format!("{} {}", w.path(), w.shape()));
    let mut crc = Crc::new();
    crc.update(lines.collect::<Vec<_>>().join("\n").as_bytes());
    let trainable: usize = model
        .trainable_variables()
        .iter()
        .map(|w| w.shape().size())
        .sum();
    for (what, got) in [
        ("n_weights", weights.len()),
        ("total_params", model.count_params()),
        ("trainable_params", trainable),
        ("weights_crc", crc.sum() as usize),
    ] {
        if expected[what] != got {
            return Err(format!("{what} {got} is not {}", expected[what]));
        }
    }
    Ok(())
}

fn check_output(
    model: &Model,
    expected: &Value,
    golden: &Value,
    pixels: bool,
) -> Result<(), String> {
    let number = |value: &Value| value.as_f64().unwrap();
    set_weights(model, golden["seed"].as_u64().unwrap() as usize);
    let shape = [&[1], &image_shape(expected)[..]].concat();
    let y = model.call(&images(&shape, pixels), &Call::inference());
    let y = y.map_err(|e| e.to_string())?.to_f64_vec().unwrap();
    let mean = y.iter().sum::<f64>() / y.len() as f64;
    let std = (y.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / y.len() as f64).sqrt();
    let expected = &expected["output"];
    let first = expected["first8"].as_array().unwrap().iter().map(number);
    let pairs = y.into_iter().zip(first);
    let statistics = [
        (mean, number(&expected["mean"])),
        (std, number(&expected["std"])),
    ];
    for (got, expected) in pairs.chain(statistics) {
        let near = number(&golden["atol"]) + number(&golden["rtol"]) * expected.abs();
        let is_near = (got - expected).abs() <= near;
        if !is_near {
            return Err(format!("output {got} is not {expected}"));
        }
    }
    Ok(())
}

fn check(golden: &Value, of: &Application) -> Result<(), String> {
    clear_session();
    let name = of.architecture().name;
    let expected = &golden["models"][name];
    let [rows, columns, channels] = image_shape(expected)[..] else {
        return Err("it is not in the golden values".into());
    };
    let application = of
        .clone()
        .weights(None)
        .classes(10)
        .classifier_activation(None);
    let model = application.input_shape([rows, columns, channels]).build();
    let model = model.map_err(|e| e.to_string())?;
    check_layers(&model, expected)?;
    check_weights(&model, expected)?;
    match expected["output"] {
        // What is larger than what the golden values were made for has no output there.
        Value::Null => Ok(()),
        _ => check_output(&model, expected, golden, scales_itself(name)),
    }
}

/// Every `n`-th architecture, so that several cores have work.
fn check_every(n: usize, first: usize) {
    let golden = golden();
    let all = TABLE.iter().copied().flatten().skip(first).step_by(n);
    let failures: Vec<String> = all
        .filter_map(|a| {
            let checked = check(&golden, &Application::new(a));
            checked.err().map(|e| format!("{}: {e}", a.name))
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_architecture_of_keras_is_there() {
    let mut names: Vec<&str> = TABLE.iter().copied().flatten().map(|a| a.name).collect();
    names.sort_unstable();
    let golden = golden();
    let mut expected: Vec<&String> = golden["models"].as_object().unwrap().keys().collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn architectures_are_as_in_keras() {
    check_every(2, 0);
}

#[test]
fn the_other_architectures_are_as_in_keras() {
    check_every(2, 1);
}
