//! Models that begin between layers.

use keras_layers::layers::Input;
use keras_layers::{Node, Symbolic};
use keras_tensor::Result;
use keras_tensor::names::auto_name;
use std::collections::HashMap;
use std::sync::Arc;

use super::graph::is_input;
use super::{Graph, Structure};

/// The same tensors if all inputs come from `Input`s; else a copy of the calls between them, which begins with new
/// `Input`s. Layers are shared.
pub(super) fn out(
    inputs: Structure<Symbolic>,
    outputs: Structure<Symbolic>,
) -> Result<(Structure<Symbolic>, Structure<Symbolic>)> {
    if inputs.iter().all(|x| is_input(x.layer())) {
        return Ok((inputs, outputs));
    }
    let from: Vec<Symbolic> = inputs.iter().cloned().collect();
    let to: Vec<Symbolic> = outputs.iter().cloned().collect();
    let graph = Graph::new(&from, &to)?;
    let mut copies = Copies::default();
    let inputs = inputs.map(|x| copies.input(x));
    for node in graph.nodes() {
        if let Some(arguments) = node.arguments() {
            let arguments = arguments.map(|x| Ok(copies.of(x)))?;
            copies
                .nodes
                .insert(Arc::as_ptr(node), node.with_arguments(arguments));
        }
    }
    let outputs = outputs.map(|y| copies.of(y));
    Ok((inputs, outputs))
}

#[derive(Default)]
struct Copies {
    inputs: Vec<(Symbolic, Symbolic)>,
    nodes: HashMap<*const Node, Arc<Node>>,
}

impl Copies {
    fn input(&mut self, x: &Symbolic) -> Symbolic {
        if is_input(x.layer()) {
            return x.clone();
        }
        let name = format!("{}CLONE", auto_name("keras_tensor"));
        let input = Input::batch_shape(x.dims()).dtype(x.dtype()).name(&name);
        let input = input.symbolic();
        self.inputs.push((x.clone(), input.clone()));
        input
    }

    fn of(&self, x: &Symbolic) -> Symbolic {
        if let Some((_, input)) = self.inputs.iter().find(|(of, _)| of.is(x)) {
            return input.clone();
        }
        match self.nodes.get(&Arc::as_ptr(x.node())) {
            Some(node) => Symbolic::all_of(node).swap_remove(x.index()),
            None => x.clone(),
        }
    }
}
