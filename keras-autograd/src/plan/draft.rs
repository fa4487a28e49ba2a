//! A graph while it becomes a plan: what weights alone decide is told from what inputs decide.

use keras_tensor::op::{self, Binary};
use keras_tensor::{Op, Result, Tensor};
use std::collections::HashMap;

use super::{Place, Program, Step, samples};
use crate::graph::{Graph, Node, Places, Source, Value};

/// Elements from which a repeated tensor is made when it is needed and not kept.
const LARGE: usize = 1 << 16;

pub(super) struct Draft {
    pub(super) values: Vec<Value>,
    /// Whether a tensor follows from weights and constants alone.
    pub(super) closed: Vec<bool>,
    /// The ops that make closed tensors.
    ahead: Vec<Node>,
    /// The other ops; a pass leaves a hole where it takes one out.
    pub(super) nodes: Vec<Option<Node>>,
    pub(super) inputs: Vec<usize>,
    pub(super) outputs: Vec<usize>,
}

impl Draft {
    pub(super) fn new(graph: Graph) -> Self {
        let is_closed = |v: &Value| matches!(v.source, Source::Weight(_) | Source::Constant(_));
        let mut draft = Draft {
            closed: graph.values.iter().map(is_closed).collect(),
            values: graph.values,
            ahead: Vec::new(),
            nodes: Vec::new(),
            inputs: graph.inputs,
            outputs: graph.outputs,
        };
        for node in graph.nodes {
            let is_repeated = matches!(node.op, Op::Fill(_) | Op::Broadcast(_));
            let is_large = is_repeated && draft.values[node.outputs[0]].shape.size() > LARGE;
            if !is_large && node.inputs.iter().all(|&place| draft.closed[place]) {
                node.outputs.iter().for_each(|&p| draft.closed[p] = true);
                draft.ahead.push(node);
            } else {
                draft.nodes.push(Some(node));
            }
        }
        draft
    }

    /// The place of what an op makes of closed tensors.
    pub(super) fn ahead(&mut self, op: Op, inputs: &[usize]) -> Result<usize> {
        let metas: Vec<Tensor> = inputs.iter().map(|&p| self.meta(p)).collect();
        let spec = op::infer(&op, &metas.iter().collect::<Vec<_>>())?.remove(0);
        self.values.push(Value {
            dtype: spec.dtype,
            shape: spec.shape,
            source: Source::Node,
        });
        self.closed.push(true);
        let place = self.values.len() - 1;
        self.ahead.push(Node {
            op,
            inputs: inputs.into(),
            outputs: Places::from_slice(&[place]),
        });
        Ok(place)
    }

    /// A closed tensor before it was reshaped.
    pub(super) fn before_reshape(&self, place: usize) -> Option<usize> {
        let maker = self.ahead.iter().find(|n| n.outputs.contains(&place))?;
        matches!(maker.op, Op::Reshape(_)).then(|| maker.inputs[0])
    }

    fn meta(&self, place: usize) -> Tensor {
        let value = &self.values[place];
        Tensor::meta(value.shape.clone(), value.dtype)
    }

