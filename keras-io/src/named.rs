//! Weights under their paths, for formats that are lists of named tensors.

use keras_layers::LayerRef;
use keras_tensor::{Result, Tensor, ops};
use std::collections::HashMap;

use crate::limits::format_error;

/// The weights of a model with their paths. Two weights of one path are told apart by a number.
pub(crate) fn of(model: &LayerRef) -> Result<Vec<(String, Tensor)>> {
    let values = model.weights().into_iter().map(|w| w.value());
    names(model)
        .into_iter()
        .zip(values)
        .map(|(n, v)| Ok((n, v?)))
        .collect()
}

fn names(model: &LayerRef) -> Vec<String> {
    let mut used: HashMap<String, usize> = HashMap::new();
    let unique = |path: String| {
        let count = used.entry(path.clone()).or_default();
        *count += 1;
        match *count {
            1 => path,
            n => format!("{path}_{}", n - 1),
        }
    };
    model
        .weights()
        .iter()
        .map(|w| w.path())
        .map(unique)
        .collect()
}

/// Gives the weights of a model their values, all of them or none.
pub(crate) fn by_path(what: &str, model: &LayerRef, stored: &[(String, Tensor)]) -> Result<()> {
    let stored: HashMap<&str, &Tensor> = stored.iter().map(|(n, t)| (&**n, t)).collect();
    let mut values = Vec::new();
    for (name, weight) in names(model).iter().zip(model.weights()) {
        let value = stored.get(&**name).ok_or_else(|| {
            format_error(
                what,
                format!(
                    "it holds no tensor {name:?}, a weight of model `{}`",
                    model.name()
                ),
            )
        })?;
        if value.shape() != weight.shape() {
            let problem = format!(
                "{name:?} has shape {} where the weight has {}",
                value.shape(),
                weight.shape()
            );
            return Err(format_error(what, problem));
        }
        values.push(ops::cast(*value, weight.dtype())?);
    }
    model.set_weights(&values)
}
