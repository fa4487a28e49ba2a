//! Files of attackers, at least one of each format: an error within a second, and little memory.

#![cfg(feature = "hdf5")]

use keras_io::hdf5::Tree;
use keras_io::{Limits, Load, SavedFunction, inspect, load_config, load_model, npz, safetensors};
use keras_layers::layers::{Dense, Input};
use keras_models::{Sequential, layers};
use keras_tensor::{DType, Error, ops};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use zip::write::SimpleFileOptions;

/// What reads a file.
type Read = fn(&Path) -> Result<(), Error>;

fn model(path: &Path) -> Result<(), Error> {
    load_model(path).map(drop)
}

fn weights(path: &Path) -> Result<(), Error> {
    let network = Sequential::named("s", layers![Input::new([4]), Dense::new(3)]);
    Load::new().weights(&network, path).map(drop)
}

fn function(path: &Path) -> Result<(), Error> {
    let x = ops::zeros([1, 5], DType::F32)?;
    SavedFunction::load(path)?.call(&[x]).map(drop)
}

fn config(path: &Path) -> Result<(), Error> {
    load_config(path).map(drop)
}

fn arrays(path: &Path) -> Result<(), Error> {
    npz::read(path, &Limits::default()).map(drop)
}

fn tensors(path: &Path) -> Result<(), Error> {
    safetensors::read(path, &Limits::default()).map(drop)
}

const HUGE: &str = r#"{"class_name": "Sequential", "config": {"name": "s", "layers": [
    {"class_name": "InputLayer", "config": {"batch_shape": [null, 4000000000]}},
    {"class_name": "Dense", "config": {"units": 4000000000000}}]}}"#;

const CODE: &str = r#"{"class_name": "Sequential", "config": {"name": "s", "layers": [
    {"class_name": "InputLayer", "config": {"batch_shape": [null, 4]}},
    {"class_name": "Lambda", "config": {"function": ["YQ=="]}}]}}"#;

fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let packed = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, bytes) in members {
        zip.start_file(*name, packed).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn legacy(config: &str) -> Vec<u8> {
    let mut tree = Tree::new();
    tree.set_text("model_config", config);
    tree.to_bytes().unwrap()
}

fn npy(header: &str) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes
}

fn headed(header: &str) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes
}

/// A field of a protocol buffer: bytes, or a number.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    field.extend(varint(bytes.len() as u64));
    field.extend(bytes);
    field
}

fn number(field: u8, value: u64) -> Vec<u8> {
    [vec![field << 3], varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// The index of a checkpoint with these entries, in the order of their keys.
fn index(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let block = |entries: &[(&str, Vec<u8>)]| {
        let mut block = Vec::new();
        for (key, value) in entries {
            let sizes = [0, key.len() as u64, value.len() as u64];
            block.extend(sizes.iter().flat_map(|n| varint(*n)));
            block.extend(key.as_bytes());
            block.extend(value);
        }
        // One place to start again, the first.
        block.extend([0, 0, 0, 0, 1, 0, 0, 0]);
        block
    };
    let mut file = Vec::new();
    let mut put = |block: Vec<u8>| {
        let place = [varint(file.len() as u64), varint(block.len() as u64)].concat();
        let stored = [&block[..], &[0]].concat();
        let crc = crc32c::crc32c(&stored)
            .rotate_right(15)
            .wrapping_add(0xa282_ead8);
        file.extend(stored);
        file.extend(crc.to_le_bytes());
        place
    };
    let data = put(block(entries));
    let meta = put(block(&[]));
    let places = put(block(&[("~", data)]));
    let mut footer = [meta, places].concat();
    footer.resize(40, 0);
    file.extend(footer);
    file.extend(0xdb47_7524_8b80_fb57u64.to_le_bytes());
    file
}

/// A tensor of 2^50 floats that the data file does not hold.
fn huge_entry() -> Vec<u8> {
    let shape = field(2, &number(1, 1 << 50));
    [number(1, 1), field(2, &shape), number(5, 1 << 52)].concat()
}

/// The largest memory that the process has taken so far, in MB; 0 where the system does not tell.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kb = line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kb.unwrap_or(0) / 1024
}

/// A SavedModel of Keras's export, with one of its ops renamed to one that would run Python.
fn export_that_calls_python(folder: &Path) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/files.zip");
    let mut zip = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let prefix = "layers/dense_relu/export_k3/";
    let names: Vec<String> = zip.file_names().map(|n| n.unwrap().into_owned()).collect();
    for name in names.iter().filter(|n| n.starts_with(prefix)) {
        let to = folder.join(&name[prefix.len()..]);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        let mut bytes = Vec::new();
        std::io::copy(&mut zip.by_name(name).unwrap(), &mut bytes).unwrap();
        if name.ends_with("saved_model.pb") {
            let at: Vec<usize> = (0..bytes.len() - 6)
                .filter(|i| &bytes[*i..*i + 6] == b"MatMul")
                .collect();
            at.iter()
                .for_each(|i| bytes[*i..*i + 6].copy_from_slice(b"PyFunc"));
            assert!(!at.is_empty());
        }
        std::fs::write(to, bytes).unwrap();
    }
}

