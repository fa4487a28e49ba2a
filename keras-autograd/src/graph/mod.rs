//! What a computation is, as data: ops that were heard at the door, and the tensors between them.

mod record;
mod trace;

use keras_tensor::{DType, Op, Shape, SmallVec, Tensor, Variable};

pub use record::{Record, Recorded, record};

/// A list of tensors of a graph.
pub type Places = SmallVec<[usize; 5]>;

/// What a computation does with inputs of certain shapes.
#[derive(Debug, Default)]
pub struct Graph {
    /// The inputs.
    pub inputs: Vec<usize>,
    /// The results.
    pub outputs: Vec<usize>,
    /// All tensors.
    pub values: Vec<Value>,
    /// The ops in the order in which they ran.
    pub nodes: Vec<Node>,
}

/// A tensor of a graph.
#[derive(Debug)]
pub struct Value {
    /// Its dtype.
    pub dtype: DType,
    /// Its shape.
    pub shape: Shape,
    /// Where it comes from.
    pub source: Source,
}

/// Where a tensor of a graph comes from.
#[derive(Debug)]
pub enum Source {
    /// It is given.
    Input,
    /// It is the value of a variable.
    Weight(Variable),
    /// It is always the same.
    Constant(Tensor),
    /// An op makes it.
    Node,
}

/// An op of a graph.
#[derive(Clone, Debug)]
pub struct Node {
    /// The op.
    pub op: Op,
    /// What it is given.
    pub inputs: Places,
    /// What it makes.
    pub outputs: Places,
}

impl Graph {
    /// Takes out the ops that no result needs.
    pub fn prune(&mut self) {
        let mut wanted = vec![false; self.values.len()];
        self.outputs.iter().for_each(|&place| wanted[place] = true);
        let mut kept: Vec<Node> = Vec::with_capacity(self.nodes.len());
        for node in self.nodes.drain(..).rev() {
            if node.outputs.iter().any(|&place| wanted[place]) {
                node.inputs.iter().for_each(|&place| wanted[place] = true);
                kept.push(node);
            }
        }
        kept.reverse();
        self.nodes = kept;
    }
}
