use keras_layers::{Arguments, Call, Following, LayerRef, Node, Symbolic};
use keras_tensor::{Error, Outputs, Result, Tensor};
use std::collections::HashMap;
use std::sync::Arc;

use super::Graph;
use super::graph::is_input;
use super::passes::{self, Pass};

/// The calls of a graph with the places of their tensors, so that a run looks nothing up.
pub(super) struct Plan {
    steps: Vec<Step>,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    places: usize,
}

pub(super) struct Step {
    pub(super) layer: LayerRef,
    pub(super) arguments: Arguments<usize>,
    pub(super) makes: Vec<usize>,
    /// What follows, if the layer can do it as well.
    pub(super) pass: Option<Pass>,
    /// What nothing needs after this call.
    done: Vec<usize>,
}

impl Plan {
    pub(super) fn new(graph: &Graph, inputs: &[Symbolic], outputs: &[Symbolic]) -> Result<Self> {
        let mut places = Places::default();
        let inputs: Vec<usize> = inputs.iter().map(|x| places.of(x)).collect();
        let mut steps = Vec::new();
        for node in graph.nodes().filter(|n| !is_input(n.layer())) {
            let Some(arguments) = node.arguments() else {
                continue;
            };
            let arguments = arguments.map(|x| Ok(places.of(x)))?;
            steps.push(Step {
                layer: node.layer().clone(),
                arguments,
                makes: (0..node.outputs().len())
                    .map(|i| places.of_output(node, i))
                    .collect(),
                pass: None,
                done: Vec::new(),
            });
        }
        let outputs: Vec<usize> = outputs.iter().map(|x| places.of(x)).collect();
        let places = places.0.len();
        let mut needed = vec![false; places];
        outputs.iter().for_each(|&place| needed[place] = true);
        for step in steps.iter_mut().rev() {
            for &place in step.arguments.tensors().chain(&step.makes) {
                if !std::mem::replace(&mut needed[place], true) {
                    step.done.push(place);
                }
            }
        }
        let mut uses = vec![0; places];
        let needed = steps.iter().flat_map(|step| step.arguments.tensors());
        needed.chain(&outputs).for_each(|&place| uses[place] += 1);
        passes::find(&mut steps, &uses);
        Ok(Plan {
            steps,
            inputs,
            outputs,
            places,
        })
    }

    /// Runs all calls; a tensor goes as soon as nothing needs it.
    pub(super) fn run(&self, inputs: Vec<Tensor>, cx: &Call) -> Result<Outputs> {
        let mut tensors: Vec<Option<Tensor>> = vec![None; self.places];
        for (&place, x) in self.inputs.iter().zip(inputs) {
            tensors[place] = Some(x);
        }
        let made = |tensors: &[Option<Tensor>], place: usize| {
            let tensor = tensors[place].clone();
            tensor.expect("a graph runs every call after those that it needs")
        };
        let mut is_done = vec![false; self.steps.len()];
        for (i, step) in self.steps.iter().enumerate() {
            if let Some(pass) = step
                .pass
                .as_ref()
                .filter(|_| cx.is_training() && !is_done[i])
            {
                let then = Following {
                    residual: pass.residual.map(|place| made(&tensors, place)),
                    activation: pass.activation,
                };
                let x = made(&tensors, *step.arguments.first()?);
                if let Some(y) = step.layer.call_then(&x, &then, cx)? {
                    tensors[pass.makes] = Some(y);
                    is_done[i] = true;
                    pass.covers.iter().for_each(|&step| is_done[step] = true);
                }
            }
            if is_done[i] {
                step.done.iter().for_each(|&place| tensors[place] = None);
                continue;
            }
            let arguments = step.arguments.map(|&place| Ok(made(&tensors, place)))?;
            let outputs = step.layer.call_many(arguments, cx)?;
            if outputs.len() != step.makes.len() {
                return Err(Error::data(
                    format!("layer `{}`", step.layer.name()),
                    format!(
                        "it made {} tensors, and {} when the graph was made",
                        outputs.len(),
                        step.makes.len()
                    ),
                ));
            }
            for (&place, y) in step.makes.iter().zip(outputs) {
                tensors[place] = Some(y);
            }
            step.done.iter().for_each(|&place| tensors[place] = None);
        }
        Ok(self.outputs.iter().map(|&p| made(&tensors, p)).collect())
    }
}

/// Numbers for tensors.
#[derive(Default)]
struct Places(HashMap<(*const Node, usize), usize>);

impl Places {
    fn of(&mut self, x: &Symbolic) -> usize {
        self.of_output(x.node(), x.index())
    }

    fn of_output(&mut self, node: &Arc<Node>, index: usize) -> usize {
        let next = self.0.len();
        *self.0.entry((Arc::as_ptr(node), index)).or_insert(next)
    }
}
