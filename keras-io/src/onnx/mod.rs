//! ONNX: what a model computes, for runtimes of other makers.

mod builder;
mod nodes;
mod space;

use keras_models::Model;
use keras_tensor::Result;
use std::path::Path;

use crate::atomic;
use crate::graph::{Weights, trace};
use crate::limits::format_error;

/// One file of protocol buffers cannot be larger.
const LARGEST: usize = i32::MAX as usize;

/// Writes what a model computes in inference as an ONNX file (opset 17). Inputs have the names of the input layers, and
/// any number of samples.
///
/// # Errors
/// A model that is not built, an op that ONNX does not have, more than 2 GiB of weights, or what the system says.
pub fn export_onnx(model: &Model, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let bytes = to_bytes(model)?;
    if bytes.len() > LARGEST {
        let problem = "it has more than 2 GiB, which is the most that one file can hold";
        return Err(format_error(
            format!("model `{}` as ONNX", model.name()),
            problem,
        ));
    }
    atomic::write_bytes(path, &bytes)
}

fn to_bytes(model: &Model) -> Result<Vec<u8>> {
    let graph = trace(model, Weights::Folded)?;
    let mut builder = builder::Builder::new(&graph)?;
    for node in &graph.nodes {
        nodes::add(&mut builder, node)?;
    }
    builder.finish()
}
