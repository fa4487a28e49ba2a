//! The main graph: what loaders without functions of Python go by, and how they fill the variables.

use keras_tensor::{Result, Variable};

use super::function::{Attribute, shape};
use super::{RESOURCE, Way};
use crate::checkpoint::number_of;
use crate::protobuf::Writer;

const FILE: &str = "saver_filename";
const RESTORE: &str = "save/restore_all";
const STRING: u64 = 7;

/// The key of a variable in the checkpoint.
pub(super) fn key(number: usize) -> String {
    format!("variables/{number}/.ATTRIBUTES/VARIABLE_VALUE")
}

fn node(name: &str, op: &str, inputs: &[String], attributes: &[(&str, Writer)]) -> Writer {
    let node = Writer::new().text(1, name).text(2, op);
    let node = inputs.iter().fold(node, |node, input| node.text(3, input));
    attributes
        .iter()
        .fold(node, |node, (key, value)| node.entry(5, key, value.clone()))
}

fn type_of(number: u64) -> Writer {
    Writer::new().number(6, number)
}

fn types(numbers: impl IntoIterator<Item = u64>) -> Writer {
    Writer::new().message(1, Writer::new().numbers(6, numbers))
}

/// A constant list of texts.
fn texts(name: &str, all: &[String]) -> Writer {
    let tensor = Writer::new()
        .number(1, STRING)
        .message(2, shape([all.len() as i64]));
    let tensor = all.iter().fold(tensor, |tensor, text| tensor.text(8, text));
    let value = Writer::new().message(8, tensor);
    node(
        name,
        "Const",
        &[],
        &[("dtype", type_of(STRING)), ("value", value)],
    )
}

/// An input or an output: its name, its place in the graph, its dtype and its shape.
pub(super) struct Port {
    pub(super) name: String,
    pub(super) dtype: u64,
    pub(super) shape: Writer,
}

impl Port {
    fn described(&self, place: &str) -> Writer {
        Writer::new()
            .text(1, place)
            .number(2, self.dtype)
            .message(3, self.shape.clone())
    }
}

/// The nodes, the signature and what restores the variables, each in its field of the whole.
pub(super) struct MainGraph {
    pub(super) nodes: Vec<Writer>,
    pub(super) signature: Writer,
    pub(super) saver: Writer,
}

/// Inputs and outputs are in the order of the way, which is that of their names.
pub(super) fn main_graph(
    way: &Way,
    inputs: &[Port],
    outputs: &[Port],
    weights: &[(usize, &Variable)],
) -> Result<MainGraph> {
    let mut nodes = Vec::new();
    let mut signature = Writer::new();
    for port in inputs {
        let place = format!("serving_default_{}", port.name);
        let known = [
            ("dtype", type_of(port.dtype)),
            ("shape", Writer::new().message(7, port.shape.clone())),
        ];
        nodes.push(node(&place, "Placeholder", &[], &known));
        signature = signature.entry(1, &port.name, port.described(&format!("{place}:0")));
    }
    let mut variables = Vec::new();
    for (i, (_, weight)) in weights.iter().enumerate() {
        let name = format!("variable_{i}");
        let sizes = weight.shape().iter().map(|&n| n as i64);
        let known = [
            ("dtype", type_of(number_of(weight.dtype()))),
            ("shape", Writer::new().message(7, shape(sizes))),
            ("shared_name", Writer::new().text(2, &name)),
        ];
        nodes.push(node(&name, "VarHandleOp", &[], &known));
        variables.push(name);
    }
    let placed = inputs
        .iter()
        .map(|port| format!("serving_default_{}", port.name));
    let arguments: Vec<String> = placed.chain(variables.iter().cloned()).collect();
    let resources = variables.iter().map(|_| RESOURCE);
    let known = [
        (
            "Tin",
            types(inputs.iter().map(|port| port.dtype).chain(resources)),
        ),
        ("Tout", types(outputs.iter().map(|port| port.dtype))),
        ("f", Attribute::Function(way.name.to_string()).write()?),
    ];
    nodes.push(node(
        "StatefulPartitionedCall",
        "StatefulPartitionedCall",
        &arguments,
        &known,
    ));
    for (i, port) in outputs.iter().enumerate() {
        let place = format!("StatefulPartitionedCall:{i}");
        signature = signature.entry(2, &port.name, port.described(&place));
    }
    nodes.extend(saving(&variables, weights));
    let saver = Writer::new()
        .text(1, &format!("{FILE}:0"))
        .text(2, "save/control_dependency:0")
        .text(3, RESTORE)
        .number(7, 2);
    Ok(MainGraph {
        nodes,
        signature: signature.text(3, "tensorflow/serving/predict"),
        saver,
    })
}

/// Nodes that write the variables to a checkpoint, and that read them.
fn saving(variables: &[String], weights: &[(usize, &Variable)]) -> Vec<Writer> {
    let dtypes: Vec<u64> = weights.iter().map(|(_, w)| number_of(w.dtype())).collect();
    let keys: Vec<String> = (0..weights.len()).map(key).collect();
    let scalar = Writer::new().message(7, shape([]));
    let name = |text: &str| text.to_string();
    let mut nodes = vec![
        node(
            FILE,
            "Placeholder",
            &[],
            &[("dtype", type_of(STRING)), ("shape", scalar)],
        ),
        texts("save/names", &keys),
        texts("save/slices", &vec![String::new(); keys.len()]),
    ];
    let from = [name(FILE), name("save/names"), name("save/slices")];
    let list = [("dtypes", types(dtypes.iter().copied()))];
    let (mut read, mut assigned) = (from.to_vec(), Vec::new());
    if !variables.is_empty() {
        nodes.push(node("save/RestoreV2", "RestoreV2", &from, &list));
    }
    for (i, (variable, &dtype)) in variables.iter().zip(&dtypes).enumerate() {
        let known = [("dtype", type_of(dtype))];
        let value = format!("save/Read_{i}");
        nodes.push(node(
            &value,
            "ReadVariableOp",
            std::slice::from_ref(variable),
            &known,
        ));
        read.push(value);
        let assign = format!("save/Assign_{i}");
        let inputs = [variable.clone(), format!("save/RestoreV2:{i}")];
        nodes.push(node(&assign, "AssignVariableOp", &inputs, &known));
        assigned.push(format!("^{assign}"));
    }
    nodes.push(node(RESTORE, "NoOp", &assigned, &[]));
    let mut done = vec![name(FILE)];
    if !variables.is_empty() {
        nodes.push(node("save/SaveV2", "SaveV2", &read, &list));
        done.push(name("^save/SaveV2"));
    }
    let text = [("T", type_of(STRING))];
    nodes.push(node("save/control_dependency", "Identity", &done, &text));
    nodes
}
