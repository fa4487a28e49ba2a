//! What the tutorial prints, letter for letter.
//!
//! Its text has lost the rules of `=` that tf.keras prints below the header and the last layer; they are taken out of
//! ours before comparing, and the plain text is checked once with them.

use keras::Variable;
use keras::prelude::*;
use keras::utils::clear_session;

struct MyDense {
    in_dim: usize,
    out_dim: usize,
    trainable: bool,
    kernel: Weight,
}

impl MyDense {
    fn new(in_dim: usize, out_dim: usize) -> Self {
        MyDense {
            in_dim,
            out_dim,
            trainable: true,
            kernel: Weight::default(),
        }
    }
}

impl Layer for MyDense {
    fn build(&self, _: &Dims, w: &mut Weights) -> keras::Result<()> {
        let how = Declare::new("glorot_uniform").trainable(self.trainable);
        w.add(&self.kernel, "w", [self.in_dim, self.out_dim], how)
    }
    fn call(&self, x: &Tensor, _: &Call) -> keras::Result<Tensor> {
        ops::relu(ops::matmul(x, &self.kernel)?)
    }
}

struct MyModel {
    layers: Vec<LayerRef>,
}

impl MyModel {
    fn new() -> Self {
        let sizes = [784, 256, 128, 64, 32, 10];
        let layers = sizes
            .windows(2)
            .map(|s| MyDense::new(s[0], s[1]).into())
            .collect();
        MyModel { layers }
    }
}

impl Layer for MyModel {
    fn build(&self, _: &Dims, w: &mut Weights) -> keras::Result<()> {
        self.layers.iter().for_each(|l| w.layer(l));
        Ok(())
    }
    fn call(&self, x: &Tensor, cx: &Call) -> keras::Result<Tensor> {
        self.layers
            .iter()
            .try_fold(x.clone(), |x, l| l.call(&x, cx))
    }
}

fn keras_2(model: &Model) -> String {
    model
        .summary_text(&Summary::new().style(Style::Keras2))
        .unwrap()
}

/// The table as the tutorial's text has it.
fn table(model: &Model) -> String {
    let text = keras_2(model);
    let kept: Vec<&str> = text.lines().filter(|l| !l.starts_with('=')).collect();
    kept.join("\n") + "\n"
}

fn mlp() -> Sequential {
    Sequential::new(layers![
        Dense::new(256).activation("relu"),
        Dense::new(128).activation("relu"),
        Dense::new(64).activation("relu"),
        Dense::new(32).activation("relu"),
        Dense::new(10),
    ])
}

