use keras_layers::{Call, LayerRef};
use serde_json::{Value, json};

use crate::{check, replay, tensor};

fn layer(config: &Value) -> LayerRef {
    LayerRef::from_json(&json!({"class_name": "BatchNormalization", "config": config})).unwrap()
}

#[test]
fn batch_renormalization_is_that_of_keras() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("../../testdata/renorm.json")).unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let layer = layer(&case["config"]);
        replay(&layer, &case, &Call::training());
        let after = case["after"].as_array().unwrap();
        assert_eq!(layer.weights().len(), after.len());
        for (weight, wanted) in layer.weights().iter().zip(after) {
            check(&weight.value().unwrap(), wanted, weight.name());
        }
        let y = layer.call(&tensor(&case["x"]), &Call::inference()).unwrap();
        check(&y, &case["inference"], "inference");
    }
}

#[test]
fn bounds_that_contradict_are_errors() {
    for clipping in [json!({"rmin": 3.0, "rmax": 1.0}), json!({"dmax": -1.0})] {
        let layer = layer(&json!({"renorm": true, "renorm_clipping": clipping}));
        let error = layer.build([None, Some(3)]).unwrap_err().to_string();
        assert!(error.contains("renorm_clipping"), "{error}");
    }
    let unknown = json!({"renorm": true, "renorm_clipping": {"rmed": 1.0}});
    let json = json!({"class_name": "BatchNormalization", "config": unknown});
    let error = LayerRef::from_json(&json).unwrap_err().to_string();
    assert!(error.contains("rmed"), "{error}");
}

#[test]
fn the_moving_variance_of_keras_2_is_kept_where_a_file_asks_for_it() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("../../testdata/keras2_variance.json")).unwrap();
    assert!(cases.len() >= 5);
    for case in cases {
        let x = tensor(&case["x"]);
        let config = json!({"axis": case["axis"], "momentum": 0.5, "keras2_variance": true});
        let layer = layer(&config);
        layer.call(&x, &Call::training()).unwrap();
        let got = layer.weights()[3].value().unwrap().to_f64_vec().unwrap();
        let wanted: Vec<f64> = serde_json::from_value(case["moving_variance"].clone()).unwrap();
        for (got, wanted) in got.iter().zip(&wanted) {
            assert!((got - wanted).abs() < 1e-5, "{config}: {got}, not {wanted}");
        }
        let json = layer.to_json().unwrap();
        assert_eq!(json["keras2"], json!({"keras2_variance": true}));
        assert!(json["config"]["keras2_variance"].is_null());
        let again = LayerRef::from_json(&json).unwrap().to_json().unwrap();
        assert_eq!(again["keras2"], json["keras2"]);
    }
}
