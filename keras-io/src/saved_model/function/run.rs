//! Running a graph: each node once, those first that it needs.

use keras_tensor::{DType, Result, Tensor};
use std::collections::HashMap;
use std::rc::Rc;

use super::graph::{Body, Constant, Node, WHAT};
use super::{ops, space};
use crate::Limits;
use crate::checkpoint::Checkpoint;
use crate::limits::format_error;

/// What flows between nodes.
#[derive(Clone)]
pub(super) enum Value {
    Tensor(Tensor),
    Texts(Rc<Vec<Vec<u8>>>),
    /// A variable, by its name.
    Variable(String),
    List(Rc<Vec<Option<Tensor>>>),
}

impl Value {
    pub(super) fn tensor(&self) -> Result<&Tensor> {
        match self {
            Value::Tensor(tensor) => Ok(tensor),
            _ => Err(format_error(
                WHAT,
                "an op gets something else where it wants a tensor",
            )),
        }
    }

    /// A list of integers, as sizes and axes come.
    pub(super) fn integers(&self) -> Result<Vec<i64>> {
        let values = self.tensor()?.to_f64_vec()?;
        Ok(values.into_iter().map(|n| n as i64).collect())
    }
}

/// The values of variables, by name.
pub(super) type Variables = HashMap<String, Tensor>;

/// What running needs besides the nodes.
pub(super) struct Run<'a> {
    pub(super) main: Body<'a>,
    pub(super) functions: HashMap<&'a str, Body<'a>>,
    pub(super) variables: Variables,
    pub(super) checkpoint: &'a Checkpoint,
    pub(super) limits: &'a Limits,
    /// Nodes that may still run, over all calls and rounds of loops.
    pub(super) left: usize,
}

/// The node that a reference names: `^node`, `node:1`.
fn stem(reference: &str) -> &str {
    let reference = reference.strip_prefix('^').unwrap_or(reference);
    reference.split(':').next().unwrap_or_default()
}

/// A body that runs: what is known already, by the names of nodes and arguments.
struct Frame<'b, 'a> {
    body: &'b Body<'a>,
    known: HashMap<&'b str, Vec<Value>>,
}

impl<'a> Run<'a> {
    /// The values of tensors of the main graph (`name:0`), where these are given. A node without results only runs.
    pub(super) fn fetch(
        &mut self,
        given: Vec<(String, Value)>,
        names: &[&str],
    ) -> Result<Vec<Value>> {
        let main = std::mem::take(&mut self.main);
        let mut frame = Frame {
            body: &main,
            known: HashMap::new(),
        };
        for (name, value) in &given {
            frame.known.insert(name, vec![value.clone()]);
        }
        let mut fetch = |name| {
            let node = stem(name);
            self.node(&mut frame, node, 0)?;
            let is_empty = frame.known[node].is_empty();
            let value = (!is_empty).then(|| self.value(&mut frame, name, 0));
            value.transpose()
        };
        let fetched = names.iter().filter_map(|name| fetch(name).transpose());
        let fetched = fetched.collect();
        self.main = main;
        fetched
    }

    pub(super) fn call(
        &mut self,
        name: &str,
        inputs: Vec<Value>,
        depth: usize,
    ) -> Result<Vec<Value>> {
        if depth > self.limits.depth {
            return Err(format_error(
                WHAT,
                "functions that call each other without end",
            ));
        }
        // Taken out while it runs, so that it cannot call itself.
        let taken = self.functions.remove_entry(name);
        let missing = || {
            format_error(
                WHAT,
                format!("no function {name:?}, or one that calls itself"),
            )
        };
        let (key, body) = taken.ok_or_else(missing)?;
        let outcome = self.run_body(&body, inputs, depth);
        self.functions.insert(key, body);
        outcome
    }

    fn run_body(
        &mut self,
        body: &Body<'a>,
        inputs: Vec<Value>,
        depth: usize,
    ) -> Result<Vec<Value>> {
        if inputs.len() != body.arguments.len() {
            return Err(format_error(
                WHAT,
                "a call with another number of arguments",
            ));
        }
        let mut frame = Frame {
            body,
            known: HashMap::new(),
        };
        for (name, value) in body.arguments.iter().zip(inputs) {
            frame.known.insert(name, vec![value]);
        }
        for node in &body.always {
            self.node(&mut frame, node, depth)?;
        }
        let results = body.results.iter();
        results
            .map(|name| self.value(&mut frame, name, depth))
            .collect()
    }

