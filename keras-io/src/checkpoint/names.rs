//! What Keras 2 calls the parts of layers, where Keras 3 calls them otherwise.

use keras_layers::{LayerRef, Place};

/// Class, today's name of a part, and that of Keras 2.
const NAMES: &[(&str, &str, &str)] = &[
    ("MultiHeadAttention", "query_dense", "_query_dense"),
    ("MultiHeadAttention", "key_dense", "_key_dense"),
    ("MultiHeadAttention", "value_dense", "_value_dense"),
    ("MultiHeadAttention", "output_dense", "_output_dense"),
    ("DepthwiseConv1D", "kernel", "depthwise_kernel"),
    ("DepthwiseConv2D", "kernel", "depthwise_kernel"),
];

/// What Keras 2 calls a weight, or a layer in a field.
pub(super) fn in_keras2<'a>(layer: &LayerRef, name: &'a str) -> &'a str {
    let class = layer.class_name();
    let mut known = NAMES.iter();
    let known = known.find(|(c, today, _)| *c == class && *today == name);
    known.map_or(name, |(_, _, keras2)| keras2)
}

/// The layers that a layer holds, each with its path in an object graph.
///
/// A model's layers are counted as far as they have weights; another list is an object of its own.
pub(super) fn children(layer: &LayerRef) -> Vec<(Vec<String>, LayerRef)> {
    let of_model = ["Sequential", "Functional"].contains(&layer.class_name());
    let mut counts: Vec<(String, usize)> = Vec::new();
    let mut all = Vec::new();
    for (place, child) in layer.children_in_places() {
        let path = match place {
            Place::Field(field) => vec![in_keras2(layer, field).to_string()],
            Place::List(_) if of_model && child.weights().is_empty() => continue,
            Place::List(list) => {
                if !counts.iter().any(|(name, _)| *name == **list) {
                    counts.push((list.to_string(), 0));
                }
                let count = counts.iter_mut().find(|(name, _)| *name == **list);
                let (_, count) = count.expect("it was put there");
                *count += 1;
                if of_model {
                    vec![format!("layer_with_weights-{}", *count - 1)]
                } else {
                    vec![list.to_string(), (*count - 1).to_string()]
                }
            }
        };
        all.push((path, child.clone()));
    }
    all
}
