//! One training step against real Keras: the loss, and what becomes of every weight. In 64 bits, because the gradients of
//! networks this deep are noise beyond the second digit in 32: Keras's own are off by up to 1.7 % of a change there.

use keras_applications::by_name;
use keras_layers::set_dtype_policy;
use keras_models::Compile;
use keras_optimizers::{OptimizerExt, SGD};
use keras_tensor::names::clear_session;
use keras_tensor::{DType, Tensor, Variable, ops};
use serde_json::Value;

use crate::formula::{hashed, images, scales_itself, set_weights};

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../testdata/applications_step.json")).unwrap()
}

fn values(variable: &Variable) -> Vec<f64> {
    variable.value().unwrap().to_f64_vec().unwrap()
}

/// The length of a change, its projection on a vector of the formula's, and its first element.
fn digest(before: &[f64], after: &[f64]) -> [f64; 3] {
    let change: Vec<f64> = after.iter().zip(before).map(|(a, b)| a - b).collect();
    let length = change.iter().map(|c| c * c).sum::<f64>().sqrt();
    let along = change.iter().zip(hashed(change.len(), 99));
    [length, along.map(|(c, u)| c * (u - 0.5)).sum(), change[0]]
}

fn check(name: &str) {
    let golden = golden();
    let expected = &golden["models"][name];
    let number = |key: &str| golden[key].as_u64().unwrap() as usize;
    let (batch, size, classes) = (number("batch"), number("size"), number("classes"));
    clear_session();
    set_dtype_policy("float64").unwrap();
    let application = by_name(name).unwrap().weights(None).classes(classes);
    let mut model = application.input_shape([size, size, 3]).build().unwrap();
    set_weights(&model, number("seed"));
    let variables = model.variables();
    let seeds = variables
        .iter()
        .filter(|v| v.name() == "seed_generator_state");
    for (i, seed) in seeds.enumerate() {
        let state = Tensor::new(&[i as u32 + 1, 0], [2]).unwrap();
        seed.assign(&state).unwrap();
    }
    let rate = golden["rate"].as_f64().unwrap();
    let compile = Compile::new(
        SGD::new().learning_rate(rate),
        "sparse_categorical_crossentropy",
    );
    model.compile(compile).unwrap();
    let before: Vec<Vec<f64>> = model.weights().iter().map(values).collect();
    let x = images(&[batch, size, size, 3], scales_itself(name));
    let x = ops::cast(x, DType::F64).unwrap();
    let y: Vec<i32> = (0..batch).map(|i| (i % classes) as i32).collect();
    let logs = model.train_on_batch(&x, Tensor::new(&y, [batch]).unwrap());
    let (loss, expected_loss) = (
        logs.unwrap().get("loss").unwrap(),
        expected["loss"].as_f64().unwrap(),
    );
    let near = (loss - expected_loss).abs() <= 1e-6 * expected_loss;
    assert!(near, "{name}: loss {loss} is not {expected_loss}");
    let changes = expected["changes"].as_array().unwrap();
    assert_eq!(changes.len(), before.len());
    for ((variable, before), expected) in model.weights().iter().zip(&before).zip(changes) {
        let expected: Vec<f64> = serde_json::from_value(expected.clone()).unwrap();
        for (got, want) in digest(before, &values(variable)).iter().zip(&expected) {
            let near = (got - want).abs() <= 1e-5 * expected[0] + 1e-9;
            assert!(
                near,
                "{name}: {} {got} {want} {expected:?}",
                variable.path()
            );
        }
    }
}

#[test]
fn resnet() {
    check("ResNet50");
}

#[test]
fn mobilenet() {
    check("MobileNetV2");
}

#[test]
fn efficientnet() {
    check("EfficientNetB0");
}
