//! TensorFlow checkpoints: a table of tensors, and the graph of the objects that they are parts of.
//!
//! `weights.ckpt` is a prefix: the files are `weights.ckpt.index`, `weights.ckpt.data-00000-of-00001`, and `checkpoint`,
//! which names the latest one in a folder.

mod bundle;
mod graph;
mod names;
mod read;
mod table;
mod write;

pub(crate) use bundle::{Checkpoint, Stored, dtype_of, number_of, write};
pub(crate) use graph::{KEY, ObjectGraph};
pub(crate) use read::{load_weights, objects, read_objects};
pub(crate) use write::save_weights;

use std::path::Path;

/// Whether a path is the prefix of a checkpoint, or its index.
pub(crate) fn is_one(path: &Path) -> bool {
    let ends = path
        .extension()
        .is_some_and(|e| e == "ckpt" || e == "index");
    ends || bundle::index_of(path).is_file()
}
