//! What layers add to training: losses, metrics, names of outputs.

use keras::metrics::{Direction, Mean, Metric};
use keras::prelude::*;
use keras::{
    Result,
    optimizers::{OptimizerExt, SGD},
};
use std::sync::Arc;

/// Two outputs with names, a loss of its own, and a metric that it holds.
#[derive(Default)]
struct Own {
    kernel: Weight,
    size: Arc<Mean>,
}

impl Layer for Own {
    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        w.metric(self.size.clone());
        w.add(&self.kernel, "kernel", [input.last()?, 1], "ones")
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        let y = ops::matmul(x, &self.kernel)?;
        cx.add_loss(ops::multiply(ops::sum(&self.kernel, None)?, 0.5)?);
        self.size.update_state(ops::mean(ops::abs(&y)?, None)?)?;
        Ok(y)
    }

    fn call_many(&self, inputs: &Arguments<Tensor>, cx: &Call) -> Result<keras_tensor::Outputs> {
        let y = self.call(inputs.first()?, cx)?;
        let twice = ops::multiply(&y, 2.0)?;
        Ok([y, twice].into_iter().collect())
    }

    fn output_names(&self) -> Vec<String> {
        vec!["once".into(), "twice".into()]
    }
}

#[test]
fn layers_add_losses_metrics_and_names() {
    let mut model = Model::from(Own {
        size: Arc::new(Mean::new().name("size")),
        ..Own::default()
    });
    let losses = [("once", "mae"), ("twice", "mse")];
    let optimizer = SGD::new().learning_rate(0.0);
    model
        .compile(Compile::new(optimizer, losses).metric_for("once", "mae"))
        .unwrap();
    let x = ops::constant(&[1.0f32, 2.0, 3.0, 4.0], [4, 1]).unwrap();
    let zeros = ops::zeros([4, 1], DType::F32).unwrap();
    let targets = [("twice", &zeros), ("once", &zeros)];
    let how = || Fit::new().epochs(2).verbose(0).validation_split(0.5);
    let history = model.fit((&x, targets), how()).unwrap();
    let names: Vec<&str> = history.iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "loss",
            "once_loss",
            "once_mae",
            "size",
            "twice_loss",
            "val_loss",
            "val_once_loss",
            "val_once_mae",
            "val_size",
            "val_twice_loss"
        ]
    );
    // Rows 1 and 2 train: |y| is 1.5 on average, (2y)^2 is 10, and half the kernel, which is 1, is added.
    for (name, value) in [
        ("once_loss", 1.5),
        ("twice_loss", 10.0),
        ("loss", 12.0),
        ("size", 1.5),
        ("val_size", 3.5),
    ] {
        assert_eq!(history.get(name).unwrap(), [value, value], "{name}");
    }
    let measured = model
        .evaluate((&x, [&zeros, &zeros]), Evaluate::new().verbose(0))
        .unwrap();
    let order: Vec<&str> = measured.names().collect();
    assert_eq!(
        order,
        ["loss", "once_loss", "twice_loss", "size", "once_mae"]
    );
    let outputs = model.predict_many(&x, Predict::new().verbose(0)).unwrap();
    assert_eq!(outputs[1].to_vec::<f32>().unwrap(), [2.0, 4.0, 6.0, 8.0]);
}

#[test]
fn a_step_that_is_not_finite_changes_only_the_scale() {
    let mut network = Sequential::new([Dense::new(1).dtype("mixed_float16")]);
    let optimizer = keras::optimizers::LossScaleOptimizer::new("sgd");
    network.compile(Compile::new(optimizer, "mse")).unwrap();
    let x = ops::full([4, 2], 300.0, DType::F32).unwrap();
    let y = ops::zeros([4, 1], DType::F32).unwrap();
    let how = || Fit::new().verbose(0);
    network.build([None, Some(2)]).unwrap();
    let ones = ops::ones([2, 1], DType::F32).unwrap();
    let none = ops::zeros([1], DType::F32).unwrap();
    network.set_weights(&[ones.clone(), none]).unwrap();
    network.fit((&x, &y), how()).unwrap();
    // 32768 * 2 * 600 * 300 is more than float16 holds.
    assert_eq!(
        network.optimizer().unwrap().loss_scale_factor().unwrap(),
        Some(16384.0)
    );
    assert_eq!(
        network.get_weights().unwrap()[0].to_vec::<f32>().unwrap(),
        [1.0, 1.0]
    );
}

#[test]
fn metrics_know_which_way_is_better_as_in_keras() {
    let up = [
        "accuracy",
        "auc",
        "binary_accuracy",
        "categorical_accuracy",
        "concordance_correlation",
        "cosine_similarity",
        "f1_score",
        "fbeta_score",
        "one_hot_io_u",
        "pearson_correlation",
        "precision",
        "r2_score",
        "recall",
        "sparse_categorical_accuracy",
        "sparse_top_k_categorical_accuracy",
        "top_k_categorical_accuracy",
    ];
    let down = [
        "binary_crossentropy",
        "categorical_crossentropy",
        "categorical_hinge",
        "hinge",
        "kl_divergence",
        "logcosh",
        "mae",
        "mape",
        "mse",
        "msle",
        "poisson",
        "rmse",
        "sparse_categorical_crossentropy",
        "squared_hinge",
    ];
    let neither = [
        "false_negatives",
        "false_positives",
        "true_negatives",
        "true_positives",
    ];
    for (names, direction) in [
        (&up[..], Some(Direction::Up)),
        (&down[..], Some(Direction::Down)),
        (&neither[..], None),
    ] {
        for name in names {
            assert_eq!(
                Metric::named(name).unwrap().direction(),
                direction,
                "{name}"
            );
        }
    }
}
