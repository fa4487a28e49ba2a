//! Keras's file formats, each in a module of its own: `.keras`, `.weights.h5` and legacy `.h5`, TensorFlow checkpoints,
//! SavedModel, safetensors, npz, ONNX, and config JSON.
//!
//! Nothing in a file is ever executed or opened as a path, and sizes are compared with what is stored before memory is
//! taken ([`Limits`]). Files are written atomically.

#![forbid(unsafe_code)]

mod archive;
pub mod arrays;
pub mod atomic;
mod bytes;
#[cfg(feature = "hdf5")]
pub mod callbacks;
#[cfg(feature = "hdf5")]
mod checkpoint;
#[cfg(feature = "hdf5")]
mod config;
#[cfg(feature = "hdf5")]
mod graph;
#[cfg(feature = "hdf5")]
pub mod hdf5;
mod holds;
#[cfg(feature = "hdf5")]
mod inspect;
#[cfg(feature = "hdf5")]
mod keras_file;
mod kind;
mod limits;
#[cfg(feature = "hdf5")]
mod model;
mod named;
pub mod npz;
#[cfg(feature = "hdf5")]
mod onnx;
mod plot;
#[cfg(feature = "hdf5")]
mod protobuf;
pub mod safetensors;
#[cfg(feature = "hdf5")]
mod saved_model;
#[cfg(feature = "hdf5")]
mod saving;
#[cfg(feature = "hdf5")]
mod stored;
#[cfg(feature = "hdf5")]
mod weights;

#[cfg(feature = "hdf5")]
pub use config::{load_config, save_config};
pub use holds::Holds;
#[cfg(feature = "hdf5")]
pub use inspect::{Inspection, StoredTensor, inspect};
pub use limits::Limits;
#[cfg(feature = "hdf5")]
pub use model::{
    Load, Loaded, load_model, load_weights, save_model, save_weights, save_weights_in_shards,
};
#[cfg(feature = "hdf5")]
pub use onnx::export_onnx;
pub use plot::{PlotModel, plot_history, plot_model};
#[cfg(feature = "hdf5")]
pub use saved_model::{SavedFunction, export};
#[cfg(feature = "hdf5")]
pub use saving::Saving;

use keras_tensor::{Error, Result};
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

/// The error for a file whose name tells no format that is wanted.
#[cfg(feature = "hdf5")]
pub(crate) fn unknown_name(path: &Path, wanted: &str) -> Error {
    let seems = kind::of_file(path);
    let got = match seems {
        Some(kind) => format!("{} ({kind})", path.display()),
        None => path.display().to_string(),
    };
    Error::argument("path", got, format!("a file name for {wanted}"))
}

/// A file that is not larger than the limits allow and seems to be of one of these kinds, the first of which is told in
/// errors.
pub(crate) fn open_file(path: &Path, limits: &Limits, kinds: &[&str]) -> Result<File> {
    let wanted = kinds.first().copied().unwrap_or_default();
    let what = path.display().to_string();
    if path.is_dir() {
        let kind = kind::of_file(path).unwrap_or("a folder");
        return Err(limits::format_error(
            what,
            format!("it is {kind}; wanted {wanted}"),
        ));
    }
    let mut file = File::open(path).map_err(|e| Error::io(path, e))?;
    let size = file.metadata().map_err(|e| Error::io(path, e))?.len();
    limits.check_bytes(&what, size, size)?;
    let mut start = Vec::new();
    let read = file.by_ref().take(512).read_to_end(&mut start);
    read.and_then(|_| file.rewind())
        .map_err(|e| Error::io(path, e))?;
    match kind::of_bytes(&start) {
        Some(kind) if kind != wanted => Err(limits::format_error(
            what,
            format!("it seems to be {kind}; wanted {wanted}"),
        )),
        _ => Ok(file),
    }
}

/// The bytes of a file that is not larger than the limits allow.
pub(crate) fn read_file(path: &Path, limits: &Limits, wanted: &str) -> Result<Vec<u8>> {
    let file = open_file(path, limits, &[wanted])?;
    let size = file.metadata().map_err(|e| Error::io(path, e))?.len() as usize;
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(size)
        .map_err(|_| Error::OutOfMemory { asked: size })?;
    // A file may grow while it is read, and a device has no size.
    file.take(limits.bytes)
        .read_to_end(&mut bytes)
        .map_err(|e| Error::io(path, e))?;
    Ok(bytes)
}
