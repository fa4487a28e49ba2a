//! Reading `testdata/files.zip`, and comparing.

use keras_datasets::npz::read_npz;
use keras_tensor::Tensor;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder that is removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("keras-io-test-{}-{n}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A case: files that Keras wrote of one model, and what the model computed.
pub(crate) struct Case {
    pub(crate) name: String,
    members: BTreeMap<String, Vec<u8>>,
}

/// The cases of a kind, `"layers"`, `"models"` or `"train"`.
pub(crate) fn cases(kind: &str) -> Vec<Case> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/files.zip");
    let mut zip = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    for i in 0..zip.len() {
        let mut member = zip.by_index(i).unwrap();
        let name = member.name().unwrap().to_string();
        let parts: Vec<&str> = name.splitn(3, '/').collect();
        if parts[0] == kind {
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).unwrap();
            let case = cases.entry(parts[1].into()).or_insert_with(|| Case {
                name: parts[1].into(),
                members: BTreeMap::new(),
            });
            case.members.insert(parts[2].into(), bytes);
        }
    }
    assert!(!cases.is_empty());
    cases.into_values().collect()
}

impl Case {
    pub(crate) fn bytes(&self, file: &str) -> Option<&[u8]> {
        self.members.get(file).map(|b| &b[..])
    }

    /// Writes a file of the case into a folder.
    pub(crate) fn file(&self, file: &str, folder: &Folder) -> Option<PathBuf> {
        Some(folder.write(file, self.bytes(file)?))
    }

    /// Writes what the case holds in a folder of this name into a folder.
    pub(crate) fn folder(&self, name: &str, folder: &Folder) -> Option<PathBuf> {
        let inside = self.members.iter().filter_map(|(path, bytes)| {
            let rest = path.strip_prefix(name)?.strip_prefix('/')?;
            Some((rest, bytes))
        });
        let to = folder.path(&format!("{}-{name}", self.name));
        for (path, bytes) in inside {
            let path = to.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        to.is_dir().then_some(to)
    }

    /// The `config.json` of a `.keras` file.
    pub(crate) fn config(&self, file: &str) -> Option<Value> {
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(self.bytes(file)?)).unwrap();
        let mut text = String::new();
        let mut member = zip.by_name("config.json").unwrap();
        member.read_to_string(&mut text).unwrap();
        Some(serde_json::from_str(&text).unwrap())
    }

    pub(crate) fn json(&self, file: &str) -> Value {
        serde_json::from_slice(self.bytes(file).unwrap()).unwrap()
    }

    /// What Keras 3 or Keras 2 computed.
    pub(crate) fn arrays(&self, vintage: Vintage) -> Arrays {
        let file = vintage.pick("io.npz", "io_k2.npz");
        let arrays = read_npz(&self.name, self.bytes(file).unwrap()).unwrap();
        Arrays(arrays.into_iter().collect())
    }
}

/// Which Keras wrote a file.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Vintage {
    Keras3,
    Keras2,
}

impl Vintage {
    pub(crate) fn of(file: &str) -> Self {
        if file.contains("k2") {
            Vintage::Keras2
        } else {
            Vintage::Keras3
        }
    }

    pub(crate) fn pick<T>(self, keras3: T, keras2: T) -> T {
        match self {
            Vintage::Keras3 => keras3,
            Vintage::Keras2 => keras2,
        }
    }
}

pub(crate) struct Arrays(BTreeMap<String, Tensor>);

impl Arrays {
    pub(crate) fn get(&self, key: &str) -> Option<&Tensor> {
        self.0.get(key)
    }

    /// `prefix0`, `prefix1`, ... as far as there are any.
    pub(crate) fn list(&self, prefix: &str) -> Vec<Tensor> {
        (0..)
            .map_while(|i| self.get(&format!("{prefix}{i}")).cloned())
            .collect()
    }
}

/// Whether two tensors are equal within `atol + rtol * |expected|`.
pub(crate) fn close(
    what: &str,
    got: &Tensor,
    expected: &Tensor,
    info: &Value,
) -> Result<(), String> {
    let tolerance = |key: &str| info[key].as_f64().unwrap();
    let (atol, rtol) = (tolerance("atol"), tolerance("rtol"));
    if got.shape() != expected.shape() {
        return Err(format!(
            "{what}: shape {} is not {}",
            got.shape(),
            expected.shape()
        ));
    }
    let numbers = |t: &Tensor| t.to_f64_vec().unwrap().into_iter();
    for (i, (g, e)) in numbers(got).zip(numbers(expected)).enumerate() {
        let near = (g - e).abs() <= atol + rtol * e.abs() || (g.is_nan() && e.is_nan()) || g == e;
        if !near {
            return Err(format!("{what}[{i}]: got {g}, expected {e}"));
        }
    }
    Ok(())
}

/// Whether two lists of tensors are equal, bit for bit.
pub(crate) fn same(what: &str, got: &[Tensor], expected: &[Tensor]) -> Result<(), String> {
    if got.len() != expected.len() {
        return Err(format!(
            "{what}: {} values, expected {}",
            got.len(),
            expected.len()
        ));
    }
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        let bits = |t: &Tensor| -> Vec<u64> {
            t.to_f64_vec()
                .unwrap()
                .into_iter()
                .map(f64::to_bits)
                .collect()
        };
        if g.shape() != e.shape() || g.dtype() != e.dtype() || bits(g) != bits(e) {
            return Err(format!("{what}: value {i} differs"));
        }
    }
    Ok(())
}

/// Classes and dtype policies that do not exist yet.
pub(crate) const LATER: &[&str] = &[
    "CategoryEncoding",
    "Discretization",
    "HashedCrossing",
    "Hashing",
    "IntegerLookup",
    "MelSpectrogram",
    "STFTSpectrogram",
    "StringLookup",
    "TextVectorization",
    // A class of the case's own; see subclassed.rs.
    "Net",
];

/// Whether a config holds something that does not exist yet.
pub(crate) fn uses_later(json: &Value) -> bool {
    match json {
        Value::String(text) => LATER.contains(&&**text),
        Value::Object(object) => object.values().any(uses_later),
        Value::Array(all) => all.iter().any(uses_later),
        _ => false,
    }
}

/// Counts what was replayed, and fails with every message at the end.
#[derive(Default)]
pub(crate) struct Tally {
    passed: usize,
    skipped: usize,
    failures: Vec<String>,
}

impl Tally {
    pub(crate) fn check(&mut self, result: Result<(), String>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(message) => self.failures.push(message),
        }
    }

    pub(crate) fn skip(&mut self) {
        self.skipped += 1;
    }

    pub(crate) fn finish(self) {
        let (passed, skipped) = (self.passed, self.skipped);
        println!(
            "{passed} passed, {} failed, {skipped} skipped",
            self.failures.len()
        );
        assert!(self.failures.is_empty(), "{}", self.failures.join("\n"));
        assert!(self.passed > 0);
    }
}
