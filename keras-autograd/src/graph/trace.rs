//! From a computation to its graph: it runs on tensors that are not there.

use keras_tensor::{Id, Op, Result, Tensor, Variable};
use std::collections::HashMap;

use super::record::{Record, Recorded, traced};
use super::{Graph, Node, Source, Value};

/// Elements from which a tensor of one value, or a repeated one, is made when it is needed and not kept.
const LARGE: usize = 1 << 16;

impl Graph {
    /// What `work` computes of `inputs`, which are meta tensors; nothing is computed, and no variable changes.
    ///
    /// `None` where that is not the same each time: `work` asks for the value of a tensor, draws random numbers, writes a
    /// variable, fails, or has other numbers in its code the second time that it runs.
    pub fn trace(inputs: &[Tensor], work: impl Fn() -> Result<Vec<Tensor>>) -> Option<Graph> {
        let run = || {
            let (record, outputs) = traced(&work).ok()?;
            Tracer::default().graph(inputs, &record, &outputs)
        };
        let (first, second) = (run()?, run()?);
        first.is(&second).then_some(first)
    }

    fn is(&self, other: &Graph) -> bool {
        let node = |(a, b): (&Node, &Node)| {
            let places = a.inputs == b.inputs && a.outputs == b.outputs;
            places && format!("{:?}", a.op) == format!("{:?}", b.op)
        };
        let value = |(a, b): (&Value, &Value)| {
            a.dtype == b.dtype && a.shape == b.shape && a.source.is(&b.source)
        };
        self.outputs == other.outputs
            && self.nodes.len() == other.nodes.len()
            && self.values.len() == other.values.len()
            && self.nodes.iter().zip(&other.nodes).all(node)
            && self.values.iter().zip(&other.values).all(value)
    }
}

impl Source {
    fn is(&self, other: &Source) -> bool {
        let bits = |t: &Tensor| -> Option<Vec<u64>> {
            let values = t.to_f64_vec().ok()?;
            Some(values.into_iter().map(f64::to_bits).collect())
        };
        match (self, other) {
            (Source::Input, Source::Input) | (Source::Node, Source::Node) => true,
            (Source::Weight(a), Source::Weight(b)) => a.is(b),
            (Source::Constant(a), Source::Constant(b)) => bits(a) == bits(b),
            _ => false,
        }
    }
}

#[derive(Default)]
struct Tracer {
    graph: Graph,
    places: HashMap<Id, usize>,
    weights: HashMap<Id, Variable>,
}

impl Tracer {
    fn graph(mut self, inputs: &[Tensor], record: &Record, outputs: &[Tensor]) -> Option<Graph> {
        if !record.states.borrow().is_empty() {
            return None;
        }
        let weights = record.weights.borrow();
        self.weights = weights.iter().map(|v| (v.id(), v.clone())).collect();
        self.graph.inputs = inputs.iter().map(|t| self.add(t, Source::Input)).collect();
        for heard in record.ops.borrow().iter() {
            self.op(heard)?;
        }
        let outputs = outputs.iter().map(|t| self.place(t));
        self.graph.outputs = outputs.collect::<Option<_>>()?;
        Some(self.graph)
    }

    fn add(&mut self, t: &Tensor, source: Source) -> usize {
        let values = &mut self.graph.values;
        values.push(Value {
            dtype: t.dtype(),
            shape: t.shape().clone(),
            source,
        });
        self.places.insert(t.id(), values.len() - 1);
        values.len() - 1
    }

    /// Where a tensor is. One that no op made is a weight or a constant, and no meta tensor of the code's own.
    fn place(&mut self, t: &Tensor) -> Option<usize> {
        let id = t.id();
        if let Some(&place) = self.places.get(&id) {
            return Some(place);
        }
        let source = match self.weights.get(&id) {
            Some(weight) => Source::Weight(weight.clone()),
            None if t.is_meta() => return None,
            None => Source::Constant(t.clone().with_mask(None)),
        };
        Some(self.add(t, source))
    }

    fn op(&mut self, heard: &Recorded) -> Option<()> {
        let (op, outputs) = (&heard.op, &heard.outputs);
        if matches!(op, Op::Random(_) | Op::Sgd(_) | Op::Adam(_)) {
            return None;
        }
        let is_repeated = matches!(op, Op::Fill(_) | Op::Broadcast(_));
        let is_large = is_repeated && outputs[0].size() > LARGE;
        if !is_large && outputs.iter().all(|t| !t.is_meta()) {
            // Computed already: a constant, if anything needs it.
            return Some(());
        }
        let inputs = heard.inputs.iter().map(|t| self.place(t));
        let inputs = inputs.collect::<Option<_>>()?;
        let outputs = outputs.iter().map(|t| self.add(t, Source::Node)).collect();
        self.graph.nodes.push(Node {
            op: op.clone(),
            inputs,
            outputs,
        });
        Some(())
    }
}
