//! Weights from PyTorch's world: safetensors files of the state dicts of torchvision's models.
//!
//! A family says which of torch's modules is which of our layers; layouts are the same for all. The page
//! `docs/torchvision.md` has the mapping.

mod layout;

use keras_io::{Limits, safetensors};
use keras_layers::LayerRef;
use keras_models::Model;
use keras_tensor::{Error, Result, Tensor, ops};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// torch's name of the module that one of our layers is.
pub(crate) type Module = fn(&str) -> Option<String>;

/// Modules that tell classes apart; a model without its top does not need them.
const TOPS: [&str; 2] = ["fc.", "classifier."];

/// What torch calls the weights of a layer.
fn parameter(layer: &LayerRef, weight: &str) -> Option<&'static str> {
    Some(match (layer.class_name(), weight) {
        ("Conv2D" | "DepthwiseConv2D" | "Dense", "kernel") => "weight",
        ("Conv2D" | "Dense", "bias") => "bias",
        ("BatchNormalization", "gamma") => "weight",
        ("BatchNormalization", "beta") => "bias",
        ("BatchNormalization", "moving_mean") => "running_mean",
        ("BatchNormalization", "moving_variance") => "running_var",
        _ => return None,
    })
}

/// Reads the weights of a model from a file of torchvision, all of them or none.
///
/// # Errors
/// What is no such file; a weight that is missing there, has another shape, or has no layer here.
pub(crate) fn load(model: &Model, path: &Path, module: Module, include_top: bool) -> Result<()> {
    let what = path.display().to_string();
    let stored = safetensors::read(path, &Limits::default())?;
    let stored: BTreeMap<String, Tensor> = stored
        .into_iter()
        .filter(|(name, _)| !name.ends_with(".num_batches_tracked"))
        .map(|(name, tensor)| (modern(&name), tensor))
        .collect();
    let mut used = HashSet::new();
    let mut values = Vec::new();
    let mut flattened = None;
    for layer in model.children() {
        if layer.class_name() == "Flatten" {
            flattened = layer.input().ok().map(|x| x.dims().clone());
        }
        for weight in layer.weights() {
            let name = module(layer.name())
                .zip(parameter(layer, weight.name()))
                .map(|(module, parameter)| format!("{module}.{parameter}"));
            let wrong = |problem: String| {
                Error::data(
                    &what,
                    format!(
                        "{problem}, for `{}` of layer `{}`",
                        weight.name(),
                        layer.name()
                    ),
                )
            };
            let name = name.ok_or_else(|| wrong("torchvision has no weight".into()))?;
            let value = stored
                .get(&name)
                .ok_or_else(|| wrong(format!("it holds no tensor {name:?}")))?;
            // Only the first dense layer after the flattening sees channels, rows and columns in torch's order.
            let flattened = match weight.shape().rank() {
                2 => flattened.take(),
                _ => None,
            };
            let value = layout::ours(value, layer.class_name(), flattened.as_ref())
                .ok()
                .filter(|v| v.shape() == weight.shape())
                .ok_or_else(|| {
                    wrong(format!(
                        "tensor {name:?} has shape {} where one that becomes {} is wanted; is it another width or number of classes?",
                        value.shape(),
                        weight.shape()
                    ))
                })?;
            values.push(ops::cast(value, weight.dtype())?);
            used.insert(name);
        }
    }
    let needless = |name: &&String| {
        let of_top = TOPS.iter().any(|top| name.starts_with(top));
        !used.contains(*name) && (include_top || !of_top)
    };
    if let Some(name) = stored.keys().find(needless) {
        return Err(Error::data(
            what,
            format!(
                "its tensor {name:?} belongs to no layer of model `{}`; is it a file of another architecture?",
                model.name()
            ),
        ));
    }
    model.set_weights(&values)
}

/// The name that torchvision has today: the first files of DenseNet have `denselayer1.norm.1` for `denselayer1.norm1`.
fn modern(name: &str) -> String {
    if !name.contains(".denselayer") {
        return name.to_string();
    }
    let parts = ["norm.1", "norm.2", "conv.1", "conv.2"];
    parts.iter().fold(name.to_string(), |name, part| {
        name.replace(
            &format!(".{part}."),
            &format!(".{}.", part.replace('.', "")),
        )
    })
}
