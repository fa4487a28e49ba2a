//! Reading the weights of a model, and the state of its optimizer, from a checkpoint.

use keras_layers::LayerRef;
use keras_models::Model;
use keras_tensor::{Error, Result, Tensor, Variable};
use std::collections::HashSet;
use std::path::Path;

use super::bundle::Checkpoint;
use super::graph::{KEY, ObjectGraph};
use super::names::{children, in_keras2};
use crate::Limits;
use crate::limits::format_error;
use crate::weights::{Plan, Stored, in_layer, optimizer};

/// A tensor of a checkpoint.
struct Item<'a> {
    checkpoint: &'a Checkpoint,
    key: &'a str,
}

impl Stored for Item<'_> {
    fn what(&self) -> String {
        format!("tensor `{}` of a checkpoint", self.key)
    }

    fn shape(&self) -> Result<Vec<u64>> {
        Ok(self.checkpoint.shape(self.key)?.to_vec())
    }

    fn read(&self) -> Result<Tensor> {
        self.checkpoint.tensor(self.key)
    }
}

/// Reads the checkpoint of this prefix into a model that is built.
pub(crate) fn load_weights(
    model: &Model,
    prefix: &Path,
    limits: &Limits,
    plan: &mut Plan,
) -> Result<()> {
    let checkpoint = Checkpoint::open(prefix, limits)?;
    if !checkpoint.has(KEY) {
        return by_name(model, &checkpoint, plan);
    }
    read_objects(model, &checkpoint, &objects(&checkpoint, limits)?, plan)
}

/// The objects of a checkpoint.
pub(crate) fn objects(checkpoint: &Checkpoint, limits: &Limits) -> Result<ObjectGraph> {
    let texts = checkpoint.strings(KEY)?;
    ObjectGraph::read(texts.first().map_or(&[][..], Vec::as_slice), limits)
}

/// Reads a model, which is the first object of the graph.
pub(crate) fn read_objects(
    model: &Model,
    checkpoint: &Checkpoint,
    graph: &ObjectGraph,
    plan: &mut Plan,
) -> Result<()> {
    let mut reader = Reader {
        checkpoint,
        graph,
        taken: HashSet::new(),
    };
    reader.layer(model, 0, plan)?;
    if let (Ok(state), Some(node)) = (model.optimizer(), graph.child(0, "optimizer")) {
        let weights = model.trainable_variables();
        reader.optimizer(state, &weights, node, plan)?;
    }
    let is_left = |key: &&str| {
        let met = reader.taken.contains(*key) || *key == KEY;
        !met && !["optimizer/", "save_counter/", "keras_api/"]
            .iter()
            .any(|p| key.starts_with(p))
            && !key.contains("/.OPTIMIZER_SLOT/")
    };
    let left: Vec<&str> = checkpoint.keys().filter(is_left).collect();
    if let [first, rest @ ..] = &left[..] {
        let more = match rest.len() {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        plan.warnings.push(format!(
            "the checkpoint holds {first}{more}, for which the model has no weight; left out"
        ));
    }
    Ok(())
}

/// A checkpoint without objects, of TensorFlow 1: its keys are names of variables.
fn by_name(model: &LayerRef, checkpoint: &Checkpoint, plan: &mut Plan) -> Result<()> {
    for variable in model.weights() {
        let path = variable.path();
        if !checkpoint.has(&path) {
            let problem = format!("it has no object graph, and no tensor named `{path}`");
            return Err(format_error("a checkpoint", problem));
        }
        plan.take(
            &variable,
            &Item {
                checkpoint,
                key: &path,
            },
        )?;
    }
    Ok(())
}

struct Reader<'a> {
    checkpoint: &'a Checkpoint,
    graph: &'a ObjectGraph,
    /// The keys that were read.
    taken: HashSet<&'a str>,
}

