use keras_autograd::GradientTape;
use keras_layers::layers::{
    Activation, Add, BatchNormalization, Concatenate, Dense, Dropout, Input, ReLU,
};
use keras_layers::{Arguments, Call, Dims, LayerExt, LayerRef, Symbolic, operations};
use keras_tensor::profile::Profiler;
use keras_tensor::{DType, Result, Tensor, ops};
use serde_json::json;

use crate::{Model, Sequential, clone_model, layers};

fn ones(shape: [usize; 2]) -> Tensor {
    ops::ones(shape, DType::F32).unwrap()
}

fn values(model: &Model, inputs: impl Into<Arguments<Tensor>>) -> Vec<f64> {
    let outputs = model.call_many(inputs, &Call::inference()).unwrap();
    outputs[0].to_f64_vec().unwrap()
}

/// Two towers of one shared layer.
fn siamese() -> Result<Model> {
    let (a, b) = (Input::new([4]).name("a"), Input::new([4]).name("b"));
    let (a, b) = (a.symbolic(), b.symbolic());
    let shared = Dense::new(3).name("shared");
    let (x, y) = (shared.on(&a)?, shared.on(&b)?);
    Model::named("siamese", [&a, &b], &(x * y))
}

#[test]
fn shared_layers_have_one_set_of_weights() {
    let model = siamese().unwrap();
    assert_eq!((model.weights().len(), model.count_params()), (2, 15));
    let (a, b) = (ones([2, 4]), ops::multiply(ones([2, 4]), 2.0).unwrap());
    let product = values(&model, [&a, &b]);
    let shared = model.get_layer("shared").unwrap();
    let of = |x: &Tensor| shared.call(x, &Call::inference()).unwrap();
    let expected = ops::multiply(of(&a), of(&b)).unwrap();
    assert_eq!(product, expected.to_f64_vec().unwrap());
}

#[test]
fn inputs_are_a_list_or_come_by_name() {
    let model = siamese().unwrap();
    let (a, b) = (ones([1, 4]), ops::multiply(ones([1, 4]), 2.0).unwrap());
    let by_name = Arguments::from_iter([]).named("b", &b).named("a", &a);
    assert_eq!(values(&model, [&a, &b]), values(&model, by_name));
    let error = model.call_many(&a, &Call::inference()).unwrap_err();
    assert!(error.to_string().contains("a, b"), "{error}");
    let error = model.call_many([&a, &ones([1, 5])], &Call::inference());
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("input `b`") && error.contains("(1, 5)"),
        "{error}"
    );
}

#[test]
fn feature_extractors_are_cut_out_of_models() {
    let model = Sequential::new(layers![
        Input::new([4]),
        Dense::new(3).name("low"),
        Dense::new(2).name("high"),
    ]);
    let low = model.get_layer("low").unwrap().output().unwrap();
    let features = Model::new(model.inputs().unwrap(), &low).unwrap();
    let x = ones([1, 4]);
    let expected = model.get_layer("low").unwrap().call(&x, &Call::inference());
    assert_eq!(
        values(&features, &x),
        expected.unwrap().to_f64_vec().unwrap()
    );
    // The rest begins between the layers, with an input of its own.
    let head = Model::new(&low, model.outputs().unwrap()).unwrap();
    assert_eq!(head.children()[0].class_name(), "InputLayer");
    let both = features.call(&x, &Call::inference()).unwrap();
    assert_eq!(values(&head, &both), values(&model, &x));
    assert!(head.weights()[0].is(&model.weights()[2]));
}

#[test]
fn models_are_layers() {
    let inner = siamese().unwrap();
    let inner = LayerRef::from(inner);
    let x = Input::new([4]).symbolic();
    let once = inner.on([&x, &x]).unwrap();
    let deep = Dense::new(4).on(&once).unwrap();
    let twice = inner.on([&deep, &x]).unwrap();
    let model = Model::new(&x, &(once + twice)).unwrap();
    assert_eq!(model.count_params(), 15 + 16);
    inner.set_trainable(false);
    assert_eq!(model.trainable_variables().len(), 2);
    let same = Model::from_json(&model.to_json().unwrap()).unwrap();
    same.set_weights(&model.get_weights().unwrap()).unwrap();
    let x = ones([3, 4]);
    assert_eq!(values(&same, &x), values(&model, &x));
    assert_eq!(same.trainable_variables().len(), 2);
}