    /// What a reference means: `node`, `node:1`, inside of functions `node:output:0`.
    fn value<'b>(
        &mut self,
        frame: &mut Frame<'b, 'a>,
        name: &'b str,
        depth: usize,
    ) -> Result<Value> {
        let mut parts = name.split(':');
        let node = parts.next().unwrap_or_default();
        let rest: Vec<&str> = parts.collect();
        self.node(frame, node, depth)?;
        let all = &frame.known[node];
        let place = match rest[..] {
            [] => Some(0),
            [place] => place.parse().ok(),
            [output, place] => {
                let op = frame.body.nodes.get(node).map_or("", |n| n.op);
                place
                    .parse::<usize>()
                    .ok()
                    .map(|i| i + ops::first_of(op, output))
            }
            _ => None,
        };
        let value = place.and_then(|place| all.get(place));
        let missing = || format_error(WHAT, format!("no result {name:?}"));
        value.cloned().ok_or_else(missing)
    }

    /// Runs a node, and first the nodes that it needs; a stack of our own, because chains are long.
    fn node<'b>(&mut self, frame: &mut Frame<'b, 'a>, name: &'b str, depth: usize) -> Result<()> {
        let mut stack = vec![(name, false)];
        let mut open: Vec<&str> = Vec::new();
        while let Some((name, entered)) = stack.pop() {
            if frame.known.contains_key(name) {
                continue;
            }
            let missing = || format_error(WHAT, format!("no node {name:?}"));
            let node = frame.body.nodes.get(name).ok_or_else(missing)?;
            if !entered {
                if open.contains(&name) {
                    return Err(format_error(WHAT, format!("a circle through {name:?}")));
                }
                open.push(name);
                stack.push((name, true));
                let needed = node.inputs.iter().map(|input| stem(input));
                stack.extend(
                    needed
                        .filter(|n| !frame.known.contains_key(n))
                        .map(|n| (n, false)),
                );
                continue;
            }
            open.pop();
            self.left = self
                .left
                .checked_sub(1)
                .ok_or_else(|| format_error(WHAT, "it runs more nodes than the limit allows"))?;
            let tensors = node.inputs.iter().filter(|input| !input.starts_with('^'));
            let mut inputs = Vec::new();
            for input in tensors {
                inputs.push(self.value(frame, input, depth)?);
            }
            let results = self.carry_out(node, inputs, depth);
            let results = results.map_err(|e| {
                format_error(WHAT, format!("node {:?} ({}): {e}", node.name, node.op))
            })?;
            frame.known.insert(name, results);
        }
        Ok(())
    }

    fn carry_out(
        &mut self,
        node: &Node<'a>,
        inputs: Vec<Value>,
        depth: usize,
    ) -> Result<Vec<Value>> {
        let input = |i: usize| {
            let missing = || format_error(WHAT, format!("no input {i}"));
            inputs.get(i).ok_or_else(missing)
        };
        match node.op {
            "StatefulPartitionedCall" | "PartitionedCall" => {
                self.call(node.function("f")?, inputs, depth + 1)
            }
            "While" | "StatelessWhile" => self.repeat(node, inputs, depth + 1),
            "Const" => Ok(vec![match node.constant(self.limits)? {
                Constant::Tensor(tensor) => Value::Tensor(tensor),
                Constant::Texts(texts) => Value::Texts(Rc::new(texts)),
            }]),
            "VarHandleOp" => {
                let name = node.text("shared_name", node.name)?;
                let name = if name.is_empty() { node.name } else { name };
                Ok(vec![Value::Variable(name.to_string())])
            }
            "ReadVariableOp" => Ok(vec![Value::Tensor(self.variable(input(0)?)?)]),
            "ResourceGather" => {
                let table = self.variable(input(0)?)?;
                let places = input(1)?.tensor()?;
                Ok(vec![Value::Tensor(keras_tensor::ops::take(
                    &table, places, 0,
                )?)])
            }
            "AssignVariableOp" => {
                if let Value::Variable(name) = input(0)? {
                    self.variables
                        .insert(name.clone(), input(1)?.tensor()?.clone());
                }
                Ok(Vec::new())
            }
            "RestoreV2" => {
                let Value::Texts(names) = input(1)? else {
                    return Err(format_error(WHAT, "variables without names"));
                };
                let tensor = |name: &Vec<u8>| {
                    let name = String::from_utf8_lossy(name);
                    match self.checkpoint.is_text(&name) {
                        true => Ok(Value::Texts(Rc::new(self.checkpoint.strings(&name)?))),
                        false => self.checkpoint.tensor(&name).map(Value::Tensor),
                    }
                };
                names.iter().map(tensor).collect()
            }
            "Conv2D"
            | "Conv3D"
            | "DepthwiseConv2dNative"
            | "Conv2DBackpropInput"
            | "Conv3DBackpropInputV2"
            | "MaxPool"
            | "AvgPool"
            | "MaxPool3D"
            | "AvgPool3D"
            | "FusedBatchNormV3" => {
                let tensors: Vec<&Tensor> =
                    inputs.iter().map(Value::tensor).collect::<Result<_>>()?;
                Ok(vec![Value::Tensor(space::carry_out(node, &tensors)?)])
            }
            "NoOp" | "Assert" => Ok(Vec::new()),
            _ => ops::carry_out(node, &inputs, self.limits),
        }
    }

    fn variable(&self, handle: &Value) -> Result<Tensor> {
        let Value::Variable(name) = handle else {
            return Err(format_error(WHAT, "something that is no variable is read"));
        };
        let missing = || format_error(WHAT, format!("variable `{name}` has no value"));
        self.variables.get(name).cloned().ok_or_else(missing)
    }

    fn repeat(
        &mut self,
        node: &Node<'a>,
        mut state: Vec<Value>,
        depth: usize,
    ) -> Result<Vec<Value>> {
        let (condition, body) = (node.function("cond")?, node.function("body")?);
        loop {
            let goes_on = self.call(condition, state.clone(), depth)?;
            let goes_on = goes_on.first().map(|v| v.tensor()?.item()).transpose()?;
            if goes_on.unwrap_or(0.0) == 0.0 {
                return Ok(state);
            }
            state = self.call(body, state, depth)?;
        }
    }
}

/// A tensor of one dtype as another, or itself.
pub(super) fn as_dtype(tensor: &Tensor, dtype: DType) -> Result<Tensor> {
    keras_tensor::ops::cast(tensor, dtype)
}
