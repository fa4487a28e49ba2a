//! The calls between inputs and outputs, in the order in which Keras runs and lists them.

use keras_layers::layers::InputLayer;
use keras_layers::{LayerRef, Node, Symbolic};
use keras_tensor::{Error, Result};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// The place of a node, as a key.
type Address = *const Node;

fn address(tensor: &Symbolic) -> Address {
    Arc::as_ptr(tensor.node())
}

/// What lies between the inputs and the outputs of a model.
pub(crate) struct Graph {
    /// The calls by depth, the deepest first. The depth is the number of calls to the farthest output.
    pub(crate) levels: Vec<Vec<Arc<Node>>>,
    /// The layers and operations, the deepest first.
    pub(crate) layers: Vec<LayerRef>,
    /// The calls of each layer.
    calls: HashMap<usize, Vec<Arc<Node>>>,
}

impl Graph {
    /// # Errors
    /// An output that needs another input, two layers of one name.
    pub(crate) fn new(inputs: &[Symbolic], outputs: &[Symbolic]) -> Result<Self> {
        let (order, mut layers) = sorted(inputs, outputs);
        let mut depths = depths(&order, &mut layers);
        for input in inputs {
            let layer = input.layer();
            if is_input(layer) && !layers.iter().any(|l| l.layer.is(layer)) {
                depths.push((input.node().clone(), 0));
                // An input that no output needs comes first of its depth.
                layers.insert(0, Seen::new(layer));
            }
        }
        let mut levels: BTreeMap<usize, Vec<Arc<Node>>> = BTreeMap::new();
        for (node, depth) in depths {
            levels.entry(depth).or_default().push(node);
        }
        layers.sort_by_key(|l| std::cmp::Reverse(l.depth));
        let mut calls: HashMap<usize, Vec<Arc<Node>>> = HashMap::new();
        for node in levels.values().flatten() {
            let of_layer = calls.entry(node.layer().id()).or_default();
            of_layer.push(node.clone());
            of_layer.sort_by_key(|n| n.index());
        }
        let graph = Graph {
            levels: levels.into_values().rev().collect(),
            layers: layers.into_iter().map(|l| l.layer).collect(),
            calls,
        };
        graph.check(inputs)?;
        Ok(graph)
    }

    /// The calls in the order in which they run.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.levels.iter().flatten()
    }

    /// The calls of a layer that belong to the graph, in the layer's order.
    pub(crate) fn nodes_of(&self, layer: &LayerRef) -> &[Arc<Node>] {
        self.calls.get(&layer.id()).map_or(&[], Vec::as_slice)
    }

    /// Whether each layer is called once, and on what the one before it made.
    pub(crate) fn is_chain(&self) -> bool {
        let single =
            |level: &Vec<Arc<Node>>| matches!(&level[..], [node] if node.inputs().count() < 2);
        self.levels.iter().all(single) && self.layers.iter().all(|l| self.nodes_of(l).len() < 2)
    }

    fn check(&self, inputs: &[Symbolic]) -> Result<()> {
        let mut made: HashSet<Address> = inputs.iter().map(address).collect();
        for node in self.nodes() {
            for x in node.inputs() {
                if !made.contains(&address(x)) {
                    return Err(Error::argument(
                        "inputs",
                        format!(
                            "a graph in which layer `{}` needs {x:?}",
                            node.layer().name()
                        ),
                        "inputs from which every output can be computed; add the missing one to the model's inputs",
                    ));
                }
            }
            // What comes in can only come from the model's inputs.
            if !is_input(node.layer()) {
                made.insert(Arc::as_ptr(node));
            }
        }
        let mut names: Vec<&str> = self.layers.iter().map(LayerRef::name).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            None => Ok(()),
            Some(pair) => Err(Error::argument(
                "layers",
                format!("two layers named {:?}", pair[0]),
                "a name of its own for each layer of a model",
            )),
        }
    }
}

pub(crate) fn is_input(layer: &LayerRef) -> bool {
    layer.downcast_ref::<InputLayer>().is_some()
}

/// A layer with the depth at which it first runs.
struct Seen {
    layer: LayerRef,
    depth: usize,
}

impl Seen {
    fn new(layer: &LayerRef) -> Self {
        Seen {
            layer: layer.clone(),
            depth: 0,
        }
    }
}

/// Every call after those that it needs, and the layers in the order in which they are met from the outputs.
fn sorted(inputs: &[Symbolic], outputs: &[Symbolic]) -> (Vec<Arc<Node>>, Vec<Seen>) {
    /// A call on the way to the outputs, and how many of its inputs were seen to.
    struct Step {
        node: Arc<Node>,
        needs: Vec<Symbolic>,
        next: usize,
    }
    let mut met: HashSet<Address> = HashSet::new();
    let mut known: HashSet<usize> = HashSet::new();
    let (mut order, mut layers) = (Vec::new(), Vec::new());
    let mut begin = |x: &Symbolic, path: &mut Vec<Step>| {
        let outside = !is_input(x.layer()) && inputs.iter().any(|i| i.is(x));
        if outside || !met.insert(address(x)) {
            return;
        }
        if known.insert(x.layer().id()) {
            layers.push(Seen::new(x.layer()));
        }
        path.push(Step {
            node: x.node().clone(),
            needs: x.node().inputs().cloned().collect(),
            next: 0,
        });
    };
    for output in outputs {
        let mut path = Vec::new();
        begin(output, &mut path);
        while let Some(step) = path.last_mut() {
            match step.needs.get(step.next).cloned() {
                Some(x) => {
                    step.next += 1;
                    begin(&x, &mut path);
                }
                None => order.extend(path.pop().map(|s| s.node)),
            }
        }
    }
    (order, layers)
}

/// The depth of each call, in the order in which Keras meets them from the outputs.
fn depths(order: &[Arc<Node>], layers: &mut [Seen]) -> Vec<(Arc<Node>, usize)> {
    let place: HashMap<Address, &Arc<Node>> = order.iter().map(|n| (Arc::as_ptr(n), n)).collect();
    let mut layer_at: HashMap<usize, usize> = HashMap::new();
    for (i, seen) in layers.iter().enumerate() {
        layer_at.insert(seen.layer.id(), i);
    }
    let mut found: Vec<(Arc<Node>, usize)> = Vec::new();
    let mut at: HashMap<Address, usize> = HashMap::new();
    let mut deepen = |node: &Arc<Node>, depth: usize, found: &mut Vec<(Arc<Node>, usize)>| {
        let i = *at.entry(Arc::as_ptr(node)).or_insert_with(|| {
            found.push((node.clone(), 0));
            found.len() - 1
        });
        found[i].1 = found[i].1.max(depth);
        found[i].1
    };
    for node in order.iter().rev() {
        let own = deepen(node, 0, &mut found);
        // A layer that is called twice stands where it is needed first.
        let layer = &mut layers[layer_at[&node.layer().id()]];
        layer.depth = layer.depth.max(own);
        let depth = deepen(node, layer.depth, &mut found);
        for x in node.inputs().filter(|x| place.contains_key(&address(x))) {
            deepen(x.node(), depth + 1, &mut found);
        }
    }
    found
}