#[test]
fn clones_have_weights_of_their_own() {
    let model = siamese().unwrap();
    let clone = clone_model(&model).unwrap();
    assert_eq!(clone.to_json().unwrap(), model.to_json().unwrap());
    assert!(!clone.weights()[0].is(&model.weights()[0]));
}

#[test]
fn several_outputs_are_a_map_of_a_config() {
    let x = Input::new([4]).symbolic();
    let (a, b) = (Dense::new(1).on(&x).unwrap(), Dense::new(2).on(&x).unwrap());
    let model = Model::new([("x", &x)], [("first", &a), ("second", &b)]).unwrap();
    let json = model.to_json().unwrap();
    assert_eq!(
        json["config"]["output_layers"]["second"][0],
        b.layer().name()
    );
    let again = Model::from_json(&json).unwrap();
    assert_eq!(again.outputs().unwrap().len(), 2);
    assert_eq!(again.to_json().unwrap(), json);
}

#[test]
fn random_layers_and_statistics_follow_the_call() {
    let x = Input::new([4]).symbolic();
    let y = BatchNormalization::new().on(&Dropout::new(0.5).on(&x).unwrap());
    let model = Model::new(&x, y.unwrap()).unwrap();
    let before = model.get_weights().unwrap()[2].to_string();
    model.call(&ones([8, 4]), &Call::inference()).unwrap();
    assert_eq!(model.get_weights().unwrap()[2].to_string(), before);
    model.call(&ones([8, 4]), &Call::training()).unwrap();
    assert_ne!(model.get_weights().unwrap()[2].to_string(), before);
}

#[test]
fn a_last_axis_of_size_1_may_be_left_out() {
    let x = Input::new([1]).symbolic();
    let model = Model::new(&x, operations::square(&x).unwrap()).unwrap();
    let flat = Tensor::new(&[2.0f32, 3.0], [2]).unwrap();
    assert_eq!(values(&model, &flat), [4.0, 9.0]);
}

#[test]
fn graphs_that_cannot_be_are_errors() {
    let (x, other) = (Input::new([4]).symbolic(), Input::new([4]).symbolic());
    let y = Dense::new(3).name("far").on(&other).unwrap();
    let error = Model::new(&x, &y).err().unwrap().to_string();
    assert!(error.contains("far"), "{error}");
    let a = Dense::new(3).name("same").on(&x).unwrap();
    let b = Dense::new(3).name("same").on(&a).unwrap();
    let error = Model::new(&x, &b).err().unwrap().to_string();
    assert!(error.contains("\"same\""), "{error}");
    assert!(Model::new(&x, Vec::<Symbolic>::new()).is_err());
    let inputs = [&x, &Input::new([3]).symbolic()];
    let error = Concatenate::new()
        .axis(0)
        .on(inputs)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("(None, 4)") || error.contains("concatenate"),
        "{error}"
    );
}

#[test]
fn configs_that_make_no_sense_are_errors() {
    let json = siamese().unwrap().to_json().unwrap();
    let broken = |path: &str, value| {
        let mut json = json.clone();
        *json.pointer_mut(path).unwrap() = value;
        Model::from_json(&json).err().unwrap().to_string()
    };
    let class = broken("/config/layers/2/class_name", json!("Dens"));
    assert!(class.contains("Dens") && class.contains("dense"), "{class}");
    let loops = broken(
        "/config/layers/2/inbound_nodes/0/args/0/config/keras_history",
        json!(["multiply", 0, 0]),
    );
    assert!(loops.contains("loops"), "{loops}");
    broken("/config/layers", json!(3));
    broken("/config/output_layers", json!(["nothing", 0, 0]));
    broken("/config/input_layers", json!([["a", 0, 7]]));
}

#[test]
fn long_chains_run_and_are_dropped() {
    let x = Input::new([1]).symbolic();
    let mut y = x.clone();
    for _ in 0..3000 {
        y = operations::add(&y, 1.0).unwrap();
    }
    let model = Model::new(&x, &y).unwrap();
    assert_eq!(values(&model, &ones([1, 1])), [3001.0]);
    assert_eq!(
        model.inputs().unwrap()[0].dims(),
        &Dims::from([None, Some(1)])
    );
}

