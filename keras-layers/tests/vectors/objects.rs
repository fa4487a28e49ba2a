use keras_layers::activations::{self as act, Activation};
use keras_layers::constraints::Constraint;
use keras_layers::initializers::Initializer;
use keras_layers::regularizers::Regularizer;
use keras_tensor::{DType, Result, Shape, Tensor};
use serde_json::Value;

use crate::support::{Vector, report, tensor, vectors};

/// Replays a family; `run` gives what the class makes of the arguments.
fn replay(
    family: &str,
    count: usize,
    skipped: impl Fn(&Vector) -> bool,
    run: impl Fn(&Vector) -> Result<Tensor>,
) {
    let (mut problems, mut done, mut left) = (Vec::new(), 0, 0);
    for v in vectors(family) {
        if skipped(&v) {
            left += 1;
            continue;
        }
        done += 1;
        let outcome = match (v.kind(), run(&v)) {
            ("raises", Ok(_)) => Err("it must fail, and does not".to_string()),
            ("raises", Err(_)) => Ok(()),
            (_, result) => result
                .map_err(|e| e.to_string())
                .and_then(|y| v.check(&[y])),
        };
        if let Err(e) = outcome {
            problems.push(format!(
                "{} {} {}: {e}",
                v.text("test"),
                v.kind(),
                v.class()
            ));
        }
    }
    report(&problems, done, left);
    assert_eq!(done, count, "records of {family}");
}

fn input(v: &Vector) -> Tensor {
    tensor(v.arg(0, "x").unwrap())
}

/// The functions with arguments beside the tensor; the others are called by their names.
fn activation(v: &Vector) -> Result<Tensor> {
    let x = &input(v);
    let number = |name: &str, default: f64| v.arg(1, name).map_or(default, |n| n.as_f64().unwrap());
    let axis = || number("axis", -1.0) as isize;
    match v.class() {
        "celu" => act::celu(x, number("alpha", 1.0)),
        "elu" => act::elu(x, number("alpha", 1.0)),
        "gelu" => act::gelu(x, v.arg(1, "approximate") == Some(&Value::Bool(true))),
        "glu" => act::glu(x, axis()),
        "hard_shrink" => act::hard_shrink(x, number("threshold", 0.5)),
        "leaky_relu" => act::leaky_relu(x, number("negative_slope", 0.2)),
        "log_softmax" => act::log_softmax(x, axis()),
        "soft_shrink" => act::soft_shrink(x, number("threshold", 0.5)),
        "softmax" => act::softmax(x, axis()),
        "sparsemax" => act::sparsemax(x, axis()),
        "squareplus" => act::squareplus(x, number("b", 4.0)),
        "threshold" => act::threshold(x, number("threshold", 0.0), number("default_value", 0.0)),
        name => Activation::from(name).call(x),
    }
}

#[test]
fn activations_are_keras_s() {
    // Softmax over several axes is a layer's, `Softmax::over`.
    let several = |v: &Vector| v.0["kwargs"]["axis"].is_array();
    replay("activation", 140, several, activation);
}

#[test]
fn regularizers_are_keras_s() {
    replay(
        "regularizer",
        55,
        |_| false,
        |v| {
            Regularizer::from_json(&v.object())?
                .resolve()?
                .penalty(&input(v))
        },
    );
}

#[test]
fn constraints_are_keras_s() {
    // `Constraint` itself is the base of all, a trait here.
    let base = |v: &Vector| v.class() == "Constraint";
    replay("constraint", 5, base, |v| {
        let w = tensor(v.arg(0, "w").unwrap());
        Constraint::from_json(&v.object())?.resolve()?.constrain(&w)
    });
}

/// Why a value cannot be the one that Keras drew.
fn not_replayable(v: &Vector) -> bool {
    let gain_that_the_config_leaves_out = v.class() == "Identity";
    let constant_of_many_numbers = v.0["config"]["value"].is_object();
    // Random float16 numbers come from other bits in TensorFlow than here.
    let half = v.arg(1, "dtype").is_some_and(|d| d == "float16");
    gain_that_the_config_leaves_out
        || constant_of_many_numbers
        || half && v.class().ends_with("Uniform")
}

#[test]
fn initializers_are_keras_s() {
    replay("initializer", 272, not_replayable, |v| {
        let shape: Shape = match v.arg(0, "shape").unwrap() {
            Value::Array(sizes) => sizes.iter().map(|n| n.as_u64().unwrap() as usize).collect(),
            size => [size.as_u64().unwrap() as usize].into(),
        };
        let dtype = match v.arg(1, "dtype") {
            Some(name) => name.as_str().unwrap().parse()?,
            None => DType::F32,
        };
        Initializer::from_json(&v.object())?
            .resolve()?
            .initialize(&shape, dtype)
    });
}
