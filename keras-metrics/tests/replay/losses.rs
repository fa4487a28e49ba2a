use keras_autograd::GradientTape;
use keras_metrics::losses::{self, Loss, LossFunction, Reduction};
use keras_tensor::{DType, Result, Tensor, ops};

use crate::support::{Vector, cases, close, object, optional, report, tensor, vectors, with};

#[test]
fn values_and_gradients_are_keras_s() {
    let (mut problems, mut done) = (Vec::new(), 0);
    for case in cases("losses.json.gz") {
        let class = case["loss"].as_str().unwrap();
        let config = with(&case["kw"], "reduction", &case["reduction"]);
        let loss = Loss::from_json(&object(class, &config)).unwrap();
        let (y, p) = (tensor(&case["y_true"]), tensor(&case["y_pred"]));
        let weight = optional(&case["sample_weight"]);
        let tape = GradientTape::new();
        tape.watch(&p);
        let value = loss.call(&y, &p, weight.as_ref()).unwrap();
        let total = ops::sum(&value, None).unwrap();
        let gradient = tape
            .gradient(&total, std::slice::from_ref(&p))
            .unwrap()
            .remove(0);
        let gradient = gradient.unwrap_or_else(|| ops::zeros_like(&p).unwrap());
        for (what, got) in [("value", &value), ("grad_pred", &gradient)] {
            if let Err(e) = close(got, &case[what], 1e-5, 1e-4) {
                problems.push(format!("{class} {config} {what}: {e}"));
            }
        }
        done += 1;
    }
    assert_eq!(done, 235);
    report(&problems, done);
}

/// The loss of Keras's own tests.
struct Squares(Reduction);

impl LossFunction for Squares {
    fn call(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        ops::square(ops::subtract(ops::cast(y_true, y_pred.dtype())?, y_pred)?)
    }

    fn reduction(&self) -> &Reduction {
        &self.0
    }
}

/// What the recorded vector does not hold, so that it cannot be replayed.
fn skipped(v: &Vector) -> Option<&'static str> {
    let config = &v.0["obj"]["config"];
    match (v.class(), v.test().rsplit('.').next().unwrap()) {
        ("ExampleLoss", test) if test.starts_with("test_mask") => Some("the mask"),
        ("ExampleLoss", test) if test.starts_with("test_rank_adjustment") => Some("the mask"),
        ("ExampleLoss", "test_default_dtype" | "test_dtype_arg") => Some("the dtype"),
        ("Huber", _) if config["delta"].is_null() && v.test().contains("delta") => Some("delta"),
        ("CosineSimilarity", "test_axis") => Some("axis"),
        (_, "test_dtype_arg") => Some("the dtype"),
        // TensorFlow wants the classes last; here any axis is taken.
        (_, test) if test.contains("on_user_axis") => Some("axis, and an error of TensorFlow's"),
        _ if v.0["inputs"]["kwargs"]
            .get("ref_labels")
            .is_some_and(|r| !r.is_null()) =>
        {
            Some("reference embeddings, which the circle loss here does not take")
        }
        _ => None,
    }
}

fn run(v: &Vector) -> Result<Tensor> {
    let inputs = &v.0["inputs"];
    let (y, p) = (tensor(&inputs["args"][0]), tensor(&inputs["args"][1]));
    let weight = optional(&inputs["kwargs"]["sample_weight"]);
    if v.producer() == "losses.losses.circle" {
        return losses::circle(&y, &p);
    }
    if v.producer() == "losses.losses.mean_squared_error" {
        return losses::mean_squared_error(&y, &p);
    }
    let loss = if v.class() == "ExampleLoss" {
        let name = v.0["obj"]["config"]["reduction"].as_str();
        Loss::from(Squares(name.map_or(Reduction::None, Reduction::from)))
    } else {
        Loss::from_json(&v.object())?
    };
    loss.call(&y, &p, weight.as_ref())
}

