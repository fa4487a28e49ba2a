//! Training with several inputs and outputs, against `testdata/several_outputs.json`.

use keras::layers::{Concatenate, Dense, Input};
use keras::losses::{Loss, Losses};
use keras::models::{Compile, Data, Evaluate, Fit, Model, Predict, Structure};
use keras::optimizers::{OptimizerExt, SGD};
use keras::prelude::*;
use keras::regularizers::{L1, L2};
use serde_json::Value;

use crate::support::{Tally, close, json_file};

/// A tensor out of `{"shape", "data"}`.
fn array(json: &Value) -> Tensor {
    let numbers = json["data"].as_array().unwrap().iter();
    let data: Vec<f64> = numbers.map(|n| n.as_f64().unwrap()).collect();
    let shape: Vec<usize> = serde_json::from_value(json["shape"].clone()).unwrap();
    Tensor::from_f64(&data, shape, DType::F32).unwrap()
}

fn arrays(json: &Value) -> Vec<Tensor> {
    json.as_array().unwrap().iter().map(array).collect()
}

fn network(kind: &str) -> Model {
    keras::utils::clear_session();
    let (a, b) = (Input::new([3]).name("a"), Input::new([2]).name("b"));
    let (a, b) = (a.symbolic(), b.symbolic());
    let policy = if kind == "mixed" {
        "mixed_float16"
    } else {
        "float32"
    };
    keras::config::set_dtype_policy(policy).unwrap();
    let mut hidden = Dense::new(4)
        .activation("tanh")
        .kernel_regularizer(L2::new(0.01));
    if kind != "mixed" {
        hidden = hidden.activity_regularizer(L1::new(0.01));
    }
    let both = Concatenate::default().on([&a, &b]).unwrap();
    let hidden = hidden.name("hidden").on(&both).unwrap();
    let y = Dense::new(2).name("y").on(&hidden).unwrap();
    let z = Dense::new(1).activation("sigmoid").name("z");
    let z = z.with_dtype("float32").on(&hidden).unwrap();
    let outputs = match kind {
        "dict" => Structure::from([("first", &z), ("second", &y)]),
        "single" => Structure::from(&y),
        _ => Structure::from([&y, &z]),
    };
    let model = Model::new([&a, &b], outputs).unwrap();
    keras::config::set_dtype_policy("float32").unwrap();
    model
}

/// How a case is compiled, and which forms its data has.
fn compile(name: &str) -> Compile {
    let new = |losses: Losses| Compile::new(SGD::new().learning_rate(0.1), losses);
    let bce = "binary_crossentropy";
    match name {
        "one loss for all" => new("mse".into()),
        "lists" => new(["mse", bce].into())
            .loss_weights([1.0, 0.25])
            .metric_for("y", "mae")
            .metric_for("z", "accuracy")
            .metric_for("z", "mae")
            .weighted_metric("mae")
            .weighted_metric("accuracy"),
        "names" => new([("z", bce), ("y", "mse")].into())
            .loss_weights([("z", 2.0), ("y", 0.5)])
            .metric_for("z", "acc"),
        "targets by name" => new([("z", bce), ("y", "mse")].into()),
        "a metric for each" => new("mse".into()).metric("mae").metric("mse"),
        "one weight for all" => new(["mse", "mae"].into())
            .weighted_metric("mae")
            .weighted_metric("mse"),
        "no loss for one" => new([None, Some(Loss::from(bce))].into()),
        "outputs by name" => new([("first", bce), ("second", "mse")].into())
            .metric_for("first", "accuracy")
            .metric_for("second", "mae"),
        "one output" => new("mse".into())
            .metric("mae")
            .metric("mape")
            .metric("mae")
            .weighted_metric("mae")
            .weighted_metric("mse")
            .weighted_metric("mae"),
        "mixed" => new(["mse", bce].into())
            .metric_for("y", "mae")
            .metric_for("z", "accuracy"),
        other => panic!("no case {other}"),
    }
}

struct Columns {
    x: Structure<Tensor>,
    y: Structure<Tensor>,
    weight: Option<Structure<Tensor>>,
    validation_weight: Option<Structure<Tensor>>,
}

