//! Files of attackers and damaged files: each an error, quickly.

use keras_io::hdf5::{Group, Tree};
use keras_io::{
    Limits, Load, inspect, load_model, save_model, save_weights, save_weights_in_shards,
};
use keras_layers::layers::{Dense, Input};
use keras_models::{Compile, Sequential, layers};
use keras_tensor::{Result, Tensor};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use zip::write::SimpleFileOptions;

use crate::support::Folder;

fn model() -> Sequential {
    let layers = layers![
        Input::new([4]),
        Dense::new(3).activation("relu"),
        Dense::new(2)
    ];
    let mut model = Sequential::named("network", layers);
    model
        .compile(Compile::new("adam", "mse").metric("mae"))
        .unwrap();
    model
}

/// The message of an error that comes within a second.
fn refused<T>(what: &str, work: impl FnOnce() -> Result<T>) -> String {
    let begin = Instant::now();
    let message = match work() {
        Ok(_) => panic!("{what}: it was read"),
        Err(e) => e.to_string(),
    };
    assert!(
        begin.elapsed() < Duration::from_secs(1),
        "{what}: {:?}",
        begin.elapsed()
    );
    message
}

fn expect(what: &str, part: &str, message: &str) {
    assert!(message.contains(part), "{what}: {message}");
}

/// A `.keras` file of these members.
fn archive(folder: &Folder, members: &[(&str, &[u8])]) -> std::path::PathBuf {
    let path = folder.path("made.keras");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, bytes) in members {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    path
}

#[test]
fn hdf5_that_asks_for_more_than_it_holds_is_refused() {
    let attacks = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/hostile");
    let limits = Limits::default();
    for (file, part) in [
        ("atk_bomb.h5", "ratio"),
        (
            "atk_extlink.h5",
            "links to other places and files are not followed",
        ),
        ("atk_extraw.h5", "stores none in this file"),
        ("atk_huge.h5", "declares"),
        ("atk_vds.h5", "virtual dataset"),
    ] {
        let root = Group::open(Path::new(attacks).join(file), &limits).unwrap();
        let message = refused(file, || walk(&root));
        expect(file, part, &message);
    }
}

/// Reads everything, and the names that the attack files use for links.
fn walk(group: &Group) -> Result<()> {
    for name in group.datasets()? {
        group.dataset(&name)?.read()?;
    }
    for name in group.groups()? {
        walk(&group.group(&name)?)?;
    }
    for link in LINKS {
        group.dataset(link)?.read()?;
    }
    Ok(())
}

const LINKS: &[&str] = &["w"];

#[test]
fn what_runs_code_is_refused_in_every_format() {
    let folder = Folder::new();
    for class in ["Lambda", "TFSMLayer", "TorchModuleWrapper", "__lambda__"] {
        let config = format!(
            r#"{{"class_name": "Sequential", "config": {{"name": "s", "layers": [
                {{"class_name": "InputLayer", "config": {{"batch_shape": [null, 2]}}}},
                {{"class_name": "{class}", "config": {{"function": ["YQ=="]}}}}]}}}}"#
        );
        let made = archive(&folder, &[("config.json", config.as_bytes())]);
        expect(class, "is refused", &refused(class, || load_model(&made)));
        let mut tree = Tree::new();
        tree.set_text("model_config", config);
        let legacy = folder.write("made.h5", &tree.to_bytes().unwrap());
        expect(class, "is refused", &refused(class, || load_model(&legacy)));
    }
}

