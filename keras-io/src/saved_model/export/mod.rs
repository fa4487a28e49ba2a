//! Writing what a model computes as a SavedModel: a function, the ways to call it, and its variables.

mod function;
mod main_graph;
mod nodes;
mod space;
mod values;

use keras_models::Model;
use keras_tensor::{Error, Result, Variable};
use std::collections::BTreeMap;
use std::path::Path;

use self::function::{Attribute, Function, shape};
use self::main_graph::{Port, key, main_graph};
use crate::atomic;
use crate::checkpoint::{self, Stored, number_of};
use crate::graph::{Graph, Source, Value, Weights, trace};
use crate::protobuf::Writer;

/// TensorFlow's number for what stands for a variable.
const RESOURCE: u64 = 20;
const BODY: &str = "__inference_model";
const PRODUCER: u64 = 1645;

/// Writes what a model computes in inference as a SavedModel folder, as Keras's `Model.export` does: TensorFlow calls what
/// `tf.saved_model.load` gives, its `serve`, and its signature `serving_default`, whose inputs and outputs have names.
///
/// The folder is made beside and put in its place at the end; one that holds another SavedModel is replaced.
///
/// # Errors
/// A model that is not built, an op that TensorFlow does not have, a folder that holds something else, or what the system
/// says.
pub fn export(model: &Model, folder: impl AsRef<Path>) -> Result<()> {
    let graph = trace(model, Weights::Kept)?;
    let saved = SavedModel::of(&graph)?;
    atomic::write_folder(folder.as_ref(), "saved_model.pb", |folder| {
        let variables = folder.join("variables");
        std::fs::create_dir(&variables).map_err(|e| Error::io(&variables, e))?;
        checkpoint::write(&variables.join("variables"), &saved.variables)?;
        atomic::write_bytes(&folder.join("saved_model.pb"), &saved.graph)
    })
}

struct SavedModel {
    graph: Vec<u8>,
    variables: BTreeMap<String, Stored>,
}

/// A tensor that goes in or comes out.
struct End {
    name: String,
    dtype: u64,
    value: usize,
}

impl End {
    fn all(ends: &[(String, usize)], graph: &Graph) -> Vec<End> {
        let end = |(name, place): &(String, usize)| End {
            name: name.clone(),
            dtype: number_of(graph.values[*place].dtype),
            value: *place,
        };
        ends.iter().map(end).collect()
    }

    fn shape(&self, graph: &Graph) -> Writer {
        let Value { sizes, .. } = &graph.values[self.value];
        let sizes = sizes
            .iter()
            .map(|s| if s.is_fixed() { s.constant } else { -1 });
        shape(sizes)
    }

    fn spec(&self, name: &str, graph: &Graph) -> Writer {
        values::tensor(name, self.shape(graph), self.dtype)
    }

    fn port(&self, graph: &Graph) -> Port {
        Port {
            name: self.name.clone(),
            dtype: self.dtype,
            shape: self.shape(graph),
        }
    }
}

/// One value as it is, several as a list.
fn one_or_list(mut all: Vec<Writer>) -> Writer {
    match all.len() {
        1 => all.remove(0),
        _ => values::list(all),
    }
}

/// A function that calls the model, in one of the ways in which Python does.
struct Way {
    name: &'static str,
    /// The places of inputs and outputs in the order in which this way has them, with their names there.
    inputs: Vec<(usize, String)>,
    outputs: Vec<(usize, String)>,
    signature: Writer,
    results: Writer,
}

impl SavedModel {
    fn of(graph: &Graph) -> Result<Self> {
        let weights: Vec<(usize, &Variable)> = graph
            .values
            .iter()
            .enumerate()
            .filter_map(|(place, value)| match &value.source {
                Source::Weight(weight) => Some((place, weight)),
                _ => None,
            })
            .collect();
        let (inputs, outputs) = (
            End::all(&graph.inputs, graph),
            End::all(&graph.outputs, graph),
        );
        let ways = ways(graph, &inputs, &outputs);
        let mut functions = vec![body(graph, &inputs, &outputs, &weights)?];
        for way in &ways {
            functions.push(wrapper(way, &inputs, &outputs, weights.len())?);
        }
        let library = Writer::new().messages(1, functions);
        let by_name = |order: &[(usize, String)], ends: &[End]| -> Vec<Port> {
            order.iter().map(|(i, _)| ends[*i].port(graph)).collect()
        };
        let way = &ways[3];
        let ports = [
            by_name(&way.inputs, &inputs),
            by_name(&way.outputs, &outputs),
        ];
        let main = main_graph(way, &ports[0], &ports[1], &weights)?;
        let graph_def = Writer::new()
            .messages(1, main.nodes)
            .message(2, library)
            .message(4, Writer::new().number(1, PRODUCER));
        let info = Writer::new().text(4, "serve").text(5, "2.15.0");
        let meta_graph = Writer::new()
            .message(1, info)
            .message(2, graph_def)
            .message(3, main.saver)
            .entry(5, "serving_default", main.signature)
            .message(7, objects(&ways, &weights, &inputs, graph));
        let saved = Writer::new().number(1, 1).message(2, meta_graph);
        Ok(SavedModel {
            graph: saved.finish(),
            variables: variables(&weights)?,
        })
    }
}

