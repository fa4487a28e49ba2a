//! What real Keras computed, as scripts of `testdata/` wrote it: outputs, gradients, weights after training.

mod image_layers;
mod locally_connected;
mod renorm;

use keras_autograd::GradientTape;
use keras_layers::{Call, Dims, LayerRef};
use keras_tensor::{DType, Tensor, ops};
use serde_json::Value;

/// A tensor out of `{"shape", "data"}`.
fn tensor(v: &Value) -> Tensor {
    let data: Vec<f64> = serde_json::from_value(v["data"].clone()).unwrap();
    let shape: Vec<usize> = serde_json::from_value(v["shape"].clone()).unwrap();
    Tensor::from_f64(&data, shape, DType::F32).unwrap()
}

fn tensors(v: &Value) -> Vec<Tensor> {
    v.as_array().unwrap().iter().map(tensor).collect()
}

fn check(got: &Tensor, wanted: &Value, what: &str) {
    let wanted = tensor(wanted);
    assert_eq!(got.shape(), wanted.shape(), "{what}");
    let pairs = got.to_f64_vec().unwrap().into_iter();
    for (got, wanted) in pairs.zip(wanted.to_f64_vec().unwrap()) {
        let close = (got - wanted).abs() <= 1e-5 * (1.0 + wanted.abs());
        assert!(close, "{what}: {got} is not {wanted}");
    }
}

/// Calls a layer as the record says, and compares the output and the gradients of `sum(output * c)`.
fn replay(layer: &LayerRef, case: &Value, cx: &Call) {
    let x = tensor(&case["x"]);
    let mask = case["mask"].as_array().map(|_| {
        let rows: Vec<Vec<f64>> = serde_json::from_value(case["mask"].clone()).unwrap();
        let shape = [rows.len(), rows[0].len()];
        Tensor::from_f64(&rows.concat(), shape, DType::Bool).unwrap()
    });
    let x = x.with_mask(mask);
    layer.build(Dims::from(x.shape()).any_batch()).unwrap();
    layer.set_weights(&tensors(&case["weights"])).unwrap();
    let tape = GradientTape::new();
    tape.watch(&x);
    let y = layer.call(&x, cx).unwrap();
    let of = |what: &str| format!("{what} of {} {}", layer.class_name(), case["config"]);
    check(&y, &case["y"], &of("output"));
    let total = ops::sum(ops::multiply(&y, tensor(&case["c"])).unwrap(), None).unwrap();
    let by_input = tape.gradient_keep(&total, &[&x]).unwrap();
    let by_weights = tape.gradient(&total, &layer.trainable_variables()).unwrap();
    let all = by_input.iter().chain(&by_weights);
    let wanted = case["gradients"].as_array().unwrap();
    assert_eq!(all.clone().count(), wanted.len());
    for (got, wanted) in all.zip(wanted) {
        check(got.as_ref().unwrap(), wanted, &of("gradient"));
    }
}
