use keras::callbacks::LambdaCallback;
use keras::losses::Loss;
use keras::metrics::Metric;
use keras::models::{Compile, Data, Evaluate, Fit, Logs, Model, Predict};
use keras::optimizers::Optimizer;
use keras::{Tensor, ops};
use serde_json::Value;
use std::cell::RefCell;
use std::rc::Rc;

use crate::support::{Case, Tally, cases};

/// On TensorFlow, Keras squares the gradient of an embedding before it adds up what one word gets from several places:
/// `Adam` on `IndexedSlices` of rows `[1, 1]` with gradients 1 and 1 has a velocity of 0.001 * (1 + 1), not 0.001 * 4 as
/// on a dense gradient and on Keras's other backends. Ours are dense: `train_dense` holds what Keras computes on JAX.
const SLICES: &[&str] = &["embedding_mask_adam"];

fn network(case: &Case) -> Model {
    let mut network =
        Model::from_json(&case.config).unwrap_or_else(|e| panic!("{}: {e}", case.name));
    network.set_weights(&case.arrays("w")).unwrap();
    let how = &case.config["compile_config"];
    let loss = Loss::from_json(&how["loss"]).unwrap();
    let mut compile = Compile::new(Optimizer::from_json(&how["optimizer"]).unwrap(), loss);
    for metric in how["metrics"].as_array().into_iter().flatten() {
        compile = match metric {
            Value::String(name) => compile.metric(name.as_str()),
            object => compile.metric(Metric::from_json(object).unwrap()),
        };
    }
    network.compile(compile).unwrap();
    network
}

fn same_logs(case: &Case, what: &str, got: &Logs, expected: &Value, tally: &mut Tally) {
    for (name, value) in expected.as_object().unwrap() {
        let number = |v: f64| Tensor::scalar(v);
        let got = number(got.get(name).unwrap_or(f64::NAN));
        tally.check(case.close(
            &format!("{what} {name}"),
            &got,
            &number(value.as_f64().unwrap()),
        ));
    }
}

fn fit(case: &Case, network: &mut Model, epochs: usize) -> (Vec<Logs>, keras::callbacks::History) {
    let (x, y) = (case.array("x0"), case.array("y0"));
    let data = match case
        .get("sw")
        .or(case.get("sw0"))
        .or(case.get("sample_weight"))
    {
        Some(w) => Data::from((x, y, w)),
        None => Data::from((x, y)),
    };
    let seen = Rc::new(RefCell::new(Vec::new()));
    let record = seen.clone();
    let mut how = Fit::new()
        .epochs(epochs)
        .batch_size(case.info["batch_size"].as_u64().unwrap() as usize)
        .shuffle(false)
        .verbose(0)
        .callback(LambdaCallback::new().on_train_batch_end(move |_, _, logs| {
            record.borrow_mut().push(logs.clone());
            Ok(())
        }));
    if let Some(weights) = case.info["class_weight"].as_object() {
        how = how.class_weight(
            weights
                .iter()
                .map(|(class, w)| (class.parse().unwrap(), w.as_f64().unwrap())),
        );
    }
    let history = network.fit(data, how).unwrap();
    (seen.take(), history)
}

fn replay(case: &Case, tally: &mut Tally) {
    let mut network = network(case);
    let epochs = case.info["epochs"].as_u64().unwrap() as usize;
    let (logs, history) = fit(case, &mut network, epochs);
    let expected = case.info["running_logs_per_batch"].as_array().unwrap();
    assert_eq!(logs.len(), expected.len(), "{}", case.name);
    for (i, (got, expected)) in logs.iter().zip(expected).enumerate() {
        same_logs(case, &format!("batch {i}"), got, expected, tally);
    }
    for (name, values) in case.info["history"].as_object().unwrap() {
        let values: Vec<f64> = values
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_f64().unwrap())
            .collect();
        let expected = Tensor::new(&values, [values.len()]).unwrap();
        let got = history.get(name).unwrap();
        let got = Tensor::new(got, [got.len()]).unwrap();
        tally.check(case.close(&format!("history {name}"), &got, &expected));
    }
    for (i, (got, expected)) in network
        .get_weights()
        .unwrap()
        .iter()
        .zip(case.arrays("wf"))
        .enumerate()
    {
        tally.check(case.close(&format!("weight {i}"), got, &expected));
    }
    let variables = network.optimizer().unwrap().variables();
    let names = case.info["optimizer_vars"].as_array().unwrap();
    assert_eq!(variables.len(), names.len(), "{}", case.name);
    for ((i, v), named) in variables.iter().enumerate().zip(names) {
        assert_eq!(v.path(), named[0].as_str().unwrap(), "{}", case.name);
        tally.check(case.close(
            &v.path(),
            &v.value().unwrap(),
            case.array(&format!("ov{i}")),
        ));
    }
    let predicted = network
        .predict(case.array("x0"), Predict::new().verbose(0))
        .unwrap();
    tally.check(case.close("prediction", &predicted, case.array("pred")));
    let measured = network
        .evaluate(
            (case.array("x0"), case.array("y0")),
            Evaluate::new().batch_size(4).verbose(0),
        )
        .unwrap();
    same_logs(case, "evaluate", &measured, &case.info["evaluate"], tally);
    // Training goes on from where it is; averages of weights are in their place after `fit`, as in Keras's file.
    let (logs, _) = fit(case, &mut network, 1);
    for (i, (got, expected)) in logs
        .iter()
        .zip(case.info["resume_logs_per_batch"].as_array().unwrap())
        .enumerate()
    {
        same_logs(case, &format!("resumed batch {i}"), got, expected, tally);
    }
}

#[test]
fn training_is_keras_s_step_by_step() {
    let mut tally = Tally::default();
    let dense = cases("train_dense");
    let names: Vec<&str> = dense.iter().map(|c| &*c.name).collect();
    assert_eq!(names, SLICES);
    let all = cases("train").into_iter();
    for case in all.filter(|c| !SLICES.contains(&&*c.name)).chain(dense) {
        replay(&case, &mut tally);
    }
    tally.finish();
}

#[test]
fn the_first_gradients_are_keras_s() {
    use keras::autograd::GradientTape;
    use keras::prelude::Call;
    let mut tally = Tally::default();
    for case in cases("train")
        .iter()
        .filter(|c| !c.name.starts_with("loss_"))
    {
        let mut network = network(case);
        let cx = Call::training();
        let tape = GradientTape::new();
        let y_pred = network.call(case.array("x0"), &cx).unwrap();
        let loss = network
            .compute_loss(case.array("y0"), &y_pred, None, &cx)
            .unwrap();
        let loss = ops::sum(&loss, None).unwrap();
        tally.check(case.close("loss", &loss, case.array("loss0")));
        let gradients = tape
            .gradient(&loss, &network.trainable_variables())
            .unwrap();
        for (i, g) in gradients.iter().enumerate() {
            tally.check(case.close(
                &format!("gradient {i}"),
                g.as_ref().unwrap(),
                case.array(&format!("g{i}")),
            ));
        }
    }
    tally.finish();
}