fn columns(name: &str, data: &Value) -> Columns {
    let get = |name: &str| array(&data[name]);
    let list = Structure::from([get("a"), get("b")]);
    let named = Structure::from([("b", get("b")), ("a", get("a"))]);
    let (wy, wz) = (get("wy"), get("wz"));
    let targets = Structure::from([get("y"), get("z")]);
    let (x, y) = match name {
        "names" | "a metric for each" => (named, targets),
        "targets by name" => (named, [("z", get("z")), ("y", get("y"))].into()),
        "outputs by name" => (named, [("second", get("y")), ("first", get("z"))].into()),
        "one output" => (list, get("y").into()),
        _ => (list, targets),
    };
    let (weight, validation_weight) = match name {
        "lists" => (Some([&wy, &wz].into()), Some(Structure::from([&wz, &wy]))),
        "names" => (Some([("z", &wz), ("y", &wy)].into()), None),
        "one weight for all" => (Some((&wy).into()), None),
        "one output" => (Some((&wy).into()), Some((&wz).into())),
        _ => (None, None),
    };
    Columns {
        x,
        y,
        weight,
        validation_weight,
    }
}

fn rows(all: &Structure<Tensor>, begin: usize, count: usize) -> Structure<Tensor> {
    let rows = |t: &Tensor| ops::slice_axis(t, 0, begin, count);
    all.try_map(rows).unwrap()
}

fn replay(case: &Value, data: &Value, tally: &mut Tally) {
    let name = case["name"].as_str().unwrap();
    let tolerance = if name == "mixed" { 3e-3 } else { 2e-5 };
    let mut near = |what: &str, got: &Tensor, expected: &Tensor| {
        let what = format!("{name}, {what}");
        tally.check(close(&what, got, expected, tolerance, tolerance));
    };
    let mut model = network(case["kind"].as_str().unwrap());
    model.set_weights(&arrays(&case["begin"])).unwrap();
    model.compile(compile(name)).unwrap();
    let optimizer = model.optimizer().unwrap().name().unwrap().to_string();
    assert_eq!(optimizer, case["optimizer"].as_str().unwrap(), "{name}");
    let all = columns(name, data);
    let part = |begin: usize, count: usize, weight: &Option<Structure<Tensor>>| Data::Tensors {
        x: rows(&all.x, begin, count),
        y: Some(rows(&all.y, begin, count)),
        sample_weight: weight.as_ref().map(|w| rows(w, begin, count)),
    };
    let how = Fit::new().epochs(2).batch_size(3).shuffle(false).verbose(0);
    let how = how.validation_data(part(7, 3, &all.validation_weight));
    let history = model.fit(part(0, 7, &all.weight), how).unwrap();

    let wanted = case["history"].as_array().unwrap();
    let names: Vec<&str> = history.iter().map(|(name, _)| name).collect();
    let known: Vec<&str> = wanted.iter().map(|e| e[0].as_str().unwrap()).collect();
    assert_eq!(names, known, "{name}");
    for entry in wanted {
        let key = entry[0].as_str().unwrap();
        let numbers = |v: Vec<f64>| Tensor::new(&v, [v.len()]).unwrap();
        let expected: Vec<f64> = serde_json::from_value(entry[1].clone()).unwrap();
        let got = history.get(key).unwrap().to_vec();
        near(key, &numbers(got), &numbers(expected));
    }
    let weights = model.get_weights().unwrap();
    for (got, expected) in weights.iter().zip(arrays(&case["end"])) {
        near("weight", got, &expected);
    }
    let predicted = model.predict_many(Data::from(all.x.clone()), Predict::new().verbose(0));
    let predicted = predicted.unwrap();
    assert_eq!(predicted.len(), arrays(&case["predict"]).len());
    for (got, expected) in predicted.iter().zip(arrays(&case["predict"])) {
        near("prediction", got, &expected);
    }
    let how = Evaluate::new().batch_size(4).verbose(0);
    let logs = model.evaluate(part(0, 10, &all.weight), how).unwrap();
    let by_name = case["evaluate_by_name"].as_array().unwrap();
    assert_eq!(logs.iter().count(), by_name.len(), "{name}");
    for entry in by_name {
        let got = logs.get(entry[0].as_str().unwrap()).unwrap();
        let expected = Tensor::scalar(entry[1].as_f64().unwrap());
        near("evaluate", &Tensor::scalar(got), &expected);
    }
    // Where Keras's list tells nothing twice, ours is in its order.
    let listed: Vec<f64> = serde_json::from_value(case["evaluate"].clone()).unwrap();
    if listed.len() == by_name.len() && name != "one output" {
        for ((_, got), expected) in logs.iter().zip(listed) {
            near(
                "evaluate in order",
                &Tensor::scalar(got),
                &Tensor::scalar(expected),
            );
        }
    }
}

#[test]
fn several_inputs_and_outputs_train_as_in_keras() {
    let file = json_file("several_outputs.json");
    let mut tally = Tally::default();
    for case in file["cases"].as_array().unwrap() {
        replay(case, &file["data"], &mut tally);
    }
    tally.finish();
}
