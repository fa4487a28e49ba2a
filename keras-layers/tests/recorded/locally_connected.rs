use keras_layers::{Arguments, Call, Dims, LayerRef};
use keras_tensor::{Variable, ops};
use serde_json::{Value, json};

use crate::replay;

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("../../testdata/locally_connected.json")).unwrap()
}

#[test]
fn outputs_and_gradients_are_those_of_keras_2() {
    let all = cases();
    assert_eq!(all.len(), 40);
    for case in all {
        let layer = LayerRef::from_json(&case).unwrap();
        replay(&layer, &case, &Call::inference());
        let weights = layer.weights();
        let names: Vec<&str> = weights.iter().map(Variable::name).collect();
        assert_eq!(json!(names), case["names"]);
    }
}

#[test]
fn configs_hold_the_keys_of_keras_2() {
    for case in cases() {
        let ours = LayerRef::from_json(&case).unwrap().to_json().unwrap();
        let keys = |v: &Value| -> Vec<String> {
            let mut keys: Vec<String> = v.as_object().unwrap().keys().cloned().collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(&ours["config"]), keys(&case["config"]));
        for key in [
            "filters",
            "kernel_size",
            "strides",
            "padding",
            "data_format",
            "implementation",
        ] {
            assert_eq!(ours["config"][key], case["config"][key], "{key}");
        }
    }
}

#[test]
fn what_cannot_be_is_an_error_that_names_the_argument() {
    let error = |config: Value| {
        let json = json!({"class_name": "LocallyConnected1D", "config": config});
        let layer = LayerRef::from_json(&json).unwrap();
        layer.build([2, 6, 3]).unwrap_err().to_string()
    };
    let cases = [
        (
            json!({"filters": 2, "kernel_size": 3, "padding": "same"}),
            "padding",
        ),
        (
            json!({"filters": 2, "kernel_size": 3, "implementation": 4}),
            "implementation",
        ),
        (json!({"filters": 2, "kernel_size": 9}), "input shape"),
        (json!({"filters": 0, "kernel_size": 2}), "filters"),
        (
            json!({"filters": 2, "kernel_size": 2, "strides": 0}),
            "strides",
        ),
        (
            json!({"filters": 2, "kernel_size": 2, "padding": "causal", "implementation": 2}),
            "padding",
        ),
    ];
    for (config, argument) in cases {
        let message = error(config);
        assert!(message.contains(argument), "{message}");
    }
}

#[test]
fn an_input_of_another_size_is_an_error() {
    let json =
        json!({"class_name": "LocallyConnected1D", "config": {"filters": 2, "kernel_size": 3}});
    let layer = LayerRef::from_json(&json).unwrap();
    layer.build([2, 6, 3]).unwrap();
    let other = ops::ones([2, 7, 3], Default::default()).unwrap();
    assert!(
        layer
            .call_many(Arguments::new(other), &Call::inference())
            .is_err()
    );
    let unknown = Dims::from([None, None, Some(3)]);
    let layer = LayerRef::from_json(&json).unwrap();
    assert!(layer.build(unknown).is_err());
}
