//! Numbers, configs and state names of real Keras.

use keras_optimizers::Optimizer;
use keras_optimizers::schedules::ScheduleSetting;
use keras_tensor::{DType, Tensor, Variable, ops};
use serde_json::{Value, json};

/// Tests with asserted values that are not replayed, and why.
const SKIPPED: &[(&str, &str)] = &[
    ("test_callable_learning_rate", "the rate is Python bytecode"),
    (
        "test_overwrite_with_gradient",
        "weights that take their gradient as value are for float8",
    ),
];

/// The test that ends its training before it looks at the weight.
const FINALIZED: &str = "optimizers.adam_test.AdamTest.test_ema";

/// Optimizers of Keras that this crate does not have.
const ABSENT: &[&str] = &["ScheduleFreeAdamW", "LossScaleOptimizer"];

fn data(packed: &[u8]) -> Value {
    serde_json::from_reader(flate2::read::GzDecoder::new(packed)).unwrap()
}

fn misc() -> Value {
    data(include_bytes!("data/misc.json.gz"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

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
    if record["test"] == FINALIZED {
        optimizer.finalize_variable_values(&weights).unwrap();
    }
    let index = record["index"].as_u64().unwrap() as usize;
    let got = weights[index].value().unwrap().to_f64_vec().unwrap();
    assert_close(record, &got);
}

fn replay_schedule(record: &Value) {
    let json = json!({"class_name": class(record), "config": record["obj"]["config"]});
    let setting = ScheduleSetting::from_json(&json).unwrap();
    assert_eq!(
        setting.to_json().unwrap()["config"],
        record["obj"]["config"]
    );
    let schedule = setting.resolve().unwrap();
    schedule.check().unwrap();
    let step = numbers(&record["inputs"]["args"][0])[0];
    assert_close(record, &[schedule.learning_rate(step as u64)]);
}

#[test]
fn what_keras_s_tests_assert() {
    let (mut replayed, mut schedules, mut skipped) = (0, 0, 0);
    let records = data(include_bytes!("data/asserted.json.gz"));
    for record in list(&records) {
        let test = record["test"].as_str().unwrap();
        match record["producer"].as_str().unwrap() {
            _ if SKIPPED.iter().any(|(name, _)| test.contains(name)) => skipped += 1,
            "optimizer" if ABSENT.contains(&class(record)) => skipped += 1,
            "optimizer" => {
                replay_optimizer(record);
                replayed += 1;
            }
            "schedule.__call__" => {
                replay_schedule(record);
                schedules += 1;
            }
            "ops.numpy.clip" => {
                let arguments = &record["inputs"]["args"];
                let (min, max) = (
                    arguments[1].as_f64().unwrap(),
                    arguments[2].as_f64().unwrap(),
                );
                let got = ops::clip(tensor(&arguments[0]), min, max).unwrap();
                assert_close(record, &got.to_f64_vec().unwrap());
                replayed += 1;
            }
            // Arithmetic on test values that no optimizer takes part in.
            _ => skipped += 1,
        }
    }
    // So that nothing is skipped by accident.
    assert_eq!((replayed, schedules, skipped), (112, 102, 23));
}

#[test]
fn schedules_make_keras_s_rates_and_configs() {
    for case in list(&misc()["schedules"]) {
        let setting = ScheduleSetting::from_json(&case["config"]).unwrap();
        assert_eq!(setting.to_json().unwrap(), case["config"]);
        let schedule = setting.resolve().unwrap();
        let rates = numbers(&case["lr"]);
        for (step, rate) in numbers(&case["steps"]).into_iter().zip(rates) {
            let got = schedule.learning_rate(step as u64);
            assert!(
                (got - rate).abs() <= 1e-7 + 1e-6 * rate,
                "{case}: {got} at {step}"
            );
        }
    }
}

#[test]
fn default_configs_are_keras_s() {
    let mut known = 0;
    for wanted in list(&misc()["optimizer_default_configs"]) {
        let name = wanted["class_name"].as_str().unwrap();
        if ABSENT.contains(&name) {
            continue;
        }
        let got = Optimizer::from(name).to_json().unwrap();
        // Compared as text, so that the order of the keys counts.
        assert_eq!(got.to_string(), wanted.to_string());
        known += 1;
    }
    assert_eq!(known, 13);
}

#[test]
fn weights_and_states_after_training_are_keras_s() {
    let shapes = [vec![3, 2], vec![4]];
    let tensors = |values: &Value| -> Vec<Tensor> {
        let values = list(values).iter().zip(&shapes);
        values
            .map(|(v, shape)| Tensor::from_f64(&numbers(v), shape.clone(), DType::F32).unwrap())
            .collect()
    };
    let assert_same = |what: &str, v: &Variable, wanted: &Value| {
        let (got, wanted) = (v.value().unwrap().to_f64_vec().unwrap(), numbers(wanted));
        assert_eq!(got.len(), wanted.len(), "{what}: {}", v.path());
        for (g, w) in got.iter().zip(wanted) {
            let close = (g - w).abs() <= 1e-6 + 1e-6 * w.abs();
            assert!(close, "{what}: {} is {g}, in Keras {w}", v.path());
        }
    };
    for case in list(&data(include_bytes!("data/trajectories.json.gz"))) {
        let optimizer = Optimizer::from_json(&case["optimizer"]).unwrap();
        let what = case["optimizer"].to_string();
        assert_eq!(optimizer.to_json().unwrap().to_string(), what);
        let weights: Vec<Variable> = tensors(&case["init"])
            .into_iter()
            .zip(["a", "b"])
            .map(|(value, name)| Variable::new(value, name))
            .collect();
        for gradients in list(&case["gradients"]) {
            let gradients: Vec<Option<Tensor>> = tensors(gradients).into_iter().map(Some).collect();
            optimizer.apply_gradients(&gradients, &weights).unwrap();
        }
        for (weight, wanted) in weights.iter().zip(list(&case["weights"])) {
            assert_same(&what, weight, wanted);
        }
        let (state, wanted) = (optimizer.variables(), list(&case["state"]));
        assert_eq!(state.len(), wanted.len(), "{what}");
        for (v, wanted) in state.iter().zip(wanted) {
            assert_eq!(v.path(), wanted[0], "{what}");
            assert_same(&what, v, &wanted[1]);
        }
    }
}
