//! What the fuzz targets share: a folder for their files, inputs of several parts, and the limits that they read within.

#![forbid(unsafe_code)]

use keras_io::Limits;
use keras_io::hdf5::Group;
use keras_layers::layers::{Dense, Input};
use keras_models::{Compile, Sequential, layers};
use keras_tensor::Result;
use std::io::Write;
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;

/// What stands between the parts of an input that becomes several files.
const BETWEEN: &[u8] = b"--PART--";

/// The limits that all targets read within: small, so that what asks for more than it should is seen soon.
pub fn limits() -> Limits {
    Limits {
        bytes: 64 << 20,
        nodes: 10_000,
        ..Limits::default()
    }
}

/// The parts of an input; those that it lacks are empty.
pub fn parts<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut rest = data;
    std::array::from_fn(|_| {
        let end = rest.windows(BETWEEN.len()).position(|w| w == BETWEEN);
        let (part, after) = match end {
            Some(end) => (&rest[..end], &rest[end + BETWEEN.len()..]),
            None => (rest, &[][..]),
        };
        rest = after;
        part
    })
}

/// A zip file of these members, with the checksums that belong to them, which no change of bytes finds by chance.
pub fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in members {
        zip.start_file(*name, options).expect("a zip in memory");
        zip.write_all(bytes).expect("a zip in memory");
    }
    zip.finish().expect("a zip in memory").into_inner()
}

/// A compiled model for weights to be read into: `[batch, 5]` to `[batch, 2]`.
pub fn model() -> Sequential {
    let layers = layers![Input::new([5]), Dense::new(7), Dense::new(2)];
    let mut model = Sequential::new(layers);
    model
        .compile(Compile::new("adam", "mse"))
        .expect("a model that compiles");
    model
}

/// Reads all that a group holds; the error is the first that was met, but the rest is read too.
pub fn walk(group: &Group, depth: usize) -> Result<()> {
    for name in group.datasets()?.iter().take(100) {
        let dataset = group.dataset(name)?;
        let _ = (dataset.shape(), dataset.dtype(), dataset.read());
    }
    for name in group.groups()?.iter().take(20) {
        if depth > 0 {
            walk(&group.group(name)?, depth - 1)?;
        }
    }
    Ok(())
}

/// A folder of this process, removed at the end.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes the folder.
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("keras-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, and the folders on the way to it.
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("a temporary folder");
        }
        std::fs::write(&path, bytes).expect("a file in a temporary folder");
        path
    }
}

impl Default for Folder {
    fn default() -> Self {
        Folder::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