impl<'a> Reader<'a> {
    fn layer(&mut self, layer: &LayerRef, node: usize, plan: &mut Plan) -> Result<()> {
        let outcome = self.own(layer, node, plan);
        plan.skip(outcome.map_err(|e| in_layer(layer, e)))?;
        for (path, child) in children(layer) {
            if child.weights().is_empty() {
                continue;
            }
            match self.find(node, &path) {
                Some(found) => self.layer(&child, found, plan)?,
                None => {
                    let names = self.graph.nodes[node]
                        .children
                        .iter()
                        .map(|(name, _)| &**name);
                    let problem = format!(
                        "it has no object {:?} for layer `{}`; there are {:?}",
                        path.join("/"),
                        child.name(),
                        names.collect::<Vec<_>>()
                    );
                    let error = format_error("the object graph of a checkpoint", problem);
                    plan.skip(Err(in_layer(layer, error)))?;
                }
            }
        }
        Ok(())
    }

    /// The object at the end of a path. Where Keras 2 has a field or a key of its own in the place of a number, the
    /// number counts.
    fn find(&self, from: usize, path: &[String]) -> Option<usize> {
        path.iter().try_fold(from, |node, name| {
            let public = name.strip_prefix('_');
            let exact = self.graph.child(node, name);
            let exact = exact.or_else(|| self.graph.child(node, public?));
            let hidden = || self.graph.child(node, &format!("_{name}"));
            let numbered = || {
                let (_, id) = self.graph.nodes[node]
                    .children
                    .get(name.parse::<usize>().ok()?)?;
                Some(*id)
            };
            exact.or_else(hidden).or_else(numbered)
        })
    }

    /// The weights of the layer itself.
    fn own(&mut self, layer: &LayerRef, node: usize, plan: &mut Plan) -> Result<()> {
        for variable in layer.own_weights() {
            let name = variable.name().to_string();
            let names = [in_keras2(layer, &name), &name];
            let mut found = names.iter().filter_map(|name| self.graph.child(node, name));
            let key = found.find_map(|child| self.graph.key(child));
            let Some(key) = key else {
                let what = format!("weight `{}`", variable.path());
                let problem = "the checkpoint holds no value for it";
                return Err(Error::Format {
                    what,
                    problem: problem.into(),
                });
            };
            self.take(&variable, key, plan)?;
        }
        Ok(())
    }

    fn take(&mut self, variable: &Variable, key: &'a str, plan: &mut Plan) -> Result<()> {
        self.taken.insert(key);
        let checkpoint = self.checkpoint;
        plan.take(variable, &Item { checkpoint, key })
    }

    fn optimizer(
        &mut self,
        state: &keras_optimizers::Optimizer,
        weights: &[Variable],
        node: usize,
        plan: &mut Plan,
    ) -> Result<()> {
        let (graph, checkpoint) = (self.graph, self.checkpoint);
        let item = |node| graph.key(node).map(|key| Item { checkpoint, key });
        let part = |name: &str| item(graph.child(node, name)?);
        let stored: Vec<Item<'_>> = match graph.child(node, "_variables") {
            Some(list) => graph.list(list).into_iter().filter_map(item).collect(),
            None => {
                let Some(iteration) = part("iter") else {
                    return Ok(());
                };
                let slots = graph.nodes[node].slots.iter();
                let slots = slots.filter_map(|(_, name, slot)| Some((name.clone(), item(*slot)?)));
                let all = [("iter".to_string(), iteration)].into_iter().chain(slots);
                optimizer::in_order_of_today(state, weights, all.collect())?
            }
        };
        optimizer::take(state, weights, &stored, plan)?;
        let rate = ["_learning_rate", "learning_rate"]
            .into_iter()
            .find_map(part);
        let beside = [("learning_rate", rate), ("variable", part("_u_product"))];
        for (name, item) in beside {
            let variables = state.variables();
            let own = variables.iter().find(|v| v.name() == name);
            if let (Some(own), Some(item)) = (own, item) {
                plan.take(own, &item)?;
            }
        }
        Ok(())
    }
}
