//! The tutorial, cell by cell: layers, containers, training, testing, files, layers and models of one's own, metrics.
//!
//! `cargo run --release --example tour`

use keras::callbacks::History;
use keras::datasets::mnist;
use keras::io::{SavedFunction, export};
use keras::metrics::{CategoricalAccuracy, Mean, Metric};
use keras::prelude::*;
use keras::utils::set_random_seed;
use serde::{Deserialize, Serialize};
use std::path::Path;

fn main() -> keras::Result<()> {
    set_random_seed(1);
    cell_2_a_layer()?;
    cell_3_a_container()?;
    let grown = cell_4_adding_layers()?;
    cell_5_variables(&grown);
    let data = cell_6_data()?;
    let mut network = cell_7_a_network()?;
    cell_8_compile(&mut network)?;
    let history = cell_9_fit(&mut network, &data)?;
    cell_10_history(&history);
    cell_11_predict(&mut network, &data)?;
    cell_12_evaluate(&mut network, &data)?;
    let folder = std::env::temp_dir().join("Save_weight");
    std::fs::create_dir_all(&folder).map_err(|e| keras::Error::io(&folder, e))?;
    cell_13_save_weights(&network, &folder)?;
    cell_14_delete(network);
    let mut network = cell_15_load_weights(&folder)?;
    cell_16_train_on(&mut network, &data)?;
    cell_17_save(&network, &folder)?;
    cell_14_delete(network);
    let mut network = cell_19_load(&folder)?;
    cell_20_summary(&network)?;
    cell_16_train_on(&mut network, &data)?;
    cell_22_variables(&network);
    cell_23_saved_model(&network, &folder)?;
    cell_14_delete(network);
    let network = cell_25_load_saved_model(&folder)?;
    cell_26_a_meter_by_hand(&network, &data)?;
    cell_27_a_layer_of_ones_own()?;
    cell_28_a_network_of_it()?;
    cells_29_to_32_a_model_of_ones_own(&data)?;
    cell_38_meters()
}

fn cell_2_a_layer() -> keras::Result<()> {
    let x = ops::constant(&[2.0f32, 1.0, 0.1], [3])?;
    let layer = LayerRef::from(Softmax::new(-1));
    println!("{}\n", layer.call(&x, &Call::inference())?);
    Ok(())
}

fn normal(shape: [usize; 2]) -> keras::Result<Tensor> {
    keras::random::normal(shape, 0.0, 1.0, &keras::random::SeedGenerator::new(None))
}

fn summary(model: &Model) -> keras::Result<()> {
    println!(
        "{}",
        model.summary_text(&Summary::new().style(Style::Keras2))?
    );
    Ok(())
}

fn cell_3_a_container() -> keras::Result<()> {
    let network = Sequential::new(layers![
        Dense::new(3),
        ReLU::new(),
        Dense::new(2),
        ReLU::new(),
    ]);
    let x = normal([4, 3])?;
    let out = network.call(&x, &Call::inference())?;
    summary(&network)?;
    println!("{out}\n");
    Ok(())
}

fn cell_4_adding_layers() -> keras::Result<Sequential> {
    let layers_num = 2;
    let mut network = Sequential::default();
    for _ in 0..layers_num {
        network.add(Dense::new(3));
        network.add(ReLU::new());
    }
    network.build([4, 4])?;
    summary(&network)?;
    Ok(network)
}

fn cell_5_variables(network: &Model) {
    for p in network.trainable_variables() {
        println!("{} {}", keras_2_name(&p), p.shape());
    }
    println!();
}

/// The name that tf.keras 2 shows: the path below the model, and the number of the output.
fn keras_2_name(variable: &Variable) -> String {
    let path = variable.path();
    format!(
        "{}:0",
        path.split_once('/')
            .map_or(path.as_str(), |(_, below)| below)
    )
}

/// The training data and the test data, whole and in batches.
struct Data {
    x: Tensor,
    y: Tensor,
    train_db: Dataset,
    val_db: Dataset,
}

