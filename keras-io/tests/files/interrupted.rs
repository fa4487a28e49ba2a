//! Training that is interrupted and goes on is training that was never interrupted, bit for bit.

use keras_datasets::Dataset;
use keras_io::callbacks::{BackupAndRestore, ModelCheckpoint, SaveFreq};
use keras_layers::layers::{BatchNormalization, Dense, Dropout, GaussianNoise, Input};
use keras_layers::set_dtype_policy;
use keras_models::callbacks::{
    CSVLogger, Callback, EarlyStopping, LearningRateScheduler, ReduceLROnPlateau,
};
use keras_models::{Compile, Data, Fit, Logs, Model, Sequential, layers};
use keras_tensor::{DType, Error, Result, Tensor, ops, random};
use std::path::Path;

use crate::support::{Folder, same};

const OPTIMIZERS: &[&str] = &[
    "sgd",
    "adam",
    "adamw",
    "adagrad",
    "adadelta",
    "adamax",
    "nadam",
    "rmsprop",
    "ftrl",
    "lion",
    "adafactor",
    "lamb",
    "muon",
];
const SAMPLES: usize = 20;
const BATCH: usize = 4;
const EPOCHS: usize = 4;

/// A network of its own seeds; what it begins with is not what a backup holds.
fn network(seed: u64, optimizer: &str) -> Sequential {
    random::set_seed(seed);
    let mut network = Sequential::new(layers![
        Input::new([3]),
        Dense::new(6).activation("tanh"),
        Dropout::new(0.3),
        BatchNormalization::new(),
        GaussianNoise::new(0.1),
        Dense::new(2).activation("softmax"),
    ]);
    let how = Compile::new(optimizer, "sparse_categorical_crossentropy");
    network.compile(how.metric("accuracy")).unwrap();
    network
}

fn tensors() -> (Tensor, Tensor) {
    let x: Vec<f64> = (0..SAMPLES * 3).map(|i| (i as f64 * 0.37).sin()).collect();
    let x = Tensor::from_f64(&x, [SAMPLES, 3], DType::F32).unwrap();
    let y = ops::cast(
        ops::greater(ops::sum(&x, 1).unwrap(), 0.0).unwrap(),
        DType::I32,
    );
    (x, y.unwrap())
}

/// Where a run is stopped, as by a crash: after so many batches of all.
struct Crash {
    after: usize,
    seen: usize,
}

impl Callback for Crash {
    fn on_train_batch_begin(&mut self, _: usize, _: &mut Model, _: &Logs) -> Result<()> {
        if self.seen == self.after {
            return Err(Error::Other("crash".into()));
        }
        self.seen += 1;
        Ok(())
    }
}

/// Everything that a run leaves: weights, seeds, the optimizer's state, and the numbers of its last epochs.
struct Outcome {
    variables: Vec<Tensor>,
    logs: Vec<Vec<f64>>,
}

fn outcome(model: &Model, history: &keras_models::callbacks::History) -> Outcome {
    let mut variables = model.variables();
    variables.extend(model.optimizer().unwrap().variables());
    Outcome {
        variables: variables.iter().map(|v| v.value().unwrap()).collect(),
        logs: history
            .iter()
            .map(|(_, numbers)| numbers.to_vec())
            .collect(),
    }
}

fn assert_same(what: &str, got: &Outcome, wanted: &Outcome) {
    same(what, &got.variables, &wanted.variables).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(got.logs.len(), wanted.logs.len(), "{what}");
    for (got, wanted) in got.logs.iter().zip(&wanted.logs) {
        // The history of a run that goes on begins with the epoch in which it goes on.
        let last = &wanted[wanted.len() - got.len()..];
        assert_eq!(got, last, "{what}");
    }
}

/// Trains from the seeds of a process of its own.
fn train<'a>(seed: u64, optimizer: &str, data: &dyn Fn() -> Data, how: Fit<'a>) -> Result<Outcome> {
    let mut network = network(seed, optimizer);
    let how = how.epochs(EPOCHS).verbose(0);
    let history = network.fit(data(), how)?;
    Ok(outcome(&network, &history))
}

