//! What weights are governed by.

use keras::prelude::*;
use keras::{constraints::Constraint, initializers::Initializer, regularizers::Regularizer};
use serde_json::Value;

use crate::support::{Tally, array, close, json};

fn replay(kind: &str, compute: impl Fn(&Value, &Value) -> keras::Result<Tensor>) {
    let mut tally = Tally::default();
    for case in json("misc.json")[kind].as_array().unwrap() {
        // Random ones have no value here; tests beside the initializers hold them to Keras's bits.
        if case["value"].is_null() {
            continue;
        }
        let what = format!("{} {}", case["cls"], case["kw"]);
        let object = serde_json::json!({"class_name": case["cls"], "config": case["kw"]});
        let got = compute(&object, case).unwrap_or_else(|e| panic!("{what}: {e}"));
        tally.check(close(&what, &got, &array(&case["value"]), 1e-6, 1e-5));
    }
    tally.finish();
}

#[test]
fn regularizers_cost_what_keras_says() {
    replay("regularizers", |object, case| {
        let regularizer = Regularizer::from_json(object)?.resolve()?;
        regularizer.penalty(&array(&case["x"]))
    });
}

#[test]
fn constraints_hold_as_in_keras() {
    replay("constraints", |object, case| {
        let constraint = Constraint::from_json(object)?.resolve()?;
        constraint.constrain(&array(&case["x"]))
    });
}

#[test]
fn initializers_begin_as_in_keras() {
    replay("initializers", |object, case| {
        let shape = array(&case["value"]).shape().clone();
        let initializer = Initializer::from_json(object)?.resolve()?;
        initializer.initialize(&shape, DType::F32)
    });
}