#[test]
fn each_format_has_its_attack() {
    let folder: PathBuf =
        std::env::temp_dir().join(format!("keras-io-attacks-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let spaces = vec![b' '; 48 << 20];
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let map = r#"{"metadata": {"total_size": 1}, "weight_map": {"/layers/dense/vars": "../../etc/passwd"}}"#;
    let bomb = |name: &str, member: &str| (name.to_string(), zipped(&[(member, &spaces)]));
    let big = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,), }\n");
    let pickled = npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n");
    let hostile = |name: &str| {
        let data = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/hostile"));
        std::fs::read(data.join(name)).unwrap()
    };
    let far = r#"{"w": {"dtype": "F32", "shape": [1152921504606846976], "data_offsets": [0, 4611686018427387904]}}"#;
    let header = [number(1, 1)].concat();
    let huge_index = index(&[
        ("", header.clone()),
        ("w/.ATTRIBUTES/VARIABLE_VALUE", huge_entry()),
    ]);
    let circle = field(
        1,
        &[field(1, &[number(1, 0), field(2, b"a")].concat())].concat(),
    );
    let attacks: Vec<((String, Vec<u8>), Read)> = vec![
        (bomb("bomb.keras", "config.json"), model),
        (
            (
                "huge.keras".into(),
                zipped(&[("config.json", HUGE.as_bytes())]),
            ),
            model,
        ),
        (
            (
                "code.keras".into(),
                zipped(&[("config.json", CODE.as_bytes())]),
            ),
            model,
        ),
        (("huge.h5".into(), legacy(HUGE)), model),
        (("code.h5".into(), legacy(CODE)), model),
        (("bomb.weights.h5".into(), hostile("atk_bomb.h5")), weights),
        (("huge.weights.h5".into(), hostile("atk_huge.h5")), weights),
        (
            ("map.weights.json".into(), map.as_bytes().to_vec()),
            weights,
        ),
        (("huge.ckpt.index".into(), huge_index), weights),
        (
            (
                "circle.ckpt.index".into(),
                index(&[("", header), ("_CHECKPOINTABLE_OBJECT_GRAPH", circle)]),
            ),
            weights,
        ),
        (
            ("header.safetensors".into(), u64::MAX.to_le_bytes().to_vec()),
            tensors,
        ),
        (("far.safetensors".into(), headed(far)), tensors),
        (bomb("bomb.npz", "w.npy"), arrays),
        (("big.npz".into(), zipped(&[("w.npy", &big)])), arrays),
        (
            ("pickle.npz".into(), zipped(&[("w.npy", &pickled)])),
            arrays,
        ),
        (("deep.json".into(), deep.into_bytes()), config),
        (("huge.json".into(), HUGE.into()), config),
        (("code.json".into(), CODE.into()), config),
    ];
    for ((name, bytes), read) in attacks {
        let path = folder.join(&name);
        std::fs::write(&path, bytes).unwrap();
        if name.ends_with(".index") {
            std::fs::write(
                folder.join(name.replace(".index", ".data-00000-of-00001")),
                b"data",
            )
            .unwrap();
        }
        let path = folder.join(name.trim_end_matches(".index"));
        refused(&name, &path, read);
        // Telling what is in it is no way in, either.
        let start = Instant::now();
        let _ = inspect(&path, &Limits::default());
        assert!(start.elapsed() < Duration::from_secs(1), "inspect {name}");
    }
    let export = folder.join("export");
    export_that_calls_python(&export);
    let problem = refused("export", &export, function);
    assert!(problem.contains("PyFunc"), "{problem}");
    refused("export", &export, model);
    std::fs::remove_dir_all(&folder).unwrap();
    // What makes the attacks takes some, too.
    assert!(peak_mb() < 256, "{} MB", peak_mb());
}

/// The error that comes within a second.
fn refused(name: &str, path: &Path, read: Read) -> String {
    let start = Instant::now();
    let problem = read(path).expect_err(name);
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{name}: {:?}",
        start.elapsed()
    );
    problem.to_string()
}