/// A crash after some batches, and the run that goes on.
fn crash_and_go_on(
    optimizer: &str,
    data: &dyn Fn() -> Data,
    folder: &Path,
    freq: SaveFreq,
    after: usize,
    how: &dyn Fn() -> Fit<'static>,
) -> Outcome {
    let backup = || BackupAndRestore::new(folder).save_freq(freq);
    let crash = Crash { after, seen: 0 };
    let stopped = train(1, optimizer, data, how().callback(backup()).callback(crash));
    assert_eq!(stopped.err().unwrap().to_string(), "crash");
    let done = train(2, optimizer, data, how().callback(backup())).unwrap();
    assert!(!folder.exists(), "backups are removed at the end");
    done
}

#[test]
fn every_optimizer_goes_on_in_the_middle_of_an_epoch() {
    let folder = Folder::new();
    let data = || Data::from(tensors());
    let how = || Fit::new().batch_size(BATCH);
    for optimizer in OPTIMIZERS {
        let whole = train(1, optimizer, &data, how()).unwrap();
        for (after, freq) in [
            (8, SaveFreq::Batches(1)),
            (12, SaveFreq::Epoch),
            (14, SaveFreq::Batches(3)),
        ] {
            let backup = folder.path(optimizer);
            let done = crash_and_go_on(optimizer, &data, &backup, freq, after, &how);
            assert_same(
                &format!("{optimizer} after {after} by {freq:?}"),
                &done,
                &whole,
            );
        }
    }
}

#[test]
fn the_scale_of_losses_goes_on() {
    let folder = Folder::new();
    let data = || Data::from(tensors());
    let how = || Fit::new().batch_size(BATCH);
    set_dtype_policy("mixed_float16").unwrap();
    let whole = train(1, "adam", &data, how()).unwrap();
    let backup = folder.path("backup");
    let done = crash_and_go_on("adam", &data, &backup, SaveFreq::Batches(1), 8, &how);
    assert_same("mixed_float16", &done, &whole);
}

#[test]
fn every_batch_is_a_place_to_go_on() {
    let folder = Folder::new();
    let data = || Data::from(tensors());
    let how = || {
        Fit::new()
            .batch_size(BATCH)
            .validation_split(0.2)
            .validation_freq(2)
    };
    let whole = train(1, "adam", &data, how()).unwrap();
    // After the first batch the backup says so, so that is the first place.
    for after in 1..EPOCHS * 4 {
        let backup = folder.path("backup");
        let done = crash_and_go_on("adam", &data, &backup, SaveFreq::Batches(1), after, &how);
        assert_same(&format!("after {after}"), &done, &whole);
    }
}

#[test]
fn data_that_flows_over_epochs_goes_on_where_it_was() {
    let folder = Folder::new();
    let data = || {
        let slices = Dataset::from_tensor_slices(tensors()).unwrap();
        let endless = slices.shuffle(7).cache().shuffle(SAMPLES).repeat(None);
        Data::from(&endless.batch(3).prefetch(2))
    };
    let how = || Fit::new().steps_per_epoch(5);
    let whole = train(1, "rmsprop", &data, how()).unwrap();
    for (after, freq) in [
        (2, SaveFreq::Batches(2)),
        (9, SaveFreq::Batches(4)),
        (16, SaveFreq::Epoch),
        (19, SaveFreq::Batches(1)),
    ] {
        let done = crash_and_go_on("rmsprop", &data, &folder.path("b"), freq, after, &how);
        assert_same(&format!("after {after} by {freq:?}"), &done, &whole);
    }
}

