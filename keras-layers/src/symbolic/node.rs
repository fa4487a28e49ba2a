use std::sync::{Arc, Weak};

use super::{Spec, Symbolic};
use crate::{Arguments, LayerRef};

/// One call of a layer in a graph.
pub struct Node {
    layer: LayerRef,
    /// None where data comes in.
    arguments: Option<Arguments<Symbolic>>,
    outputs: Vec<Spec>,
    masks: Vec<Option<Symbolic>>,
    index: usize,
}

impl Node {
    /// One more call of `layer`, which learns of it.
    pub(super) fn new(
        layer: &LayerRef,
        arguments: Option<Arguments<Symbolic>>,
        outputs: Vec<Spec>,
        masks: Vec<Option<Symbolic>>,
    ) -> Arc<Self> {
        layer.add_node(|index| {
            Arc::new(Node {
                layer: layer.clone(),
                arguments,
                outputs,
                masks,
                index,
            })
        })
    }

    /// The same call on other tensors of the same shapes.
    pub fn with_arguments(&self, arguments: Arguments<Symbolic>) -> Arc<Self> {
        let (outputs, masks) = (self.outputs.clone(), self.masks.clone());
        Node::new(&self.layer, Some(arguments), outputs, masks)
    }

    /// The layer that is called.
    pub fn layer(&self) -> &LayerRef {
        &self.layer
    }

    /// What it is called on; none where data comes in.
    pub fn arguments(&self) -> Option<&Arguments<Symbolic>> {
        self.arguments.as_ref()
    }

    /// The tensors that it is called on.
    pub fn inputs(&self) -> impl Iterator<Item = &Symbolic> {
        self.arguments.iter().flat_map(Arguments::tensors)
    }

    /// What comes out.
    pub fn outputs(&self) -> &[Spec] {
        &self.outputs
    }

    /// The masks of what comes out, where they are tensors of the graph.
    pub fn masks(&self) -> &[Option<Symbolic>] {
        &self.masks
    }

    /// Which call of its layer it is, counted from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    fn take_tensors(&mut self) -> impl Iterator<Item = Symbolic> {
        let arguments = self.arguments.take().into_iter();
        let masks = std::mem::take(&mut self.masks).into_iter().flatten();
        arguments.flat_map(Arguments::into_tensors).chain(masks)
    }
}

// One after the other, because a chain of many calls would overflow the stack.
impl Drop for Node {
    fn drop(&mut self) {
        let mut waiting: Vec<Symbolic> = self.take_tensors().collect();
        while let Some(tensor) = waiting.pop() {
            if let Some(mut node) = Arc::into_inner(tensor.node) {
                waiting.extend(node.take_tensors());
            }
        }
    }
}

/// The calls of a layer, for as long as they stand in a graph.
#[derive(Default)]
pub(crate) struct Nodes {
    known: Vec<Weak<Node>>,
    /// How many there ever were.
    count: usize,
    /// When to look next for calls that are gone.
    full: usize,
}

impl Nodes {
    pub(crate) fn add(&mut self, make: impl FnOnce(usize) -> Arc<Node>) -> Arc<Node> {
        if self.known.len() >= self.full {
            self.known.retain(|n| n.strong_count() > 0);
            self.full = 2 * self.known.len() + 8;
        }
        let node = make(self.count);
        self.count += 1;
        self.known.push(Arc::downgrade(&node));
        node
    }

    pub(crate) fn all(&self) -> Vec<Arc<Node>> {
        self.known.iter().filter_map(Weak::upgrade).collect()
    }
}
