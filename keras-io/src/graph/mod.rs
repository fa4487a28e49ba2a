//! What a model computes, as a graph of ops: for formats that hold a computation and not layers.
//!
//! A model is run on two small batches while an observer at the door of all ops writes down what it hears; so layers of
//! one's own need nothing further. What differs between the two runs depends on the size of the batch.

#[cfg(test)]
mod tests;
mod trace;

use keras_tensor::{DType, Op, Tensor, Variable};

pub(crate) use trace::trace;

/// A size that may depend on that of the batch: `per_batch * batch + constant`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) per_batch: i64,
    pub(crate) constant: i64,
}

impl Size {
    pub(crate) fn is_fixed(self) -> bool {
        self.per_batch == 0
    }
}

/// Whether what follows from weights alone is computed while a model is traced, or stays part of the graph.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weights {
    /// It is computed: the scale of a normalization becomes a constant.
    Folded,
    /// It stays, so that other values can be given to the weights.
    Kept,
}

/// What a model computes.
#[derive(Default)]
pub(crate) struct Graph {
    pub(crate) name: String,
    /// Names and places of the inputs, in the model's order.
    pub(crate) inputs: Vec<(String, usize)>,
    /// Names and places of the outputs.
    pub(crate) outputs: Vec<(String, usize)>,
    pub(crate) values: Vec<Value>,
    /// The ops in the order in which they ran; only those that the outputs need.
    pub(crate) nodes: Vec<Node>,
}

/// A tensor of the graph.
pub(crate) struct Value {
    pub(crate) dtype: DType,
    pub(crate) sizes: Vec<Size>,
    pub(crate) source: Source,
}

/// Where a tensor comes from.
pub(crate) enum Source {
    Input,
    Weight(Variable),
    /// A number in the model's code, or what follows from such numbers and from weights alone: that is computed already.
    Constant(Tensor),
    /// A number that was another one in the second run; an output that needs it is an error.
    Varying,
    Node,
}

/// An op that ran.
pub(crate) struct Node {
    /// As it ran on the first batch.
    pub(crate) op: Op,
    /// The sizes that are its attributes: the shape of the result, or for a slice how much of each axis.
    pub(crate) sizes: Vec<Size>,
    pub(crate) inputs: Vec<usize>,
    pub(crate) outputs: Vec<usize>,
}
