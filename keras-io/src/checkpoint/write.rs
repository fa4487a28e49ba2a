//! Writing the weights of a model, and the state of its optimizer, as Keras 2 does.

use keras_layers::LayerRef;
use keras_models::Model;
use keras_tensor::{Result, Variable, ops};
use std::collections::BTreeMap;
use std::path::Path;

use super::bundle::{Stored, write};
use super::graph::{KEY, Node, ObjectGraph};
use super::names::{children, in_keras2};
use crate::atomic;

/// Writes the checkpoint of this prefix, and the file `checkpoint` beside it, which names the latest one.
pub(crate) fn save_weights(model: &Model, prefix: &Path) -> Result<()> {
    let mut writer = Writer::default();
    let root = writer.graph.add(Node::default());
    writer.layer(model, root, "")?;
    if let Ok(optimizer) = model.optimizer() {
        let mut state = optimizer.variables();
        if optimizer.config()?["momentum"] == 0.0 && state.len() == 2 {
            // SGD of Keras 2 has momenta even where it does not use them.
            for weight in model.trainable_variables() {
                state.push(Variable::new(ops::zeros_like(&weight)?, "momentum"));
            }
        }
        writer.optimizer(&state, root)?;
    }
    let Writer {
        graph, mut values, ..
    } = writer;
    values.insert(KEY.to_string(), Stored::Text(graph.to_bytes()));
    write(prefix, &values)?;
    let name = prefix.file_name().unwrap_or_default().to_string_lossy();
    let name = name.replace('\\', "\\\\").replace('"', "\\\"");
    let latest =
        format!("model_checkpoint_path: \"{name}\"\nall_model_checkpoint_paths: \"{name}\"\n");
    atomic::write_bytes(&prefix.with_file_name("checkpoint"), latest.as_bytes())
}

#[derive(Default)]
struct Writer {
    graph: ObjectGraph,
    values: BTreeMap<String, Stored>,
    /// Layers that have an object already, because they stand in two places.
    seen: Vec<(LayerRef, usize)>,
}

impl Writer {
    fn layer(&mut self, layer: &LayerRef, node: usize, path: &str) -> Result<()> {
        self.seen.push((layer.clone(), node));
        for variable in layer.own_weights() {
            let name = in_keras2(layer, variable.name()).to_string();
            self.variable(&variable, node, &name, path)?;
        }
        for (names, child) in children(layer) {
            let Some((last, lists)) = names.split_last() else {
                continue;
            };
            let (mut owner, mut path) = (node, path.to_string());
            for name in lists {
                owner = self.graph.part(owner, name);
                path = format!("{path}{name}/");
            }
            let known = self.seen.iter().find(|(seen, _)| seen.is(&child));
            if let Some(&(_, known)) = known {
                self.graph.nodes[owner].children.push((last.clone(), known));
            } else {
                let made = self.graph.part(owner, last);
                self.layer(&child, made, &format!("{path}{last}/"))?;
            }
        }
        Ok(())
    }

    fn variable(&mut self, variable: &Variable, node: usize, name: &str, path: &str) -> Result<()> {
        let key = format!("{path}{name}/.ATTRIBUTES/VARIABLE_VALUE");
        let made = self.graph.part(node, name);
        self.graph.nodes[made].value = Some((variable.path(), key.clone()));
        self.values.insert(key, Stored::Tensor(variable.value()?));
        Ok(())
    }

    /// Keras 2 keeps some numbers beside the list of all else.
    fn optimizer(&mut self, state: &[Variable], root: usize) -> Result<()> {
        let node = self.graph.part(root, "optimizer");
        let list = self.graph.part(node, "_variables");
        let mut number = 0;
        for variable in state {
            match variable.name() {
                "iteration" => {
                    self.variable(variable, node, "_iterations", "optimizer/")?;
                    let made = self.graph.part(node, "_iterations");
                    self.graph.nodes[list]
                        .children
                        .push((number.to_string(), made));
                    number += 1;
                }
                "learning_rate" => {
                    self.variable(variable, node, "_learning_rate", "optimizer/")?;
                }
                // Nadam's product of all momenta so far.
                "variable" => self.variable(variable, node, "_u_product", "optimizer/")?,
                _ => {
                    let name = number.to_string();
                    self.variable(variable, list, &name, "optimizer/_variables/")?;
                    number += 1;
                }
            }
        }
        Ok(())
    }
}
