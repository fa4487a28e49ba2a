//! Bad input: an error that names the layer or argument, what it got and what it wanted; never a panic.

use keras::prelude::*;

fn ones(shape: &[usize]) -> Tensor {
    ops::ones(shape.to_vec(), DType::F32).unwrap()
}

fn network() -> Sequential {
    Sequential::new(layers![
        Input::new([4]),
        Dense::new(3).name("first"),
        Dense::new(2).name("second")
    ])
}

fn compiled() -> Sequential {
    let mut network = network();
    network.compile(Compile::new("sgd", "mse")).unwrap();
    network
}

fn says<T>(result: keras::Result<T>, parts: &[&str]) {
    let message = result.err().expect("an error").to_string();
    for part in parts {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
}

fn quiet<'a>() -> Fit<'a> {
    Fit::new().verbose(0)
}

#[test]
fn wrong_shapes_name_the_layer() {
    let result = network().call(&ones(&[5, 7]), &Call::inference());
    says(result, &["in layer `first` (Dense)", "(5, 7)", "[in, out]"]);
    says(
        compiled().fit((&ones(&[8, 4]), &ones(&[8, 5])), quiet()),
        &["mean_squared_error", "(8, 5)", "(8, 2)"],
    );
    says(
        network().set_weights(&[ones(&[1])]),
        &["set_weights", "1 values", "4 weights"],
    );
    let wrong = [ones(&[4, 4]), ones(&[3]), ones(&[3, 2]), ones(&[2])];
    says(
        network().set_weights(&wrong),
        &["first/kernel", "(4, 4)", "(4, 3)"],
    );
    says(
        Dataset::from_tensor_slices((ones(&[3, 1]), ones(&[4]))),
        &["(3, 1)", "(4,)"],
    );
}

#[test]
fn unknown_names_say_what_is_near() {
    let compile = |how: Compile| network().compile(how);
    says(
        compile(Compile::new("addam", "mse")),
        &["unknown optimizer \"addam\"", "did you mean \"adam\"?"],
    );
    says(
        compile(Compile::new("adam", "msee")),
        &["unknown loss \"msee\"", "did you mean \"mse\"?"],
    );
    says(
        compile(Compile::new("adam", "mse").metric("acuracy")),
        &["unknown metric \"acuracy\"", "\"accuracy\"?"],
    );
    let build = |l: LayerRef| l.build([None, Some(3)]);
    says(
        build(Dense::new(3).activation("rellu").into()).and_then(|()| {
            Sequential::new(layers![Dense::new(3).activation("rellu")])
                .call(&ones(&[1, 3]), &Call::inference())
                .map(|_| ())
        }),
        &["unknown activation", "relu"],
    );
    says(
        build(Dense::new(3).kernel_initializer("glorot").into()),
        &["unknown initializer", "`dense"],
    );
    says(
        build(Dense::new(3).kernel_regularizer("l3").into()),
        &["unknown regularizer", "\"l1\""],
    );
}

#[test]
fn arguments_that_make_no_sense() {
    let build = |l: LayerRef| l.build([None, Some(3)]);
    says(
        build(Dense::new(0).into()),
        &["units", "got 0", "at least 1"],
    );
    says(
        build(Dropout::new(1.5).into()),
        &["rate", "1.5", "from 0 to 1"],
    );
    says(
        LayerRef::from(Dense::new(3)).build([None, None]),
        &["known size of axis -1"],
    );
    let data = || (ones(&[8, 4]), ones(&[8, 2]));
    let (x, y) = data();
    says(
        compiled().fit((&x, &y), quiet().batch_size(0)),
        &["batch_size", "got 0"],
    );
    says(
        compiled().fit((&x, &y), quiet().validation_split(1.0)),
        &["validation_split", "between 0 and 1"],
    );
    says(
        compiled().fit(
            (&x, &y),
            quiet().validation_data((&x, &y)).validation_freq(0),
        ),
        &["validation_freq"],
    );
    says(
        network().get_layer("third"),
        &["\"third\"", "first, second"],
    );
}

#[test]
fn data_that_cannot_be_used() {
    let empty = (&ones(&[0, 4]), &ones(&[0, 2]));
    says(
        compiled().fit(empty, quiet()),
        &["x", "(0, 4)", "at least one sample"],
    );
    let none = Dataset::from_tensor_slices((ones(&[8, 4]), ones(&[8, 2])))
        .unwrap()
        .batch(2)
        .take(0);
    says(compiled().fit(&none, quiet()), &["training data", "empty"]);
    says(
        compiled().evaluate(&none, Evaluate::new().verbose(0)),
        &["evaluation data", "empty"],
    );
    says(
        compiled().predict(&none, Predict::new().verbose(0)),
        &["predict", "empty"],
    );
    says(compiled().fit(&ones(&[8, 4]), quiet()), &["labels"]);
    let mut sparse = network();
    sparse
        .compile(Compile::new(
            "sgd",
            SparseCategoricalCrossentropy::new().from_logits(true),
        ))
        .unwrap();
    let labels = ops::full([8], 7.0, DType::I32).unwrap();
    says(
        sparse.fit((&ones(&[8, 4]), &labels), quiet()),
        &["label 7", "from 0 to 1"],
    );
}

#[test]
fn nan_stops_training_where_that_is_asked() {
    use keras::callbacks::TerminateOnNaN;
    let x = ops::full([8, 4], f64::NAN, DType::F32).unwrap();
    let how = quiet().callback(TerminateOnNaN::new().raise_error(true));
    says(
        compiled().fit((&x, &ones(&[8, 2])), how),
        &["batch 0", "NaN"],
    );
}

#[test]
fn used_before_it_is_ready() {
    says(
        network().fit((&ones(&[8, 4]), &ones(&[8, 2])), quiet()),
        &["model `sequential", "compile"],
    );
    says(
        network().evaluate((&ones(&[8, 4]), &ones(&[8, 2])), Evaluate::new()),
        &["compile"],
    );
    says(ops::relu(Weight::default()), &["weight", "build"]);
}

#[test]
fn wrong_dtypes() {
    says(
        ops::one_hot(ones(&[3]), 4, DType::F32),
        &["one_hot", "float32", "integers"],
    );
    says(ones(&[3]).to_vec::<i32>(), &["float32", "int32", "cast"]);
}

/// A model of inputs `a` and `b` with the outputs `y` and `z`.
fn two_outputs() -> Model {
    let (a, b) = (Input::new([3]).name("a"), Input::new([2]).name("b"));
    let (a, b) = (a.symbolic(), b.symbolic());
    let both = Concatenate::default().on([&a, &b]).unwrap();
    let y = Dense::new(2).name("y").on(&both).unwrap();
    let z = Dense::new(1).name("z").on(&both).unwrap();
    Model::new([&a, &b], [&y, &z]).unwrap()
}

#[test]
fn several_outputs_that_do_not_fit() {
    let x = || Structure::from([ones(&[8, 3]), ones(&[8, 2])]);
    let (y, z) = (ones(&[8, 2]), ones(&[8, 1]));
    let fit = |how: Compile, y: Structure<Tensor>| {
        let mut model = two_outputs();
        model.compile(how)?;
        model.fit((x(), y), quiet())
    };
    let both = || Structure::from([&y, &z]);
    says(
        fit(Compile::new("sgd", "mse"), (&y).into()),
        &["`y`", "1 targets", "2"],
    );
    says(
        fit(Compile::new("sgd", "mse"), [("y", &y), ("q", &z)].into()),
        &["`y`", "\"q\"", "y, z"],
    );
    says(
        fit(
            Compile::new("sgd", "mse"),
            Structure::Map(vec![("y".into(), y.clone())]),
        ),
        &["`y`", "`z`"],
    );
    says(
        fit(Compile::new("sgd", ["mse", "mse", "mse"]), both()),
        &["compile.loss", "list of 3"],
    );
    says(
        fit(Compile::new("sgd", [("y", "mse")]), both()),
        &["compile.loss", "`z`"],
    );
    says(
        fit(
            Compile::new("sgd", "mse").loss_weights([("q", 1.0)]),
            both(),
        ),
        &["compile.loss_weights", "\"q\"", "y, z"],
    );
    says(
        fit(Compile::new("sgd", "mse").metric("mae"), both()),
        &["compile.metric", "1 metrics", "metric_for"],
    );
    says(
        fit(Compile::new("sgd", "mse").metric_for("q", "mae"), both()),
        &["\"q\"", "y, z"],
    );
    says(
        two_outputs().predict(Data::from(x()), Predict::new().verbose(0)),
        &["2 outputs", "predict_many"],
    );
    let mut model = two_outputs();
    model.compile(Compile::new("sgd", "mse")).unwrap();
    says(
        model.fit((x(), both()), quiet().class_weight([(0, 2.0)])),
        &["class_weight", "one output"],
    );
    says(
        model.fit((&y, both()), quiet()),
        &["inputs", "1 tensors", "a, b"],
    );
}

#[test]
fn unknown_dtype_policies() {
    let layer = Dense::new(2).dtype("mixed_flaot16");
    says(
        layer.call(&ones(&[8, 4]), &Call::inference()),
        &["dtype policy", "mixed_flaot16", "mixed_float16"],
    );
}

#[test]
fn callbacks_that_cannot_know_which_way_is_better() {
    let mut network = network();
    let cells = keras::metrics::FalsePositives::new().name("mistakes");
    network
        .compile(Compile::new("sgd", "mse").metric(cells))
        .unwrap();
    let data = (&ones(&[8, 4]), &ones(&[8, 2]));
    let watching = |name: &str| quiet().callback(EarlyStopping::new(name));
    says(
        network.fit(data, watching("mistakes")),
        &["EarlyStopping", "mistakes", "Mode::Min"],
    );
    assert!(network.fit(data, watching("loss")).is_ok());
    let how = quiet().callback(EarlyStopping::new("mistakes").mode(keras::callbacks::Mode::Min));
    assert!(network.fit(data, how).is_ok());
}
