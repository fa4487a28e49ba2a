//! What the fuzz targets found: each an error now.

use keras_io::{Limits, Load, inspect};
use keras_layers::layers::{Dense, Input};
use keras_models::{Sequential, layers};

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
