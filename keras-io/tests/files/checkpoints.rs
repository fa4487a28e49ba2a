//! What `ModelCheckpoint` saves, and when; the files that Keras 3.15.1 leaves in the same cases.

use keras_io::callbacks::ModelCheckpoint;
use keras_io::{load_model, load_weights};
use keras_layers::layers::{Dense, Input};
use keras_models::callbacks::{Callback, Mode};
use keras_models::{Compile, Fit, Logs, Model, Sequential, layers};
use keras_tensor::{DType, Result, Tensor};

use crate::support::Folder;

fn network() -> Sequential {
    let mut network = Sequential::new(layers![Input::new([2]), Dense::new(1)]);
    let how = Compile::new("sgd", "mse").metric("mae").metric("accuracy");
    network.compile(how).unwrap();
    network
}

fn ones(rows: usize, columns: usize) -> Tensor {
    Tensor::from_f64(&vec![1.0; rows * columns], [rows, columns], DType::F32).unwrap()
}

/// Puts numbers of its own into the logs of each epoch.
struct Says(&'static [(&'static str, [f64; 4])]);

impl Callback for Says {
    fn on_epoch_end(&mut self, epoch: usize, _: &mut Model, logs: &mut Logs) -> Result<()> {
        for (name, values) in self.0 {
            logs.set(name, values[epoch]);
        }
        Ok(())
    }
}

/// The files that a training of four epochs of three batches leaves.
fn files(
    numbers: &'static [(&'static str, [f64; 4])],
    make: impl Fn(ModelCheckpoint) -> ModelCheckpoint,
    name: &str,
) -> Vec<String> {
    let folder = Folder::new();
    let path = folder.path("inner").join(name).display().to_string();
    let how = Fit::new().epochs(4).batch_size(4).verbose(0);
    let how = how
        .callback(Says(numbers))
        .callback(make(ModelCheckpoint::new(path)));
    network().fit((&ones(12, 2), &ones(12, 1)), how).unwrap();
    let Ok(entries) = std::fs::read_dir(folder.path("inner")) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

const LOSSES: &[(&str, [f64; 4])] = &[
    ("val_loss", [0.5, 0.25, 0.375, 0.125]),
    ("val_accuracy", [0.5, 0.75, 0.25, 0.875]),
];

#[test]
fn names_are_made_of_epochs_batches_and_numbers() {
    let all = |name: &str| files(LOSSES, |c| c, name);
    assert_eq!(
        all("{epoch:02d}-{val_loss:.2f}.keras"),
        [
            "01-0.50.keras",
            "02-0.25.keras",
            "03-0.38.keras",
            "04-0.12.keras"
        ]
    );
    assert_eq!(all("m.keras"), ["m.keras"]);
    assert_eq!(all("{{m}}{epoch}.h5").len(), 4);
    let weights = files(LOSSES, |c| c.save_weights_only(true), "w{epoch}.weights.h5");
    assert_eq!(
        weights,
        [
            "w1.weights.h5",
            "w2.weights.h5",
            "w3.weights.h5",
            "w4.weights.h5"
        ]
    );
}

#[test]
fn batches_are_counted_over_epochs() {
    let every = |n: usize| files(LOSSES, |c| c.save_freq(n), "{epoch}-{batch}.keras");
    assert_eq!(every(5), ["2-2.keras", "4-1.keras"]);
    assert_eq!(
        every(3),
        ["1-3.keras", "2-3.keras", "3-3.keras", "4-3.keras"]
    );
    assert_eq!(every(13), [""; 0]);
}

#[test]
fn the_best_are_saved_in_every_mode() {
    let best = |make: &dyn Fn(ModelCheckpoint) -> ModelCheckpoint| {
        files(LOSSES, |c| make(c.save_best_only(true)), "{epoch}.keras")
    };
    assert_eq!(best(&|c| c), ["1.keras", "2.keras", "4.keras"]);
    assert_eq!(
        best(&|c| c.mode(Mode::Min)),
        ["1.keras", "2.keras", "4.keras"]
    );
    assert_eq!(best(&|c| c.mode(Mode::Max)), ["1.keras"]);
    assert_eq!(
        best(&|c| c.monitor("val_accuracy")),
        ["1.keras", "2.keras", "4.keras"]
    );
    assert_eq!(
        best(&|c| c.monitor("val_accuracy").mode(Mode::Min)),
        ["1.keras", "3.keras"]
    );
    assert_eq!(best(&|c| c.initial_value_threshold(0.2)), ["4.keras"]);
    assert_eq!(
        best(&|c| c.monitor("val_accuracy").initial_value_threshold(0.8)),
        ["4.keras"]
    );
    // A number that is not there: saved with a warning, as Keras does.
    assert_eq!(best(&|c| c.monitor("val_nothing").mode(Mode::Min)).len(), 4);
}

#[test]
fn a_number_that_is_none_is_never_best() {
    let numbers = &[("val_loss", [f64::NAN, 0.5, f64::NAN, 0.25])];
    assert_eq!(
        files(numbers, |c| c.save_best_only(true), "{epoch}.keras"),
        ["2.keras", "4.keras"]
    );
}

#[test]
fn what_is_saved_is_the_model_of_that_epoch() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).display().to_string();
    let mut model = network();
    let how = Fit::new().epochs(2).verbose(0);
    let how = how.callback(ModelCheckpoint::new(path("{epoch}.keras")));
    let weights = ModelCheckpoint::new(path("{epoch}.weights.h5")).save_weights_only(true);
    model
        .fit((&ones(12, 2), &ones(12, 1)), how.callback(weights))
        .unwrap();
    let (first, last) = (
        load_model(path("1.keras")).unwrap(),
        load_model(path("2.keras")).unwrap(),
    );
    let bits = |model: &Model| model.get_weights().unwrap()[0].to_vec::<f32>().unwrap();
    assert_eq!(bits(&last), bits(&model));
    assert_ne!(bits(&first), bits(&model));
    load_weights(&model, path("1.weights.h5")).unwrap();
    assert_eq!(bits(&first), bits(&model));
    let iterations = |model: &Model| {
        model.optimizer().unwrap().variables()[0]
            .value()
            .unwrap()
            .item()
            .unwrap()
    };
    assert_eq!((iterations(&first), iterations(&last)), (1.0, 2.0));
}

#[test]
fn wrong_names_are_told() {
    let fit = |checkpoint: ModelCheckpoint| {
        let how = Fit::new().verbose(0).callback(checkpoint);
        network()
            .fit((&ones(4, 2), &ones(4, 1)), how)
            .unwrap_err()
            .to_string()
    };
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).display().to_string();
    let message = fit(ModelCheckpoint::new(path("m.keras")).save_weights_only(true));
    assert!(message.contains(".weights.h5"), "{message}");
    let message = fit(ModelCheckpoint::new(path("m.weights.h5")));
    assert!(message.contains("`.keras`"), "{message}");
    let message = fit(ModelCheckpoint::new(path("{val_loss}.keras")));
    assert!(
        message.contains("not \"val_loss\": epoch, accuracy, loss, mae"),
        "{message}"
    );
    let message = fit(ModelCheckpoint::new(path("m.txt")));
    assert!(message.contains("m.txt"), "{message}");
    let best = ModelCheckpoint::new(path("m.keras")).save_best_only(true);
    let message = fit(best.monitor("val_nothing"));
    assert!(message.contains("ModelCheckpoint.monitor"), "{message}");
    std::fs::create_dir(folder.path("d.keras")).unwrap();
    let message = fit(ModelCheckpoint::new(path("d.keras")));
    assert!(message.contains("a file, not a folder"), "{message}");
}