#[test]
fn files_of_other_kinds_are_named() {
    let folder = Folder::new();
    let expected: &[(&[u8], &str)] = &[
        (b"", "an empty file"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid",
            "Git LFS",
        ),
        (b"\x80\x02}q\x00", "pickle"),
        (b"<!DOCTYPE html>", "HTML"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"PK\x03\x04", "zip"),
        (b"just text", "it is no"),
    ];
    for (bytes, part) in expected {
        if *part != "HDF5" {
            let path = folder.write("it.h5", bytes);
            expect(
                part,
                part.trim_start_matches("it is no"),
                &refused(part, || load_model(&path)),
            );
        }
        if *part != "zip" {
            let path = folder.write("it.keras", bytes);
            expect(part, part, &refused(part, || load_model(&path)));
        }
    }
    let nowhere = refused("missing", || load_model(folder.path("nowhere.keras")));
    expect("missing", "No such file", &nowhere);
    expect(
        "folder",
        "wanted",
        &refused("folder", || load_model(folder.path(""))),
    );
    let other = folder.write("weights.pt", b"PK\x03\x04 archive/data.pkl");
    expect(
        "PyTorch",
        "a PyTorch file",
        &refused("PyTorch", || load_model(&other)),
    );
    let model = model();
    for name in ["model.h6", "model", "model.weights"] {
        expect(
            name,
            "file name",
            &refused(name, || save_model(&model, folder.path(name))),
        );
        expect(
            name,
            "file name",
            &refused(name, || save_weights(&model, folder.path(name))),
        );
    }
}

#[test]
fn archives_and_configs_that_ask_for_too_much_are_refused() {
    let folder = Folder::new();
    let bomb = vec![b' '; 64 << 20];
    let made = archive(&folder, &[("config.json", &bomb)]);
    expect("bomb", "ratio", &refused("bomb", || load_model(&made)));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let made = archive(&folder, &[("config.json", deep.as_bytes())]);
    expect("deep", "no JSON", &refused("deep", || load_model(&made)));
    let made = archive(&folder, &[("metadata.json", b"{}")]);
    expect(
        "no config",
        "config.json",
        &refused("no config", || load_model(&made)),
    );
    let units = r#"{"class_name": "Sequential", "config": {"name": "s", "layers": [
        {"class_name": "InputLayer", "config": {"batch_shape": [null, 4000000000]}},
        {"class_name": "Dense", "config": {"units": 4000000000000}}]}}"#;
    let made = archive(&folder, &[("config.json", units.as_bytes())]);
    refused("huge weights", || load_model(&made));
    let small = Limits {
        bytes: 100,
        ..Limits::default()
    };
    save_model(&model(), folder.path("m.keras")).unwrap();
    let message = refused("limit", || {
        Load::new().limits(small).model(folder.path("m.keras"))
    });
    expect("limit", "limit of 100", &message);
}

#[test]
fn maps_of_shards_lead_nowhere_else() {
    let folder = Folder::new();
    let model = model();
    let path = folder.path("m.weights.json");
    save_weights_in_shards(&model, &path, 48).unwrap();
    assert!(folder.path("m_00002.weights.h5").exists());
    assert!(Load::new().weights(&model, &path).unwrap().is_empty());
    let map = std::fs::read_to_string(&path).unwrap();
    // Each time the files of the map before stay until the new map is there; then they are gone.
    let there = || -> Vec<usize> {
        let exists = |n: &usize| folder.path(&format!("m_{n:05}.weights.h5")).exists();
        (0..100).filter(exists).collect()
    };
    let first = there();
    let count = first.len();
    for round in 0..3 {
        save_weights_in_shards(&model, &path, 48).unwrap();
        assert!(Load::new().weights(&model, &path).unwrap().is_empty());
        // Keras wants the first one to be there.
        let second = std::iter::once(0).chain(count..2 * count);
        let wanted = if round % 2 == 0 {
            second.collect()
        } else {
            first.clone()
        };
        assert_eq!(there(), wanted);
    }
    save_weights_in_shards(&model, &path, 48).unwrap();
    for name in [
        "../m_00000.weights.h5",
        "/etc/passwd",
        "a/../m_00000.weights.h5",
        "m.npz",
    ] {
        std::fs::write(&path, map.replace("m_00000.weights.h5", name)).unwrap();
        let message = refused(name, || Load::new().weights(&model, &path));
        expect(name, "beside it", &message);
    }
    std::fs::write(&path, map.replace("m_00001", "m_00077")).unwrap();
    expect(
        "missing",
        "m_00077",
        &refused("missing", || Load::new().weights(&model, &path)),
    );
    let message = refused("small", || save_weights_in_shards(&model, &path, 10));
    expect("small", "max_shard_bytes", &message);
}