#[test]
fn callbacks_go_on_too() {
    let folder = Folder::new();
    let data = || Data::from(tensors());
    for after in [6, 9, 13] {
        for (name, freq) in [("batch", SaveFreq::Batches(1)), ("epoch", SaveFreq::Epoch)] {
            let csv = |run: &str| folder.path(&format!("{name}{after}{run}.csv"));
            let best = |run: &str| {
                folder
                    .path(&format!("{name}{after}{run}.keras"))
                    .display()
                    .to_string()
            };
            let how = |run: &'static str| {
                Fit::new()
                    .batch_size(BATCH)
                    .callback(LearningRateScheduler::new(|_, rate| rate * 0.5))
                    .callback(ReduceLROnPlateau::new("loss").patience(1).min_delta(0.3))
                    .callback(
                        EarlyStopping::new("loss")
                            .patience(9)
                            .min_delta(0.05)
                            .restore_best_weights(true),
                    )
                    .callback(
                        ModelCheckpoint::new(best(run))
                            .monitor("loss")
                            .save_best_only(true),
                    )
                    .callback(CSVLogger::new(csv(run)))
            };
            let whole = train(1, "sgd", &data, how("whole")).unwrap();
            let backup = folder.path("backup");
            let done = crash_and_go_on("sgd", &data, &backup, freq, after, &|| how("parts"));
            assert_same(&format!("after {after} by {name}"), &done, &whole);
            let read = |path| std::fs::read_to_string(path).unwrap();
            assert_eq!(read(csv("parts")), read(csv("whole")));
            let weights = |path| keras_io::load_model(path).unwrap().get_weights().unwrap();
            same("best", &weights(best("parts")), &weights(best("whole"))).unwrap();
        }
    }
}

#[test]
fn a_damaged_backup_is_an_error_and_the_one_before_it_helps() {
    let folder = Folder::new();
    let (data, dir) = (|| Data::from(tensors()), folder.path("backup"));
    let how = || Fit::new().batch_size(BATCH);
    let backup = |double| BackupAndRestore::new(&dir).double_checkpoint(double);
    let whole = train(1, "adam", &data, how()).unwrap();
    for double in [true, false] {
        let crash = Crash { after: 14, seen: 0 };
        let fit = how().callback(backup(double)).callback(crash);
        assert!(train(1, "adam", &data, fit).is_err());
        let latest = dir.join("latest.weights.h5");
        std::fs::write(&latest, b"damaged").unwrap();
        let done = train(2, "adam", &data, how().callback(backup(double)));
        match double {
            true => assert_same("double", &done.unwrap(), &whole),
            false => assert!(
                done.err()
                    .unwrap()
                    .to_string()
                    .contains("latest.weights.h5")
            ),
        }
    }
}

#[test]
fn a_backup_of_another_model_is_an_error() {
    let folder = Folder::new();
    let dir = folder.path("backup");
    let crash = Crash { after: 6, seen: 0 };
    let how = Fit::new()
        .batch_size(BATCH)
        .callback(BackupAndRestore::new(&dir).save_freq(2));
    assert!(train(1, "adam", &|| Data::from(tensors()), how.callback(crash)).is_err());
    let mut other = Sequential::new(layers![Input::new([3]), Dense::new(2)]);
    other.compile(Compile::new("adam", "mse")).unwrap();
    let how = || Fit::new().verbose(0).callback(BackupAndRestore::new(&dir));
    assert!(other.fit(tensors(), how()).is_err());
    let mut unbuilt = Sequential::new(layers![Dense::new(2)]);
    unbuilt.compile(Compile::new("adam", "mse")).unwrap();
    let message = unbuilt.fit(tensors(), how()).unwrap_err().to_string();
    assert!(message.contains("built before `fit`"), "{message}");
}

/// Keras knows the epoch alone, which is then begun anew.
#[test]
fn a_backup_of_keras_begins_its_epoch_anew() {
    let folder = Folder::new();
    let dir = folder.path("backup");
    std::fs::create_dir(&dir).unwrap();
    let before = network(1, "adam");
    keras_io::save_weights(&before, dir.join("latest.weights.h5")).unwrap();
    std::fs::write(
        dir.join("training_metadata.json"),
        r#"{"epoch": 2, "batch": 3}"#,
    )
    .unwrap();
    let mut network = network(2, "adam");
    let kept = BackupAndRestore::new(&dir).delete_checkpoint(false);
    let how = Fit::new().epochs(EPOCHS).verbose(0).callback(kept);
    let history = network.fit(tensors(), how).unwrap();
    assert_eq!(history.epoch, [2, 3]);
    let metadata = std::fs::read_to_string(dir.join("training_metadata.json")).unwrap();
    assert_eq!(metadata, r#"{"epoch":4,"batch":0}"#);
    assert!(dir.join("latest.weights.h5").exists());
}