#[test]
fn what_keras_s_tests_assert_holds() {
    let (mut problems, mut done, mut left_out) = (Vec::new(), 0, 0);
    for v in vectors(|v| v.producer() != "metric") {
        if skipped(&v).is_some() {
            left_out += 1;
            continue;
        }
        done += 1;
        let outcome = match (v.kind(), run(&v)) {
            ("raises", Err(_)) => Ok(()),
            ("raises", Ok(t)) => Err(format!("{t:?} instead of an error")),
            (_, Ok(t)) => v.check(&t),
            (_, Err(e)) => Err(e.to_string()),
        };
        if let Err(e) = outcome {
            problems.push(format!(
                "{} {} {}: {e}",
                v.kind(),
                v.test(),
                v.0["obj"]["config"]
            ));
        }
    }
    println!("{done} replayed, {left_out} left out");
    report(&problems, done);
}

fn f32s(data: &[f32], shape: impl Into<keras_tensor::Shape>) -> Tensor {
    Tensor::new(data, shape).unwrap()
}

/// The masks that Keras's tests set beside the recorded arguments.
#[test]
fn masks_leave_steps_out_of_the_mean() {
    let y = f32s(&[1.0, 0.0, 1.0, 0.0], [4]);
    let p = f32s(&[0.1, 0.2, 0.3, 0.4], [4]);
    let mask = |kept: [bool; 4]| Some(Tensor::new(&kept, [4]).unwrap());
    let loss = Loss::from(Squares(Reduction::SumOverBatchSize));
    let value = |mask, weight: Option<&Tensor>| {
        let p = p.clone().with_mask(mask);
        loss.call(&y, &p, weight).unwrap().item().unwrap()
    };
    let two = mask([true, false, true, true]);
    assert!((value(two.clone(), None) - 0.486_666_67).abs() < 1e-6);
    let weight = f32s(&[0.4, 0.3, 0.2, 0.1], [4]);
    let wanted = (0.81 * 0.4 + 0.49 * 0.2 + 0.16 * 0.1) / 3.0;
    assert!((value(two, Some(&weight)) - wanted).abs() < 1e-6);
    assert_eq!(value(mask([false; 4]), None), 0.0);
}

#[test]
fn ignored_classes_do_not_count_in_the_mean() {
    let y = Tensor::new(&[0i64, -1], [2]).unwrap();
    let p = f32s(&[0.5, 0.5, 0.9, 0.1], [2, 2]);
    let loss = losses::SparseCategoricalCrossentropy::new().ignore_class(Some(-1));
    let value = loss.compute(&y, &p, None).unwrap().item().unwrap();
    assert!((value - std::f64::consts::LN_2).abs() < 1e-6);
}

#[test]
fn a_vector_beside_a_column_does_not_become_a_square() {
    let (y, p) = (f32s(&[1.0, 2.0], [2]), f32s(&[1.0, 2.0], [2, 1]));
    let losses = losses::MeanSquaredError::new().reduction("none");
    assert_eq!(
        losses
            .compute(&y, &p, None)
            .unwrap()
            .to_vec::<f32>()
            .unwrap(),
        [0.0, 0.0]
    );
}

#[test]
fn half_precision_predictions_are_computed_in_float32() {
    let y = f32s(&[1.0, 2.0], [2, 1]);
    let p = ops::cast(f32s(&[1.5, 2.5], [2, 1]), DType::BF16).unwrap();
    let loss = losses::MeanSquaredError::new()
        .compute(&y, &p, None)
        .unwrap();
    assert_eq!((loss.dtype(), loss.item().unwrap()), (DType::F32, 0.25));
}

#[test]
fn crossentropy_is_resolved_by_shape() {
    for (y, p, name) in [
        (&[8usize, 1][..], &[8usize, 1][..], "binary_crossentropy"),
        (&[8], &[8, 10], "sparse_categorical_crossentropy"),
        (&[8, 1], &[8, 10], "sparse_categorical_crossentropy"),
        (&[8, 10], &[8, 10], "categorical_crossentropy"),
    ] {
        assert_eq!(Loss::from("ce").resolve_for(y, p).unwrap().name(), name);
        assert_eq!(losses::resolve_crossentropy(y, p).name(), name);
    }
    let mse = Loss::from("MSE").resolve_for(&[8, 1], &[8, 1]).unwrap();
    assert_eq!(mse.name(), "mean_squared_error");
}
