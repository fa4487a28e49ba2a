//! Reading `testdata/golden.zip`, and comparing.

use keras::Tensor;
use keras::datasets::npz::read_npz;
use serde_json::Value;
use std::io::Read;

type Archive = zip::ZipArchive<std::fs::File>;

fn archive() -> Archive {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/golden.zip");
    zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap()
}

fn member(zip: &mut Archive, name: &str) -> Vec<u8> {
    let mut data = Vec::new();
    zip.by_name(name).unwrap().read_to_end(&mut data).unwrap();
    data
}

/// A JSON member.
pub(crate) fn json(name: &str) -> Value {
    serde_json::from_slice(&member(&mut archive(), name)).unwrap()
}

/// A JSON file beside the archive.
pub(crate) fn json_file(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata");
    let text = std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A tensor out of `{"dtype", "shape", "data"}`, or a number.
pub(crate) fn array(json: &Value) -> Tensor {
    if let Some(number) = json.as_f64() {
        return Tensor::scalar(number as f32);
    }
    let list = |key: &str| json[key].as_array().unwrap().iter();
    let data: Vec<f64> = list("data").map(|n| n.as_f64().unwrap()).collect();
    let shape: Vec<usize> = list("shape")
        .map(|n| n.as_u64().unwrap() as usize)
        .collect();
    let dtype = json["dtype"].as_str().unwrap().parse().unwrap();
    Tensor::from_f64(&data, shape, dtype).unwrap()
}

/// A case: a network or a layer with what Keras computed.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) info: Value,
    pub(crate) config: Value,
    arrays: Vec<(String, Tensor)>,
}

/// The cases of a kind: `"train"`, `"layers"` or `"models"`.
pub(crate) fn cases(kind: &str) -> Vec<Case> {
    read(kind, ["case.json", "config.json", "io.npz"])
}

/// The cases of a kind as tf.keras 2.15 computed them.
pub(crate) fn keras2_cases(kind: &str) -> Vec<Case> {
    read(kind, ["case_k2.json", "config_k2.json", "io_k2.npz"])
}

fn read(kind: &str, [info, config, io]: [&str; 3]) -> Vec<Case> {
    let mut zip = archive();
    let names: Vec<String> = zip
        .file_names()
        .map(|n| n.unwrap().to_string())
        .filter_map(|n| {
            Some(
                n.strip_prefix(&format!("{kind}/"))?
                    .strip_suffix(&format!("/{config}"))?
                    .to_string(),
            )
        })
        .collect();
    assert!(!names.is_empty());
    names
        .into_iter()
        .map(|name| {
            let mut read = |file: &str| member(&mut zip, &format!("{kind}/{name}/{file}"));
            Case {
                info: serde_json::from_slice(&read(info)).unwrap(),
                config: serde_json::from_slice(&read(config)).unwrap(),
                arrays: read_npz(&name, &read(io)).unwrap(),
                name,
            }
        })
        .collect()
}

impl Case {
    pub(crate) fn get(&self, key: &str) -> Option<&Tensor> {
        self.arrays.iter().find(|(k, _)| k == key).map(|(_, t)| t)
    }

    pub(crate) fn array(&self, key: &str) -> &Tensor {
        self.get(key)
            .unwrap_or_else(|| panic!("{}: no {key}", self.name))
    }

    /// `prefix0`, `prefix1`, ... as far as there are any.
    pub(crate) fn arrays(&self, prefix: &str) -> Vec<Tensor> {
        (0..)
            .map_while(|i| self.get(&format!("{prefix}{i}")).cloned())
            .collect()
    }

    pub(crate) fn close(&self, what: &str, got: &Tensor, expected: &Tensor) -> Result<(), String> {
        let tolerance = |key: &str| self.info[key].as_f64().unwrap();
        close(
            &format!("{} {what}", self.name),
            got,
            expected,
            tolerance("atol"),
            tolerance("rtol"),
        )
    }
}

/// Whether two tensors are equal within `atol + rtol * |expected|`; NaN equals NaN.
pub(crate) fn close(
    what: &str,
    got: &Tensor,
    expected: &Tensor,
    atol: f64,
    rtol: f64,
) -> Result<(), String> {
    if got.shape() != expected.shape() {
        return Err(format!(
            "{what}: shape {} is not {}",
            got.shape(),
            expected.shape()
        ));
    }
    let pairs = got
        .to_f64_vec()
        .unwrap()
        .into_iter()
        .zip(expected.to_f64_vec().unwrap());
    for (i, (g, e)) in pairs.enumerate() {
        let near = (g - e).abs() <= atol + rtol * e.abs() || (g.is_nan() && e.is_nan()) || g == e;
        if !near {
            return Err(format!("{what}[{i}]: got {g}, expected {e}"));
        }
    }
    Ok(())
}

/// Counts what was replayed, and fails with every message at the end.
#[derive(Default)]
pub(crate) struct Tally {
    passed: usize,
    failures: Vec<String>,
}

impl Tally {
    pub(crate) fn check(&mut self, result: Result<(), String>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(message) => self.failures.push(message),
        }
    }

    pub(crate) fn finish(self) {
        println!("{} passed, {} failed", self.passed, self.failures.len());
        assert!(self.failures.is_empty(), "{}", self.failures.join("\n"));
        assert!(self.passed > 0);
    }
}