fn cell_6_data() -> keras::Result<Data> {
    let ((x, y), (x_val, y_val)) = mnist::load_data()?;
    let prepare = |x: Tensor, y: Tensor| -> keras::Result<(Tensor, Tensor)> {
        let x = 2.0 * ops::cast(&x, DType::F32)? / 255.0 - 1.0;
        let x = ops::reshape(&x, &[-1, 28 * 28])?;
        let y = ops::one_hot(ops::cast(&y, DType::I32)?, 10, DType::F32)?;
        Ok((x, y))
    };
    let (x, y) = prepare(x, y)?;
    let val = prepare(x_val, y_val)?;
    Ok(Data {
        train_db: Dataset::from_tensor_slices((x.clone(), y.clone()))?.batch(32),
        val_db: Dataset::from_tensor_slices(val)?.batch(32),
        x,
        y,
    })
}

fn cell_7_a_network() -> keras::Result<Sequential> {
    let network = Sequential::new(layers![
        Dense::new(256).activation("relu"),
        Dense::new(128).activation("relu"),
        Dense::new(64).activation("relu"),
        Dense::new(32).activation("relu"),
        Dense::new(10),
    ]);
    network.build([1, 28 * 28])?;
    summary(&network)?;
    Ok(network)
}

fn cell_8_compile(network: &mut Model) -> keras::Result<()> {
    let loss = CategoricalCrossentropy::new().from_logits(true);
    network.compile(Compile::new("adam", loss).metric("accuracy"))
}

fn cell_9_fit(network: &mut Model, data: &Data) -> keras::Result<History> {
    let how = Fit::new()
        .epochs(5)
        .validation_data(&data.val_db)
        .validation_freq(2);
    network.fit(&data.train_db, how)
}

fn cell_10_history(history: &History) {
    for (name, values) in history.iter() {
        println!("{name:?}: {values:?}");
    }
    println!();
}

fn cell_11_predict(network: &mut Model, data: &Data) -> keras::Result<()> {
    let out = network.predict(&data.x, Predict::new())?;
    let first = |t: &Tensor| ops::slice_axis(ops::argmax(t, 1)?, 0, 0, 10);
    println!("{} {} {}\n", out.shape(), first(&out)?, first(&data.y)?);
    Ok(())
}

fn cell_12_evaluate(network: &mut Model, data: &Data) -> keras::Result<()> {
    let logs = network.evaluate(&data.val_db, Evaluate::new())?;
    println!("{:?}\n", logs.iter().map(|(_, v)| v).collect::<Vec<_>>());
    Ok(())
}

/// The file of weights; its name tells the format.
const WEIGHTS: &str = "weights.ckpt";

fn cell_13_save_weights(network: &Model, folder: &Path) -> keras::Result<()> {
    network.save_weights(folder.join(WEIGHTS))?;
    println!("saved weights.");
    Ok(())
}

fn cell_14_delete<N>(network: N) {
    drop(network);
}

fn cell_15_load_weights(folder: &Path) -> keras::Result<Sequential> {
    let mut network = Sequential::new(layers![
        Dense::new(256).activation("relu"),
        Dense::new(128).activation("relu"),
        Dense::new(64).activation("relu"),
        Dense::new(32).activation("relu"),
        Dense::new(10),
    ]);
    network.build([None, Some(28 * 28)])?;
    cell_8_compile(&mut network)?;
    network.load_weights(folder.join(WEIGHTS))?;
    println!("loaded weights!");
    Ok(network)
}

fn cell_16_train_on(network: &mut Model, data: &Data) -> keras::Result<History> {
    cell_8_compile(network)?;
    cell_9_fit(network, data)
}

fn cell_17_save(network: &Model, folder: &Path) -> keras::Result<()> {
    network.save(folder.join("model.h5"))?;
    println!("saved total model.");
    Ok(())
}

fn cell_19_load(folder: &Path) -> keras::Result<Model> {
    load_model(folder.join("model.h5"))
}

fn cell_20_summary(network: &Model) -> keras::Result<()> {
    summary(network)
}

fn cell_22_variables(network: &Model) {
    cell_5_variables(network);
}

fn cell_23_saved_model(network: &Model, folder: &Path) -> keras::Result<()> {
    export(network, folder.join("SaveModel"))?;
    println!("saving savedmodel.");
    Ok(())
}

fn cell_25_load_saved_model(folder: &Path) -> keras::Result<SavedFunction> {
    println!("load savedmodel from file.");
    SavedFunction::load(folder.join("SaveModel"))
}