/// `model(x)`, `model(x, training=False)`, `model.serve(x)`, and the signature, whose tensors are in the order of their
/// names.
fn ways(graph: &Graph, inputs: &[End], outputs: &[End]) -> Vec<Way> {
    let in_order = |ends: &[End], kind: &str| -> Vec<(usize, String)> {
        (0..ends.len())
            .map(|i| (i, format!("{kind}_{i}")))
            .collect()
    };
    let sorted = |ends: &[End]| -> Vec<(usize, String)> {
        let named = ends
            .iter()
            .enumerate()
            .map(|(i, end)| (i, end.name.clone()));
        let mut all: Vec<_> = named.collect();
        all.sort_by(|a, b| a.1.cmp(&b.1));
        all
    };
    let specs = |ends: &[End]| one_or_list(ends.iter().map(|e| e.spec(&e.name, graph)).collect());
    let fields = |ends: &[End], order: &[(usize, String)]| {
        let fields = order
            .iter()
            .map(|(i, name)| (&**name, ends[*i].spec(name, graph)));
        values::dict(fields.collect::<Vec<_>>())
    };
    let call = |name, training| Way {
        name,
        inputs: in_order(inputs, "input"),
        outputs: in_order(outputs, "output"),
        signature: values::tuple([
            values::tuple([specs(inputs), training, values::none()]),
            values::dict([]),
        ]),
        results: specs(outputs),
    };
    let (by_name, results_by_name) = (sorted(inputs), sorted(outputs));
    vec![
        call("__inference_call", values::none()),
        call("__inference_call_without_training", values::flag(false)),
        Way {
            signature: values::tuple([values::tuple([specs(inputs)]), values::dict([])]),
            ..call("__inference_serve", values::none())
        },
        Way {
            name: "__inference_signature_wrapper",
            signature: values::tuple([values::tuple([]), fields(inputs, &by_name)]),
            results: fields(outputs, &results_by_name),
            inputs: by_name,
            outputs: results_by_name,
        },
    ]
}

/// The function that computes; variables come after the inputs.
fn body(
    graph: &Graph,
    inputs: &[End],
    outputs: &[End],
    weights: &[(usize, &Variable)],
) -> Result<Writer> {
    let mut function = Function::new(graph);
    let mut arguments = Vec::new();
    for (i, end) in inputs.iter().enumerate() {
        let name = format!("input_{i}");
        function.names[end.value] = name.clone();
        arguments.push((name, end.dtype));
    }
    for (i, (place, weight)) in weights.iter().enumerate() {
        let name = format!("variable_{i}");
        let dtype = [("dtype", Attribute::Type(weight.dtype()))];
        function.names[*place] = function.node("ReadVariableOp", &[&name], &dtype)?;
        arguments.push((name, RESOURCE));
    }
    for (place, value) in graph.values.iter().enumerate() {
        if let Source::Constant(tensor) = &value.source {
            function.names[place] = function.constant(tensor)?;
        }
    }
    for node in &graph.nodes {
        nodes::add(&mut function, node)?;
    }
    let mut results = Vec::new();
    for (i, end) in outputs.iter().enumerate() {
        let from = function.names[end.value].clone();
        let dtype = graph.values[end.value].dtype;
        let from = function.typed("Identity", &[&from], dtype)?;
        results.push((format!("output_{i}"), end.dtype, from));
    }
    Ok(function.finish(BODY, &arguments, &results))
}

/// A function that only calls the one that computes.
fn wrapper(way: &Way, inputs: &[End], outputs: &[End], weights: usize) -> Result<Writer> {
    let nothing = Graph::default();
    let mut function = Function::new(&nothing);
    let ends = way
        .inputs
        .iter()
        .map(|(i, name)| (name.clone(), inputs[*i].dtype));
    let captured = (0..weights).map(|i| (format!("variable_{i}"), RESOURCE));
    let arguments: Vec<(String, u64)> = ends.chain(captured).collect();
    let mut in_order = arguments.clone();
    for (at, (i, _)) in way.inputs.iter().enumerate() {
        in_order[*i] = arguments[at].clone();
    }
    let dtypes: Vec<u64> = outputs.iter().map(|end| end.dtype).collect();
    let called = function.call(BODY, &in_order, &dtypes)?;
    let results = way
        .outputs
        .iter()
        .map(|(i, name)| (name.clone(), dtypes[*i], called[*i].clone()));
    Ok(function.finish(way.name, &arguments, &results.collect::<Vec<_>>()))
}

