//! Layers on images: what they compute from the same seeds, and their configs.

use keras_layers::{Call, LayerRef};
use keras_tensor::{DType, Tensor, ops};
use serde_json::{Value, json};

fn pixels(case: &Value) -> Tensor {
    let shape: Vec<usize> = serde_json::from_value(case["shape"].clone()).unwrap();
    let values = (0..shape.iter().product()).map(|i: usize| (i * 37 % 101) as f64 * 2.5);
    let dtype: DType = case["dtype"].as_str().unwrap().parse().unwrap();
    let x = Tensor::from_f64(&values.collect::<Vec<_>>(), shape, DType::F32).unwrap();
    ops::cast(x, dtype).unwrap()
}

#[test]
fn images_become_what_keras_makes_of_them() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("../../testdata/image_layers.json")).unwrap();
    for case in &cases {
        let what = format!("{} {}", case["layer"], case["arguments"]);
        let described = json!({
            "module": "keras.layers",
            "class_name": case["layer"],
            "config": case["config"],
        });
        let layer = LayerRef::from_json(&described).unwrap();
        let config = &layer.to_json().unwrap()["config"];
        for (key, value) in case["config"].as_object().unwrap() {
            assert_eq!(config[key], *value, "{what} {key}");
        }
        let cx = match case["training"].as_bool().unwrap() {
            true => Call::training(),
            false => Call::inference(),
        };
        let x = pixels(case);
        for expected in case["outputs"].as_array().unwrap() {
            let y = layer.call(&x, &cx).unwrap();
            assert_eq!(json!(y.shape()[..]), case["output_shape"], "{what}");
            assert_eq!(y.dtype().name(), case["output_dtype"], "{what}");
            let expected = expected.as_array().unwrap().iter();
            let expected = expected.map(|v| v.as_f64().unwrap());
            for (i, (got, expected)) in y.to_f64_vec().unwrap().iter().zip(expected).enumerate() {
                let near = (got - expected).abs() <= 2e-3;
                assert!(near, "{what}, number {i}: {got} is not {expected}");
            }
        }
    }
}