/// Made by `tests/data/hostile/make.py`.
#[test]
fn weights_that_lead_elsewhere_or_in_circles_are_refused() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/hostile"));
    for (name, part) in [
        ("soft", "HDF5 group /layers/dense: "),
        ("soft_dataset", "HDF5 group /layers/dense"),
        ("external", "HDF5 group /layers/dense: "),
        ("text", "wanted numbers as Keras stores them"),
        ("names", "a variable \"one\""),
    ] {
        for version in ["", "_latest"] {
            let path = folder.join(format!("own_{name}{version}.weights.h5"));
            let message = refused(name, || Load::new().weights(&model(), &path));
            expect(name, part, &message);
        }
    }
    // What is reached in a circle is left out with a warning; what counts is that the reader comes back.
    for version in ["", "_latest"] {
        let path = folder.join(format!("own_circle{version}.weights.h5"));
        refused("circle", || inspect(&path, &Limits::default()));
        let warnings = Load::new().weights(&model(), &path).unwrap();
        assert!(
            warnings.iter().any(|w| w.contains("layers/dense/again")),
            "{warnings:?}"
        );
    }
}

#[test]
fn damaged_files_are_errors_and_never_panics() {
    let folder = Folder::new();
    for name in ["m.keras", "m.h5"] {
        let path = folder.path(name);
        save_model(&model(), &path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in (0..whole.len()).step_by(whole.len() / 40) {
            std::fs::write(&path, &whole[..length]).unwrap();
            refused(name, || load_model(&path));
        }
        let mut random = 12345u64;
        for _ in 0..150 {
            let mut bytes = whole.clone();
            for _ in 0..4 {
                random = random
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                let place = (random >> 33) as usize % bytes.len();
                bytes[place] = (random >> 20) as u8;
            }
            std::fs::write(&path, &bytes).unwrap();
            // A changed number is no error; all that counts is that nothing panics or hangs.
            let begin = Instant::now();
            let _ = Load::new().model(&path);
            let _ = inspect(&path, &Limits::default());
            assert!(begin.elapsed() < Duration::from_secs(1));
        }
    }
}

#[test]
fn a_changed_number_in_a_keras_file_is_found() {
    let folder = Folder::new();
    let (path, model) = (folder.path("m.keras"), model());
    save_model(&model, &path).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let kernel = model
        .get_weights()
        .unwrap()
        .remove(0)
        .to_vec::<f32>()
        .unwrap();
    let first = kernel[0].to_le_bytes();
    let place = bytes.windows(4).position(|w| w == first).unwrap();
    bytes[place] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    expect(
        "m.keras",
        "checksum",
        &refused("m.keras", || load_model(&path)).to_lowercase(),
    );
    let before = model.get_weights().unwrap();
    let message = refused("m.keras", || Load::new().weights(&model, &path));
    expect("m.keras", "checksum", &message.to_lowercase());
    for (before, after) in before.iter().zip(model.get_weights().unwrap()) {
        assert_eq!(
            before.to_vec::<f32>().unwrap(),
            after.to_vec::<f32>().unwrap()
        );
    }
}

#[test]
fn weights_that_do_not_fit_change_nothing() {
    let folder = Folder::new();
    let path = folder.path("m.weights.h5");
    save_weights(&model(), &path).unwrap();
    let other = Sequential::new(layers![Input::new([4]), Dense::new(3), Dense::new(7)]);
    let before = other.get_weights().unwrap();
    let message = refused("other", || Load::new().weights(&other, &path));
    expect("other", "in layer `", &message);
    expect("other", "has (3, 7)", &message);
    let first = |values: &[Tensor]| values[0].to_vec::<f32>().unwrap();
    assert_eq!(first(&before), first(&other.get_weights().unwrap()));
    let warnings = Load::new()
        .skip_mismatch(true)
        .weights(&other, &path)
        .unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_ne!(first(&before), first(&other.get_weights().unwrap()));
    // A file with more layers than the model says so.
    let short = Sequential::new(layers![Input::new([4]), Dense::new(3)]);
    let warnings = Load::new().weights(&short, &path).unwrap();
    assert!(warnings[0].contains("layers/dense_1"), "{warnings:?}");
}
