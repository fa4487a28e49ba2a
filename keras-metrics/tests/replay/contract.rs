//! What every loss and every metric of the tables keeps to.

use keras_autograd::check_grads;
use keras_metrics::losses::{Loss, LossFunction};
use keras_metrics::metrics::{Measure, Metric};
use keras_tensor::registry::{Entry, Family};
use keras_tensor::{DType, Tensor, ops};
use serde_json::Value;
use std::collections::BTreeSet;

use crate::support::object;

const CONFIGS: &str = include_str!("../data/configs.json");

fn entries<T: ?Sized + Family>() -> impl Iterator<Item = &'static Entry<T>> {
    T::tables().iter().flat_map(|t| t.iter())
}

fn keys(config: &Value) -> BTreeSet<&String> {
    config.as_object().unwrap().keys().collect()
}

#[test]
fn configs_are_keras_s_and_come_back() {
    let configs: Value = serde_json::from_str(CONFIGS).unwrap();
    for e in entries::<dyn LossFunction>() {
        let keras = &configs["losses"][e.class_name];
        let config = Loss::from(e.class_name).to_json().unwrap()["config"].clone();
        assert_eq!(&config, keras, "{}", e.class_name);
        let loaded = Loss::from_json(&object(e.class_name, keras)).unwrap();
        assert_eq!(loaded.to_json().unwrap()["config"], config);
    }
    for e in entries::<dyn Measure>() {
        let keras = &configs["metrics"][e.class_name];
        let loaded = Metric::from_json(&object(e.class_name, keras)).unwrap();
        let written = loaded.to_json().unwrap();
        assert_eq!(written["class_name"], e.class_name);
        let config = &written["config"];
        assert_eq!(keys(config), keys(keras), "{}", e.class_name);
        for (key, value) in keras.as_object().unwrap() {
            let same = match (value.as_f64(), config[key].as_f64()) {
                (Some(a), Some(b)) => a == b,
                _ => *value == config[key],
            };
            assert!(
                same,
                "{}.{key}: {} instead of {value}",
                e.class_name, config[key]
            );
        }
        assert_eq!(loaded.name(), keras["name"].as_str().unwrap());
    }
}

#[test]
fn every_class_of_keras_is_there() {
    let configs: Value = serde_json::from_str(CONFIGS).unwrap();
    let losses: BTreeSet<&str> = entries::<dyn LossFunction>()
        .map(|e| e.class_name)
        .collect();
    for class in keys(&configs["losses"]) {
        assert!(losses.contains(class.as_str()), "{class}");
    }
    let metrics: BTreeSet<&str> = entries::<dyn Measure>().map(|e| e.class_name).collect();
    for class in keys(&configs["metrics"]) {
        let of_values = class == "Mean" || class == "Sum";
        assert!(of_values || metrics.contains(class.as_str()), "{class}");
    }
}

/// Labels and predictions that a metric of this class can take, with hits and misses of all kinds.
fn metric_sample(class: &str) -> (Tensor, Tensor) {
    let p = Tensor::new(&[0.2f32, 0.7, 0.45, 0.6, 0.15, 0.25], [2, 3]).unwrap();
    if class.starts_with("Sparse") {
        return (Tensor::new(&[1i64, 0], [2]).unwrap(), p);
    }
    (
        Tensor::new(&[0.0f32, 1.0, 1.0, 0.0, 1.0, 0.0], [2, 3]).unwrap(),
        p,
    )
}

/// Labels and predictions that a loss of this class can take.
fn sample(class: &str) -> (Tensor, Tensor) {
    let p = Tensor::new(&[0.2f64, 0.35, 0.45, 0.6, 0.15, 0.25], [2, 3]).unwrap();
    let y = match class {
        "SparseCategoricalCrossentropy" | "CategoricalGeneralizedCrossEntropy" => {
            Tensor::new(&[2i64, 0], [2]).unwrap()
        }
        "Circle" => Tensor::new(&[1i64, 1, 2], [3]).unwrap(),
        "CTC" => Tensor::new(&[1i64, 2], [1, 2]).unwrap(),
        _ => Tensor::new(&[0.1f64, 0.7, 0.2, 0.3, 0.6, 0.1], [2, 3]).unwrap(),
    };
    let p = match class {
        "Circle" => ops::reshape(p, &[3, 2]).unwrap(),
        "CTC" => {
            let more = ops::stack(&[&p, &ops::cos(&p).unwrap()], 0).unwrap();
            ops::reshape(more, &[1, 4, 3]).unwrap()
        }
        _ => p,
    };
    (y, p)
}

