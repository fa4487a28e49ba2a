//! What the fuzz targets found: each an error now.

use keras_io::hdf5::{Group, Tree};
use keras_io::{Limits, Load, inspect, load_config, load_model, save_model};
use keras_layers::layers::{Dense, Input};
use keras_models::{Compile, Sequential, layers};
use serde_json::Value;
use std::fs::File;
use std::io::{Read, Write};
use zip::write::SimpleFileOptions;

use crate::support::{Folder, cases};

/// A file of the case `dense_relu`.
fn dense(file: &str) -> Vec<u8> {
    let cases = cases("layers");
    let case = cases.iter().find(|c| c.name == "dense_relu").unwrap();
    case.bytes(file).unwrap().to_vec()
}

/// The bytes with every `from` replaced by `to`, which is as long.
fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let places: Vec<usize> = (0..bytes.len() - from.len())
        .filter(|&i| bytes[i..].starts_with(from))
        .collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place..place + to.len()].copy_from_slice(to);
    }
    bytes
}

#[test]
fn a_group_without_a_name_is_no_circle() {
    let folder = Folder::new();
    let file = replaced(dense("model.weights.h5"), b"layers\0", b"\0\0\0\0\0\0\0");
    let path = folder.write("m.weights.h5", &file);
    let model = Sequential::new(layers![Input::new([5]), Dense::new(7)]);
    let how = Load::new().skip_mismatch(true);
    let message = how.weights(&model, &path).unwrap_err().to_string();
    assert!(message.contains("not empty"), "{message}");
    let message = inspect(&path, &Limits::default()).unwrap_err().to_string();
    assert!(message.contains("not empty"), "{message}");
}

#[test]
fn configs_of_other_json_than_objects_are_errors() {
    let folder = Folder::new();
    let layers = r#"{"class_name": "Sequential", "config": {"layers": [5]}}"#;
    for text in ["0", "[]", "null", r#""0""#, layers] {
        let json = folder.write("it.json", text.as_bytes());
        load_config(&json).err().expect(text);
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        zip.start_file("config.json", SimpleFileOptions::default())
            .unwrap();
        zip.write_all(text.as_bytes()).unwrap();
        let file = zip.finish().unwrap().into_inner();
        load_model(folder.write("it.keras", &file))
            .err()
            .expect(text);
        let mut tree = Tree::new();
        tree.set_text("model_config", text);
        let file = tree.to_bytes().unwrap();
        load_model(folder.write("it.h5", &file)).err().expect(text);
        // Field 5 of an object named `root`, the model itself.
        let mut node = b"\x1a\x04root\x2a".to_vec();
        node.push(text.len() as u8);
        node.extend(text.as_bytes());
        let mut metadata = vec![0x0a, node.len() as u8];
        metadata.extend(node);
        folder.write("saved_model.pb", b"");
        folder.write("keras_metadata.pb", &metadata);
        load_model(folder.path("")).err().expect(text);
    }
}

#[test]
fn settings_that_are_no_objects_do_no_harm() {
    let folder = Folder::new();
    let model = Sequential::new(layers![Input::new([5]), Dense::new(7)]);
    save_model(&model, folder.path("m.keras")).unwrap();
    let mut zip = zip::ZipArchive::new(File::open(folder.path("m.keras")).unwrap()).unwrap();
    let mut member = |name: &str| {
        let mut bytes = Vec::new();
        let mut member = zip.by_name(name).unwrap();
        member.read_to_end(&mut bytes).unwrap();
        bytes
    };
    let mut config: Value = serde_json::from_slice(&member("config.json")).unwrap();
    config["build_config"] = 5.into();
    config["compile_config"] = 5.into();
    let mut made = zip::ZipWriter::new(File::create(folder.path("made.keras")).unwrap());
    for (name, bytes) in [
        ("config.json", config.to_string().into_bytes()),
        ("model.weights.h5", member("model.weights.h5")),
    ] {
        made.start_file(name, SimpleFileOptions::default()).unwrap();
        made.write_all(&bytes).unwrap();
    }
    made.finish().unwrap();
    load_model(folder.path("made.keras")).unwrap();
}

#[test]
fn training_configs_that_are_no_objects_are_told() {
    let folder = Folder::new();
    let mut model = Sequential::new(layers![Input::new([5]), Dense::new(7)]);
    model.compile(Compile::new("adam", "mse")).unwrap();
    let path = folder.path("m.h5");
    save_model(&model, &path).unwrap();
    let root = Group::open(&path, &Limits::default()).unwrap();
    let text = root.text("training_config").unwrap().unwrap();
    let number = format!("{:<1$}", 5, text.len());
    let file = replaced(
        std::fs::read(&path).unwrap(),
        text.as_bytes(),
        number.as_bytes(),
    );
    let loaded = Load::new().model(folder.write("m.h5", &file)).unwrap();
    assert!(
        loaded.warnings[0].contains("no JSON object"),
        "{:?}",
        loaded.warnings
    );
}
