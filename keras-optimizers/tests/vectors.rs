//! What Keras's own tests assert of optimizers and schedules, replayed.

use keras_optimizers::Optimizer;
use keras_optimizers::schedules::ScheduleSetting;
use keras_tensor::{DType, Tensor, Variable};
use serde_json::{Value, json};

/// Tests with asserted values that are not replayed, and why.
const SKIPPED: &[(&str, &str)] = &[
    ("test_callable_learning_rate", "the rate is Python bytecode"),
    ("test_overwrite_with_gradient", "weights that take their gradient as value are for float8"),
];

/// Optimizers of Keras that this crate does not have.
const ABSENT: &[&str] = &["Adafactor", "Lamb", "Muon", "ScheduleFreeAdamW", "LossScaleOptimizer"];

fn class(record: &Value) -> &str {
    let path = record["obj"]["class"].as_str().unwrap_or_default();
    path.rsplit('.').next().unwrap_or_default()
}

fn flat(value: &Value, out: &mut Vec<f64>) {
    match value {
        Value::Array(all) => all.iter().for_each(|v| flat(v, out)),
        Value::Object(o) if o.contains_key("var") => flat(&o["var"], out),
        Value::Object(o) => flat(&o["data"], out),
        number => out.push(number.as_f64().expect("a number")),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    let mut out = Vec::new();
    flat(value, &mut out);
    out
}

fn tensor(value: &Value) -> Tensor {
    let value = value.get("var").unwrap_or(value);
    let shape: Vec<usize> = serde_json::from_value(value["shape"].clone()).unwrap();
    let dtype: DType = value["dtype"].as_str().unwrap().parse().unwrap();
    Tensor::from_f64(&numbers(value), shape, dtype).unwrap()
}

fn assert_close(record: &Value, got: &[f64]) {
    let wanted = numbers(&record["expected"]);
    let (atol, rtol) = (
        record["tol"]["atol"].as_f64().unwrap(),
        record["tol"]["rtol"].as_f64().unwrap(),
    );
    assert_eq!(got.len(), wanted.len(), "{}", record["test"]);
    for (g, w) in got.iter().zip(&wanted) {
        assert!(
            (g - w).abs() <= atol + rtol * w.abs(),
            "{}: got {got:?}, wanted {wanted:?}",
            record["test"]
        );
    }
}

fn replay_optimizer(record: &Value) {
    let json = json!({"class_name": class(record), "config": record["obj"]["config"]});
    let optimizer = Optimizer::from_json(&json).unwrap();
    let weights: Vec<Variable> = record["inputs"]["init"]
        .as_array()
        .unwrap()
        .iter()
        .zip(record["names"].as_array().unwrap())
        .map(|(value, name)| Variable::new(tensor(value), name.as_str().unwrap()))
        .collect();
    for gradients in record["inputs"]["grads"].as_array().unwrap() {
        let gradients: Vec<Option<Tensor>> = gradients
            .as_array()
            .unwrap()
            .iter()
            .map(|g| (!g.is_null()).then(|| tensor(g)))
            .collect();
        optimizer.apply_gradients(&gradients, &weights).unwrap();
    }
    let index = record["index"].as_u64().unwrap() as usize;
    let got = weights[index].value().unwrap().to_f64_vec().unwrap();
    assert_close(record, &got);
}

fn replay_schedule(record: &Value) {
    let json = json!({"class_name": class(record), "config": record["obj"]["config"]});
    let setting = ScheduleSetting::from_json(&json).unwrap();
    assert_eq!(setting.to_json().unwrap()["config"], record["obj"]["config"]);
    let schedule = setting.resolve().unwrap();
    schedule.check().unwrap();
    let step = numbers(&record["inputs"]["args"][0])[0];
    assert_close(record, &[schedule.learning_rate(step as u64)]);
}
