//! Any SavedModel as a function: its graph is run, node by node. Nothing is executed but the ops of a closed table.

mod graph;
mod lists;
mod ops;
mod run;
mod slices;
mod space;

use keras_tensor::{DType, Error, Result, Tensor};
use std::collections::HashMap;
use std::path::Path;

use self::graph::{Body, WHAT};
use self::run::{Run, Value, Variables};
use crate::checkpoint::{Checkpoint, dtype_of};
use crate::limits::format_error;
use crate::protobuf::Message;
use crate::{Limits, read_file};

/// What models of Keras are called by.
const SERVING: &str = "serving_default";
/// Nodes that one call may run, rounds of loops counted.
const MOST_NODES: usize = 2_000_000;

/// A function that a SavedModel holds, whoever wrote it: `serving_default`, what it computes in inference.
///
/// ```no_run
/// use keras_io::SavedFunction;
/// use keras_tensor::ops;
/// let function = SavedFunction::load("saved_model")?;
/// let x = ops::ones([1, 28, 28, 1], Default::default())?;
/// for (name, y) in function.call(&[x])? {
///     println!("{name}: {}", y.shape());
/// }
/// # Ok::<(), keras_tensor::Error>(())
/// ```
pub struct SavedFunction {
    graph: Vec<u8>,
    checkpoint: Checkpoint,
    limits: Limits,
    variables: Variables,
    inputs: Vec<End>,
    outputs: Vec<End>,
}

/// An input or an output.
struct End {
    name: String,
    /// Where it is in the graph: `serving_default_x:0`.
    place: String,
    dtype: DType,
}

impl SavedFunction {
    /// Reads `serving_default` of the SavedModel in a folder.
    ///
    /// # Errors
    /// A folder that is none or is damaged, that asks for more than the default limits, or without this function.
    pub fn load(folder: impl AsRef<Path>) -> Result<Self> {
        Self::load_within(folder, &Limits::default())
    }

    /// [`SavedFunction::load`] with limits of one's own.
    ///
    /// # Errors
    /// Those of [`SavedFunction::load`].
    pub fn load_within(folder: impl AsRef<Path>, limits: &Limits) -> Result<Self> {
        let folder = folder.as_ref();
        let graph = read_file(&folder.join("saved_model.pb"), limits, "a SavedModel")?;
        let checkpoint = Checkpoint::open(&folder.join("variables").join("variables"), limits)?;
        let mut function = SavedFunction {
            graph,
            checkpoint,
            limits: limits.clone(),
            variables: Variables::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        let meta = function.meta()?;
        let signatures: HashMap<&str, Message<'_>> = meta.entries(5).collect::<Result<_>>()?;
        let signature = signatures.get(SERVING).ok_or_else(|| {
            let mut names: Vec<&&str> = signatures.keys().collect();
            names.sort();
            format_error(
                folder.display().to_string(),
                format!("no `{SERVING}`; it has {names:?}"),
            )
        })?;
        let (inputs, outputs) = (ends(signature, 1)?, ends(signature, 2)?);
        let saver = meta.message(3)?;
        let (file, restore) = (saver.text(1)?.to_string(), saver.text(3)?.to_string());
        let mut run = function.run()?;
        if !restore.is_empty() {
            let file = file.split(':').next().unwrap_or_default().to_string();
            run.fetch(vec![(file, Value::Texts(Default::default()))], &[&restore])?;
        }
        let variables = std::mem::take(&mut run.variables);
        drop(run);
        (function.variables, function.inputs, function.outputs) = (variables, inputs, outputs);
        Ok(function)
    }

    fn meta(&self) -> Result<Message<'_>> {
        Message::new(WHAT, &self.graph).message(2)
    }

    fn run(&self) -> Result<Run<'_>> {
        let graph = self.meta()?.message(2)?;
        let mut functions = HashMap::new();
        for function in graph.message(2)?.messages(1) {
            let (name, body) = Body::function(function?, &self.limits)?;
            functions.insert(name, body);
        }
        Ok(Run {
            main: Body::main(graph, &self.limits)?,
            functions,
            variables: self.variables.clone(),
            checkpoint: &self.checkpoint,
            limits: &self.limits,
            left: MOST_NODES,
        })
    }

    /// The names of the inputs, in the order in which [`SavedFunction::call`] takes them.
    pub fn input_names(&self) -> Vec<&str> {
        self.inputs.iter().map(|end| &*end.name).collect()
    }

    /// The outputs by name for inputs in the order of their names.
    ///
    /// # Errors
    /// Another number of inputs, an op that is not in the table, or inputs that the function cannot take.
    pub fn call(&self, inputs: &[Tensor]) -> Result<Vec<(String, Tensor)>> {
        if inputs.len() != self.inputs.len() {
            let wanted = format!("one for each of {:?}", self.input_names());
            return Err(Error::argument("inputs", inputs.len(), wanted));
        }
        let mut given = Vec::new();
        for (end, input) in self.inputs.iter().zip(inputs) {
            let node = end.place.split(':').next().unwrap_or_default().to_string();
            given.push((node, Value::Tensor(run::as_dtype(input, end.dtype)?)));
        }
        let places: Vec<&str> = self.outputs.iter().map(|end| &*end.place).collect();
        let values = self.run()?.fetch(given, &places)?;
        let named = self.outputs.iter().zip(values);
        named
            .map(|(end, value)| Ok((end.name.clone(), value.tensor()?.clone())))
            .collect()
    }
}

/// Inputs or outputs of a signature, in the order of their names.
fn ends(signature: &Message<'_>, number: u32) -> Result<Vec<End>> {
    let mut ends = Vec::new();
    for entry in signature.entries(number) {
        let (name, info) = entry?;
        ends.push(End {
            name: name.to_string(),
            place: info.text(1)?.to_string(),
            dtype: dtype_of(info.number(2)?)?,
        });
    }
    ends.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(ends)
}