#[test]
fn the_tables_of_cells_3_to_32() {
    clear_session();
    let network = Sequential::new(layers![
        Dense::new(3),
        ReLU::new(),
        Dense::new(2),
        ReLU::new()
    ]);
    let x = ops::ones([4, 3], DType::F32).unwrap();
    network.call(&x, &Call::inference()).unwrap();
    assert_eq!(table(&network), include_str!("tutorial/cell_3.txt"));

    let mut network = Sequential::default();
    for _ in 0..2 {
        network.add(Dense::new(3));
        network.add(ReLU::new());
    }
    network.build([4, 4]).unwrap();
    assert_eq!(table(&network), include_str!("tutorial/cell_4.txt"));
    let names: Vec<String> = network
        .trainable_variables()
        .iter()
        .map(|p| format!("{}:0 {}", p.path().split_once('/').unwrap().1, p.shape()))
        .collect();
    let expected = [
        "dense_2/kernel:0 (4, 3)",
        "dense_2/bias:0 (3,)",
        "dense_3/kernel:0 (3, 3)",
        "dense_3/bias:0 (3,)",
    ];
    assert_eq!(names, expected);

    let network = mlp();
    network.build([1, 784]).unwrap();
    assert_eq!(table(&network), include_str!("tutorial/cell_7.txt"));
    assert_eq!(network.count_params(), 244_522);

    let network = mlp();
    network.build([None, Some(784)]).unwrap();
    let folder = std::env::temp_dir().join(format!("keras-tutorial-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    network.save(folder.join("model.h5")).unwrap();
    let network = load_model(folder.join("model.h5")).unwrap();
    assert_eq!(table(&network), include_str!("tutorial/cell_20.txt"));
    let names: Vec<String> = network
        .trainable_variables()
        .iter()
        .map(|p| format!("{}:0 {}", p.path().split_once('/').unwrap().1, p.shape()))
        .collect();
    assert_eq!(names[0], "dense_9/kernel:0 (784, 256)");
    assert_eq!(names[9], "dense_13/bias:0 (10,)");
    std::fs::remove_dir_all(&folder).unwrap();

    let first = LayerRef::from(MyDense::new(4, 3));
    assert_eq!(first.name(), "my_dense");
    let network = Sequential::new(layers![
        MyDense::new(784, 256),
        MyDense::new(256, 128),
        MyDense::new(128, 64),
        MyDense::new(64, 32),
        MyDense::new(32, 10),
    ]);
    network.build([None, Some(784)]).unwrap();
    assert_eq!(table(&network), include_str!("tutorial/cell_28.txt"));
    assert_eq!(network.count_params(), 244_032);

    let model = Model::from(MyModel::new());
    model.build([None, Some(784)]).unwrap();
    assert_eq!(table(&model), include_str!("tutorial/cell_32.txt"));
}

/// Cells 13 to 21: weights into a network that is made anew, then a whole model out of a file.
#[test]
fn networks_go_through_files() {
    keras::utils::set_random_seed(3);
    let folder = std::env::temp_dir().join(format!("keras-tutorial-files-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let x = ops::ones([32, 784], DType::F32).unwrap();
    let y = ops::one_hot(ops::zeros([32], DType::I32).unwrap(), 10, DType::F32).unwrap();
    let made = || {
        let mut network = mlp();
        network.build([None, Some(784)]).unwrap();
        let loss = CategoricalCrossentropy::new().from_logits(true);
        network
            .compile(Compile::new("adam", loss).metric("accuracy"))
            .unwrap();
        network
    };
    let predicted = |model: &mut Model| {
        let y = model.predict(&x, Predict::new().verbose(0)).unwrap();
        y.to_vec::<f32>().unwrap()
    };
    let mut network = made();
    network.fit((&x, &y), Fit::new().verbose(0)).unwrap();
    let before = predicted(&mut network);
    network
        .save_weights(folder.join("network.weights.h5"))
        .unwrap();
    let mut network = made();
    assert_ne!(predicted(&mut network), before);
    network
        .load_weights(folder.join("network.weights.h5"))
        .unwrap();
    assert_eq!(predicted(&mut network), before);
    let history = network
        .fit((&x, &y), Fit::new().epochs(2).verbose(0))
        .unwrap();
    assert!(history.last("loss") < history.get("loss").unwrap().first().copied());
    let before = predicted(&mut network);
    for name in ["model.h5", "model.keras"] {
        network.save(folder.join(name)).unwrap();
        let mut network = load_model(folder.join(name)).unwrap();
        assert_eq!(predicted(&mut network), before, "{name}");
        network.fit((&x, &y), Fit::new().verbose(0)).unwrap();
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_rules_that_the_tutorial_lost() {
    let network = Sequential::new(layers![Dense::new(3)]);
    network.build([4, 4]).unwrap();
    let text = keras_2(&network);
    let rules: Vec<char> = text
        .lines()
        .filter(|l| l.len() == 65)
        .map(|l| l.chars().next().unwrap())
        .collect();
    assert_eq!(rules, ['_', 'L', '=', 'd', '=', '_']);
}

#[test]
fn softmax_of_cell_2() {
    let layer = LayerRef::from(Softmax::new(-1));
    let x = ops::constant(&[2.0f32, 1.0, 0.1], [3]).unwrap();
    let y = layer
        .call(&x, &Call::inference())
        .unwrap()
        .to_vec::<f32>()
        .unwrap();
    // tf prints [0.6590012 , 0.24243298, 0.09856589]
    for (got, wanted) in y.iter().zip([0.659_001_2, 0.242_432_98, 0.098_565_89]) {
        assert!((got - wanted).abs() < 1e-7, "{y:?}");
    }
}

#[test]
fn a_layer_of_ones_own_has_variables_and_can_be_frozen() {
    let net = LayerRef::from(MyDense::new(4, 3));
    net.build([None, Some(4)]).unwrap();
    assert_eq!(
        (net.variables().len(), net.trainable_variables().len()),
        (1, 1)
    );
    let frozen = LayerRef::from(MyDense {
        trainable: false,
        ..MyDense::new(4, 3)
    });
    frozen.build([None, Some(4)]).unwrap();
    assert_eq!(
        (frozen.variables().len(), frozen.trainable_variables().len()),
        (1, 0)
    );
}

#[test]
fn a_model_of_ones_own_trains() {
    keras::utils::set_random_seed(1);
    let mut model = Model::from(MyModel::new());
    model
        .compile(
            Compile::new("adam", CategoricalCrossentropy::new().from_logits(true))
                .metric("accuracy"),
        )
        .unwrap();
    let x = ops::ones([64, 784], DType::F32).unwrap();
    let y = ops::one_hot(ops::arange(0, 64, DType::I32).unwrap(), 10, DType::F32).unwrap();
    let history = model
        .fit((&x, &y), Fit::new().epochs(6).verbose(0))
        .unwrap();
    assert_eq!(
        history.iter().map(|(n, _)| n).collect::<Vec<_>>(),
        ["accuracy", "loss"]
    );
    let losses = history.get("loss").unwrap();
    assert!(losses[5] < losses[0], "{losses:?}");
    assert!(model.to_string().contains("my_model"));
}

#[test]
fn the_table_of_keras_3() {
    clear_session();
    let network = Sequential::new(layers![Dense::new(3), ReLU::new()]);
    let text = |n: &Model| n.summary_text(&Summary::new().line_length(76)).unwrap();
    assert_eq!(text(&network), include_str!("tutorial/keras_3_unbuilt.txt"));
    network.build([None, Some(4)]).unwrap();
    assert_eq!(text(&network), include_str!("tutorial/keras_3.txt"));
}

#[test]
fn paths_are_those_of_keras_3() {
    clear_session();
    let network = Sequential::new(layers![
        Input::new([4]),
        Dense::new(3).name("a"),
        BatchNormalization::new(),
        Dropout::new(0.5),
    ]);
    let paths: Vec<String> = network.weights().iter().map(Variable::path).collect();
    let expected = [
        "a/kernel",
        "a/bias",
        "batch_normalization/gamma",
        "batch_normalization/beta",
        "batch_normalization/moving_mean",
        "batch_normalization/moving_variance",
    ];
    assert_eq!(paths, expected.map(|p| format!("sequential/{p}")));
    assert_eq!(network.variables().len(), 7);
}
