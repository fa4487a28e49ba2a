//! The names under which Keras 3's files hold layers.

use keras_layers::{LayerRef, Place};
use keras_tensor::Variable;
use keras_tensor::registry::snake_case;
use std::collections::HashMap;

/// The layers that a layer holds, each with its path inside of the group of that layer.
///
/// What stands in a field is found under the field's name; what stands in a list under the list's name and the class, not
/// under the layer's name, because automatic names differ between two runs: `layers/dense`, `layers/dense_1`.
pub(crate) fn children(layer: &LayerRef) -> Vec<(String, LayerRef)> {
    let mut used: HashMap<String, usize> = HashMap::new();
    let named = |(place, child): (&Place, &LayerRef)| {
        let path = match place {
            Place::Field(field) => field.to_string(),
            Place::List(list) => {
                let path = format!("{list}/{}", class_key(child.class_name()));
                let count = used.entry(path.clone()).or_default();
                *count += 1;
                match *count {
                    1 => path,
                    n => format!("{path}_{}", n - 1),
                }
            }
        };
        (path, child.clone())
    };
    layer.children_in_places().map(named).collect()
}

/// The weights of a layer that its group holds: those of an adapter are part of the kernel there.
pub(crate) fn stored(layer: &LayerRef) -> Vec<Variable> {
    let mut own = layer.own_weights();
    if let Some(adapter) = layer.adapter() {
        own.retain(|v| !adapter.matrices().iter().any(|m| m.is(v)));
    }
    own
}

fn class_key(class_name: &str) -> String {
    match class_name {
        // The Python class has another name than the one under which Keras exports it.
        "GroupQueryAttention" => "grouped_query_attention".to_string(),
        other => snake_case(other),
    }
}

/// Layers that were met before; a layer that stands in two places is stored once, in the first.
#[derive(Default)]
pub(crate) struct Seen(Vec<LayerRef>);

impl Seen {
    /// Whether this is the first meeting.
    pub(crate) fn is_first(&mut self, layer: &LayerRef) -> bool {
        let first = !self.0.iter().any(|seen| seen.is(layer));
        if first {
            self.0.push(layer.clone());
        }
        first
    }
}
