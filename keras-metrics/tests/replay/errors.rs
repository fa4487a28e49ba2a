use keras_metrics::losses::{Loss, LossFunction, MeanSquaredError, SparseCategoricalCrossentropy};
use keras_metrics::metrics::{
    IoU, Measure, Metric, Precision, SensitivityAtSpecificity, resolve_metric,
};
use keras_tensor::{Result, Tensor};

fn f32s(data: &[f32], shape: impl Into<keras_tensor::Shape>) -> Tensor {
    Tensor::new(data, shape).unwrap()
}

#[track_caller]
fn says<T: std::fmt::Debug>(result: Result<T>, parts: &[&str]) {
    let message = result.unwrap_err().to_string();
    for part in parts {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
}

#[test]
fn unknown_names_are_told_with_the_nearest() {
    says(
        Loss::from("mean_squared_eror").resolve().map(|_| ()),
        &["unknown loss", "mean_squared_error"],
    );
    says(
        Metric::named("precison"),
        &["unknown metric", "\"precision\""],
    );
    says(resolve_metric("acuracy", &[1], &[1]), &["\"accuracy\""]);
    let (y, p) = (f32s(&[1.0], [1, 1]), f32s(&[1.0], [1, 1]));
    let loss = MeanSquaredError::new().reduction("summ");
    says(
        loss.compute(&y, &p, None),
        &["unknown reduction", "did you mean \"sum\""],
    );
}

#[test]
fn shapes_that_do_not_fit_are_told_with_both() {
    let p = f32s(&[0.5; 6], [2, 3]);
    let y = f32s(&[0.5; 4], [2, 2]);
    for name in [
        "mse",
        "hinge",
        "categorical_crossentropy",
        "binary_crossentropy",
        "dice",
    ] {
        says(Loss::from(name).call(&y, &p, None), &["(2, 2)", "(2, 3)"]);
    }
    for name in [
        "mse",
        "precision",
        "auc",
        "accuracy",
        "f1_score",
        "r2_score",
    ] {
        says(
            Metric::named(name).unwrap().update_state(&y, &p, None),
            &["(2, 2)", "(2, 3)"],
        );
    }
    let y = f32s(&[0.5; 6], [2, 3]);
    let weight = f32s(&[1.0; 3], [3]);
    says(
        Loss::from("mse").call(&y, &p, Some(&weight)),
        &["mean_squared_error", "(2,)", "(3,)"],
    );
    says(
        Metric::named("mse")
            .unwrap()
            .update_state(&y, &p, Some(&weight)),
        &["(2,)", "(3,)"],
    );
}

#[test]
fn labels_that_are_no_class_are_told() {
    let p = f32s(&[0.5; 6], [2, 3]);
    for label in [3i64, -1] {
        let y = Tensor::new(&[0i64, label], [2]).unwrap();
        let loss = SparseCategoricalCrossentropy::new();
        let label = format!("label {label}");
        says(
            loss.compute(&y, &p, None),
            &["sparse_categorical_crossentropy", &label, "3 classes"],
        );
    }
    let y = Tensor::new(&[0i64, 5], [1, 2]).unwrap();
    says(
        Loss::from("ctc").call(&y, &f32s(&[0.5; 6], [1, 2, 3]), None),
        &["ctc", "label 5", "3 classes"],
    );
}

#[test]
fn arguments_out_of_range_are_told() {
    let (y, p) = (f32s(&[1.0, 0.0], [2]), f32s(&[0.9, 0.2], [2]));
    let metric = Precision::new().thresholds(1.5);
    says(metric.update_state(&y, &p, None), &["thresholds", "1.5"]);
    let metric = SensitivityAtSpecificity::new(2.0);
    says(metric.update_state(&y, &p, None), &["specificity", "2"]);
    let metric = IoU::new(2usize, vec![0, 2]);
    says(
        metric.update_state(&y, &p, None),
        &["target_class_ids", "2"],
    );
    let metric = Precision::new().class_id(4);
    says(
        metric.update_state(&f32s(&[1.0; 4], [2, 2]), &f32s(&[1.0; 4], [2, 2]), None),
        &["class 4"],
    );
}