/// Blocks in which normalization is followed by an activation, by a sum, and by both.
fn residual_network(shows_all: bool) -> Result<Model> {
    let normalized = |x: &Symbolic, name: &str| {
        let x = Dense::new(6).name(&format!("{name}_dense")).on(x)?;
        let normal = BatchNormalization::new().name(&format!("{name}_normal"));
        normal.on(&x)
    };
    let start = Input::new([6]).name("start").symbolic();
    let a = normalized(&start, "a")?;
    let b = Activation::new("relu").name("b").on(&a)?;
    let c = normalized(&b, "c")?;
    let d = Add::new().name("d").on([&b, &c])?;
    let e = ReLU::new().max_value(6.0).name("e").on(&d)?;
    let [f, g] = ["f", "g"].map(|name| normalized(&e, name));
    let (f, g) = (f?, g?);
    let h = Add::new().name("h").on([&f, &g])?;
    let all = if shows_all {
        vec![h, a, c, d, f, g]
    } else {
        vec![h]
    };
    Model::named("residual", [&start], all)
}

/// The outputs, gradients and states of a training step.
fn trained(model: &Model) -> Vec<Vec<f64>> {
    let x = ops::sin(ops::arange(0, 48, DType::F32).unwrap()).unwrap();
    let x = ops::reshape(x, &[8, 6]).unwrap();
    let tape = GradientTape::new();
    let y = model.call_many(&x, &Call::training()).unwrap().remove(0);
    let outer = ops::cos(ops::multiply(&y, 3.0).unwrap()).unwrap();
    let loss = ops::sum(ops::multiply(&y, outer).unwrap(), None).unwrap();
    let gradients = tape.gradient(&loss, &model.trainable_variables()).unwrap();
    let states = model.variables().into_iter().map(|v| v.value().unwrap());
    let all = gradients.into_iter().map(Option::unwrap).chain(states);
    let all = [y].into_iter().chain(all);
    all.map(|t| t.to_f64_vec().unwrap()).collect()
}

/// The passes over a batch that a call in training makes for activations and sums.
fn passes(model: &Model) -> usize {
    let profiler = Profiler::start();
    model.call_many(&ones([8, 6]), &Call::training()).unwrap();
    let profile = profiler.stop();
    let after = |name: &str| matches!(name, "relu" | "clip" | "add");
    let events = profile.events().iter();
    events
        .filter(|e| after(&e.name) && e.shape.to_string() == "(8, 6)")
        .count()
}

#[test]
fn what_follows_normalization_is_the_same_in_one_pass_and_one_after_the_other() {
    let [one, apart] = [false, true].map(|shows_all| {
        keras_tensor::random::set_seed(7);
        residual_network(shows_all).unwrap()
    });
    assert_eq!(trained(&one), trained(&apart));
    // Two sums, a ReLU, and one up to 6, which is two functions one after the other.
    assert_eq!(passes(&apart) - passes(&one), 5);

    let stack = |between: bool| {
        keras_tensor::random::set_seed(7);
        let mut stack = Sequential::new(layers![
            Input::new([6]),
            Dense::new(6),
            BatchNormalization::new()
        ]);
        if between {
            stack.add(Activation::new("linear"));
        }
        stack.add(ReLU::new());
        stack
    };
    let (one, apart) = (stack(false), stack(true));
    assert_eq!(trained(&one), trained(&apart));
    assert_eq!(passes(&apart) - passes(&one), 1);
}

#[test]
fn a_layer_of_another_dtype_is_not_done_in_the_pass_of_the_one_before() {
    let x = Input::new([6]).symbolic();
    let y = BatchNormalization::new().on(&x).unwrap();
    let half = Activation::new("relu").dtype("float16");
    let model = Model::new(&x, half.on(&y).unwrap()).unwrap();
    let outputs = model.call_many(&ones([8, 6]), &Call::training()).unwrap();
    assert_eq!(outputs[0].dtype(), DType::F16);
}
