//! What layers compute in 16 bits, beside what Keras on TensorFlow's CPU computes.

use keras_layers::{Argument, Arguments, Call, Dims, LayerRef};
use keras_tensor::{DType, Tensor};
use serde_json::Value;

fn numbers(json: &Value) -> Vec<f64> {
    let all = json.as_array().unwrap().iter();
    all.map(|v| v.as_f64().unwrap()).collect()
}

/// How far values may lie apart: some roundings of a value of the largest's size.
fn check(what: &str, dtype: DType, got: &Tensor, wanted: &Value) {
    let wanted = numbers(wanted);
    let largest = wanted.iter().fold(1.0f64, |m, v| m.max(v.abs()));
    let unit = match dtype {
        DType::F16 => 2f64.powi(-10),
        DType::BF16 => 2f64.powi(-7),
        _ => 2f64.powi(-20),
    };
    let got = got.to_f64_vec().unwrap();
    assert_eq!(got.len(), wanted.len(), "{what}");
    for (i, (g, w)) in got.iter().zip(&wanted).enumerate() {
        let near = (g - w).abs() <= 4.0 * unit * largest;
        assert!(near, "{what}[{i}]: {g}, not {w}");
    }
}

#[test]
fn sixteen_bits_are_tensorflow_s() {
    let text = include_str!("../../../testdata/half.json");
    let cases: Vec<Value> = serde_json::from_str(text).unwrap();
    for case in &cases {
        let (class, policy) = (&case["class"], &case["policy"]);
        let what = format!("{class} in {policy}");
        let layer = LayerRef::from_json(&case["config"]).unwrap();
        assert_eq!(layer.dtype_policy().name(), policy.as_str().unwrap());
        let shape: Vec<usize> = serde_json::from_value(case["shape"].clone()).unwrap();
        let x = Tensor::from_f64(&numbers(&case["x"]), &shape[..], DType::F32).unwrap();
        let mut inputs = Arguments::new(&x);
        for _ in 1..case["inputs"].as_u64().unwrap() {
            inputs = inputs.and(Argument::One(x.clone()));
        }
        let dims = inputs.map(|x: &Tensor| Ok(Dims::from(x.shape()))).unwrap();
        layer.build_many(&dims).unwrap();
        let values: Vec<Tensor> = layer
            .weights()
            .iter()
            .zip(case["weights"].as_array().unwrap())
            .map(|(w, v)| Tensor::from_f64(&numbers(v), w.shape(), w.dtype()).unwrap())
            .collect();
        layer.set_weights(&values).unwrap();
        let cx = match class.as_str() {
            Some("BatchNormalization") => Call::training(),
            _ => Call::inference(),
        };
        let y = layer.call_many(inputs, &cx).unwrap().swap_remove(0);
        assert_eq!(y.dtype().name(), case["dtype"].as_str().unwrap(), "{what}");
        check(&what, y.dtype(), &y, &case["y"]);
        for (w, after) in layer
            .weights()
            .iter()
            .zip(case["after"].as_array().unwrap())
        {
            let what = format!("{what}, {}", w.path());
            check(&what, w.dtype(), &w.value().unwrap(), after);
        }
    }
    assert_eq!(cases.len(), 44);
}