#[test]
fn gradients_are_right_in_float64() {
    for e in entries::<dyn LossFunction>() {
        let (y, p) = sample(e.class_name);
        let loss = (e.load)(&Value::Null).unwrap();
        check_grads(|v| loss.call(&y, &v[0]), &[p])
            .unwrap_or_else(|error| panic!("{}: {error}", e.class_name));
    }
}

#[test]
fn weights_of_one_change_nothing_and_shapes_are_inferred() {
    for e in entries::<dyn LossFunction>() {
        let (y, p) = sample(e.class_name);
        let loss = (e.load)(&Value::Null).unwrap();
        let plain = loss.compute(&y, &p, None).unwrap();
        let samples = loss.call(&y, &p).unwrap().shape().first().copied();
        let ones = match samples {
            Some(n) => ops::ones([n], DType::F32).unwrap(),
            None => ops::ones([], DType::F32).unwrap(),
        };
        let weighted = loss.compute(&y, &p, Some(&ones)).unwrap();
        let (a, b) = (plain.item().unwrap(), weighted.item().unwrap());
        assert!(
            (a - b).abs() <= 1e-6 * a.abs(),
            "{}: {a} and {b}",
            e.class_name
        );
        let meta = |t: &Tensor| Tensor::meta(t.shape(), t.dtype());
        let inferred = loss.compute(&meta(&y), &meta(&p), None).unwrap();
        assert!(
            inferred.is_meta() && inferred.shape() == plain.shape(),
            "{}",
            e.class_name
        );
    }
}

#[test]
fn reset_brings_back_the_start() {
    let configs: Value = serde_json::from_str(CONFIGS).unwrap();
    for e in entries::<dyn Measure>() {
        let class = e.class_name;
        let metric = Metric::from_json(&object(class, &configs["metrics"][class])).unwrap();
        let (y, p) = metric_sample(class);
        let count = || {
            metric
                .update_state(&y, &p, None)
                .unwrap_or_else(|error| panic!("{class}: {error}"));
            metric.result().unwrap().to_f64_vec().unwrap()
        };
        let first = count();
        let changed = |v: &keras_tensor::Variable| {
            v.value()
                .unwrap()
                .to_f64_vec()
                .unwrap()
                .iter()
                .any(|x| *x != 0.0)
        };
        assert!(metric.variables().iter().any(changed), "{class}");
        metric.reset_states().unwrap();
        assert!(!metric.variables().iter().any(changed), "{class}");
        assert_eq!(count(), first, "{class}");
        for v in metric.variables() {
            assert_eq!(v.path(), format!("{}/{}", metric.name(), v.name()));
            assert!(!v.is_trainable());
        }
    }
}

#[test]
fn metrics_of_ones_as_weights_change_nothing() {
    let configs: Value = serde_json::from_str(CONFIGS).unwrap();
    for e in entries::<dyn Measure>() {
        let class = e.class_name;
        let make = || Metric::from_json(&object(class, &configs["metrics"][class])).unwrap();
        let (y, p) = metric_sample(class);
        let samples = if class.contains("OneHot") || !class.contains("IoU") {
            2
        } else {
            6
        };
        let ones = ops::ones([samples], DType::F32).unwrap();
        let result = |weight: Option<&Tensor>| {
            let metric = make();
            metric.update_state(&y, &p, weight).unwrap();
            metric.result().unwrap().to_f64_vec().unwrap()
        };
        assert_eq!(result(None), result(Some(&ones)), "{class}");
    }
}