    /// How often each tensor is needed.
    pub(super) fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.values.len()];
        let inputs = self.nodes.iter().flatten().flat_map(|node| &node.inputs);
        inputs.chain(&self.outputs).for_each(|&p| uses[p] += 1);
        uses
    }

    /// Which of the nodes makes each tensor.
    pub(super) fn makers(&self) -> Vec<Option<usize>> {
        let mut makers = vec![None; self.values.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            let outputs = node.iter().flat_map(|node| &node.outputs);
            outputs.for_each(|&p| makers[p] = Some(i));
        }
        makers
    }

    /// The ops ahead that give a closed tensor the memory of a weight under another shape; none where it has its own.
    ///
    /// A plan must not hold on to a weight's memory: an update in place would have to copy it.
    fn views(&self, place: usize) -> Option<Vec<usize>> {
        if let Source::Weight(_) = self.values[place].source {
            return Some(Vec::new());
        }
        let maker = self.ahead.iter().position(|n| n.outputs.contains(&place))?;
        let node = &self.ahead[maker];
        let is_view = matches!(node.op, Op::Reshape(_) | Op::Detach | Op::Slice(_));
        let mut views = is_view.then(|| self.views(node.inputs[0])).flatten()?;
        views.push(maker);
        Some(views)
    }

    /// Puts ops that only view weights before the others, where these need them; tells how many.
    fn with_views(&mut self) -> usize {
        let mut needed: Vec<usize> = Vec::new();
        let inputs = self.nodes.iter().flatten().flat_map(|node| &node.inputs);
        for &place in inputs.chain(&self.outputs) {
            if self.closed[place] && matches!(self.values[place].source, Source::Node) {
                needed.extend(self.views(place).into_iter().flatten());
            }
        }
        needed.sort_unstable();
        needed.dedup();
        let views: Vec<Node> = needed.iter().map(|&i| self.ahead[i].clone()).collect();
        let outputs = views.iter().flat_map(|node| &node.outputs);
        outputs.for_each(|&p| self.closed[p] = false);
        let count = views.len();
        self.nodes.splice(0..0, views.into_iter().map(Some));
        count
    }

    /// The draft as a program.
    pub(super) fn program(mut self) -> Program {
        let views = self.with_views();
        let samples = samples::find(&self, views);
        let mut remaining = self.uses();
        let mut program = Program {
            inputs: self.inputs.len(),
            samples,
            ..Program::default()
        };
        let mut places: HashMap<usize, Place> = HashMap::new();
        for (i, &place) in self.inputs.iter().enumerate() {
            places.insert(place, Place::Input(i));
        }
        let mut free: Vec<usize> = Vec::new();
        for mut node in std::mem::take(&mut self.nodes).into_iter().flatten() {
            self.in_place_first(&mut node, &remaining, &places);
            let inputs = node.inputs.iter().map(|&place| {
                let here = self.place(place, &mut places, &mut program);
                remaining[place] -= 1;
                match here {
                    Place::Slot(slot) if remaining[place] == 0 => {
                        free.push(slot);
                        Place::Last(slot)
                    }
                    here => here,
                }
            });
            let inputs = inputs.collect();
            let outputs = node.outputs.iter().map(|&place| {
                (remaining[place] > 0).then(|| {
                    let slot = free.pop().unwrap_or(program.slots);
                    program.slots = program.slots.max(slot + 1);
                    places.insert(place, Place::Slot(slot));
                    slot
                })
            });
            let outputs = outputs.collect();
            program.steps.push(Step {
                op: node.op,
                inputs,
                outputs,
            });
        }
        let outputs = std::mem::take(&mut self.outputs);
        let outputs = outputs
            .iter()
            .map(|&p| self.place(p, &mut places, &mut program));
        program.outputs = outputs.collect();
        self.plan_ahead(&mut program);
        program
    }

    /// Where a tensor is when the program runs.
    fn place(
        &self,
        place: usize,
        places: &mut HashMap<usize, Place>,
        program: &mut Program,
    ) -> Place {
        *places
            .entry(place)
            .or_insert_with(|| match &self.values[place].source {
                Source::Weight(variable) => {
                    program.weights.push(variable.clone());
                    Place::Weight(program.weights.len() - 1)
                }
                _ => {
                    program.kept.push(place);
                    Place::Constant(program.kept.len() - 1)
                }
            })
    }

    /// Swaps two operands where only the second's memory can be used again.
    fn in_place_first(&self, node: &mut Node, remaining: &[usize], places: &HashMap<usize, Place>) {
        let commutes = matches!(
            node.op,
            Op::Binary(Binary::Add | Binary::Mul | Binary::Max | Binary::Min)
        );
        if !commutes {
            return;
        }
        let shape = &self.values[node.outputs[0]].shape;
        let is_given_up = |place: usize| {
            let in_slot = matches!(places.get(&place), Some(Place::Slot(_)));
            in_slot && remaining[place] == 1 && self.values[place].shape == *shape
        };
        if !is_given_up(node.inputs[0]) && is_given_up(node.inputs[1]) {
            node.inputs.swap(0, 1);
        }
    }

    /// What has to be computed ahead for the constants that the program keeps.
    fn plan_ahead(self, program: &mut Program) {
        let mut wanted = vec![false; self.values.len()];
        program.kept.iter().for_each(|&place| wanted[place] = true);
        let mut ahead = self.ahead;
        for node in ahead.iter().rev() {
            if node.outputs.iter().any(|&place| wanted[place]) {
                node.inputs.iter().for_each(|&place| wanted[place] = true);
            }
        }
        ahead.retain(|node| node.outputs.iter().any(|&place| wanted[place]));
        program.ahead = ahead;
        for (place, value) in self.values.into_iter().enumerate() {
            match value.source {
                Source::Weight(variable) if wanted[place] => program.read.push((place, variable)),
                Source::Constant(tensor) if wanted[place] => program.given.push((place, tensor)),
                _ => {}
            }
        }
    }
}