/// An object of a class that loaders know.
fn user_object(class: &str) -> Writer {
    let version = Writer::new().number(1, 1).number(2, 1);
    Writer::new().message(4, Writer::new().text(1, class).message(2, version))
}

fn children<'a>(object: Writer, children: impl IntoIterator<Item = (&'a str, usize)>) -> Writer {
    let children = children.into_iter();
    let child = |(name, id): (&str, usize)| Writer::new().number(1, id as u64).text(2, name);
    object.messages(1, children.map(child))
}

/// Objects, in this order, with these names under the first one; after them come the variables.
const PARTS: [&str; 5] = [
    "__call__",
    "serve",
    "signatures",
    "variables",
    "trainable_variables",
];
const SIGNATURE: usize = PARTS.len() + 1;
const FIRST_VARIABLE: usize = SIGNATURE + 1;

fn objects(ways: &[Way], weights: &[(usize, &Variable)], inputs: &[End], graph: &Graph) -> Writer {
    let root = children(
        user_object("_generic_user_object"),
        PARTS.iter().enumerate().map(|(i, name)| (*name, i + 1)),
    );
    let function = |names: &[&str], arguments: Writer, signature: Writer| {
        let spec = Writer::new().message(1, arguments).message(5, signature);
        let function = names.iter().fold(Writer::new(), |f, name| f.text(1, name));
        Writer::new().message(6, function.message(2, spec))
    };
    let names: Vec<&str> = ways.iter().map(|way| way.name).collect();
    let defaults = Some(vec![values::flag(false), values::none()]);
    let arguments = values::arguments(&["inputs", "training", "mask"], defaults, &[]);
    let call = function(&names[..2], arguments, values::none());
    let specs = inputs
        .iter()
        .map(|end| end.spec(&end.name, graph))
        .collect();
    let served = values::tuple([one_or_list(specs)]);
    let serve = function(
        &names[2..3],
        values::arguments(&["args_0"], None, &[]),
        served,
    );
    let signatures = children(
        user_object("signature_map"),
        [("serving_default", SIGNATURE)],
    );
    let list = |keep: &dyn Fn(&Variable) -> bool| {
        let kept = (0..weights.len()).filter(|&i| keep(weights[i].1));
        let numbered: Vec<(String, usize)> = kept
            .enumerate()
            .map(|(n, i)| (n.to_string(), FIRST_VARIABLE + i))
            .collect();
        let named = numbered.iter().map(|(name, id)| (&**name, *id));
        children(user_object("trackable_list_wrapper"), named)
    };
    let keywords = ways[3].inputs.iter().map(|(_, name)| &**name);
    let keywords: Vec<&str> = keywords.collect();
    let signature = keywords
        .iter()
        .fold(Writer::new().text(1, names[3]), |function, keyword| {
            function.text(2, keyword)
        });
    let spec = Writer::new()
        .message(1, values::arguments(&[], None, &keywords))
        .message(5, values::none());
    let signature = Writer::new().message(8, signature.message(4, spec));
    let variables = weights.iter().map(|(_, weight)| {
        let sizes = weight.shape().iter().map(|&n| n as i64);
        let variable = Writer::new()
            .number(1, number_of(weight.dtype()))
            .message(2, shape(sizes))
            .number(3, weight.is_trainable().into())
            .text(6, &weight.path());
        Writer::new().message(7, variable)
    });
    let nodes = [
        root,
        call,
        serve,
        signatures,
        list(&|_| true),
        list(&|weight| weight.is_trainable()),
        signature,
    ];
    let captured: Vec<u64> = (0..weights.len())
        .map(|i| (FIRST_VARIABLE + i) as u64)
        .collect();
    let mut graph = Writer::new().messages(1, nodes.into_iter().chain(variables));
    for way in ways {
        let function = Writer::new()
            .numbers(2, captured.iter().copied())
            .message(3, way.signature.clone())
            .message(4, way.results.clone());
        graph = graph.entry(2, way.name, function);
    }
    graph
}

/// The values of the variables, where the objects have them.
fn variables(weights: &[(usize, &Variable)]) -> Result<BTreeMap<String, Stored>> {
    let mut objects = checkpoint::ObjectGraph::default();
    let root = objects.add(Default::default());
    let list = objects.part(root, "variables");
    let mut stored = BTreeMap::new();
    for (i, (_, weight)) in weights.iter().enumerate() {
        let key = key(i);
        let node = objects.part(list, &i.to_string());
        objects.nodes[node].value = Some((weight.path(), key.clone()));
        stored.insert(key, Stored::Tensor(weight.value()?));
    }
    stored.insert(
        checkpoint::KEY.to_string(),
        Stored::Text(objects.to_bytes()),
    );
    Ok(stored)
}