fn cell_26_a_meter_by_hand(network: &SavedFunction, data: &Data) -> keras::Result<()> {
    let acc_meter = Metric::from(CategoricalAccuracy::new());
    acc_meter.reset_states()?;
    for batch in &data.val_db {
        let (x, y) = batch?.pair()?;
        let (_, pred) = network.call(&[x])?.remove(0);
        acc_meter.update_state(&y, &pred, None)?;
    }
    println!("Test Accuracy:{:.6}\n", acc_meter.result()?.item()?);
    Ok(())
}

/// A dense layer without bias, with ReLU. Files hold its sizes as its config, because it is registered.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct MyDense {
    in_dim: usize,
    out_dim: usize,
    frozen: bool,
    #[serde(skip)]
    kernel: Weight,
}

impl MyDense {
    fn new(in_dim: usize, out_dim: usize) -> Self {
        MyDense {
            in_dim,
            out_dim,
            ..MyDense::default()
        }
    }
}

impl Layer for MyDense {
    fn build(&self, _: &Dims, w: &mut Weights) -> keras::Result<()> {
        let how = Declare::new("glorot_uniform").trainable(!self.frozen);
        w.add(&self.kernel, "w", [self.in_dim, self.out_dim], how)
    }
    fn call(&self, inputs: &Tensor, _: &Call) -> keras::Result<Tensor> {
        ops::relu(ops::matmul(inputs, &self.kernel)?)
    }
}

fn cell_27_a_layer_of_ones_own() -> keras::Result<()> {
    let net = LayerRef::from(MyDense::new(4, 3));
    net.build([None, Some(4)])?;
    println!("{:?} {:?}", net.variables(), net.trainable_variables());
    let frozen = MyDense {
        frozen: true,
        ..MyDense::new(4, 3)
    }
    .name("frozen");
    frozen.build([None, Some(4)])?;
    println!(
        "{:?} {:?}\n",
        frozen.variables(),
        frozen.trainable_variables()
    );
    Ok(())
}

fn cell_28_a_network_of_it() -> keras::Result<()> {
    let network = Sequential::new(layers![
        MyDense::new(784, 256),
        MyDense::new(256, 128),
        MyDense::new(128, 64),
        MyDense::new(64, 32),
        MyDense::new(32, 10),
    ]);
    network.build([None, Some(28 * 28)])?;
    summary(&network)?;
    keras::layers::register::<MyDense>("tour>MyDense");
    let file = std::env::temp_dir().join("Save_weight/own.keras");
    network.save(&file)?;
    let x = normal([1, 28 * 28])?;
    let same = load_model(&file)?.call(&x, &Call::inference())?;
    println!("{same}\n{}\n", network.call(&x, &Call::inference())?);
    Ok(())
}

/// A model of five layers of one's own.
struct MyModel {
    layers: [LayerRef; 5],
}

impl MyModel {
    fn new() -> Self {
        let sizes = [28 * 28, 256, 128, 64, 32, 10];
        let layers = std::array::from_fn(|i| MyDense::new(sizes[i], sizes[i + 1]).into());
        MyModel { layers }
    }
}

impl Layer for MyModel {
    fn build(&self, _: &Dims, w: &mut Weights) -> keras::Result<()> {
        self.layers.iter().for_each(|layer| w.layer(layer));
        Ok(())
    }
    fn call(&self, inputs: &Tensor, cx: &Call) -> keras::Result<Tensor> {
        self.layers
            .iter()
            .try_fold(inputs.clone(), |x, layer| layer.call(&x, cx))
    }
}

fn cells_29_to_32_a_model_of_ones_own(data: &Data) -> keras::Result<()> {
    let mut model = Model::from(MyModel::new());
    model.build([None, Some(28 * 28)])?;
    summary(&model)?;
    cell_8_compile(&mut model)?;
    model.fit(&data.train_db.take(100), Fit::new())?;
    Ok(())
}

fn cell_38_meters() -> keras::Result<()> {
    let loss_meter = Mean::new();
    for (step, loss) in [0.9f64, 0.7, 0.5, 0.3].into_iter().enumerate() {
        loss_meter.update_state(loss)?;
        if step % 2 == 1 {
            println!("{step} loss: {}", loss_meter.result()?);
            loss_meter.reset_states()?;
        }
    }
    Ok(())
}
