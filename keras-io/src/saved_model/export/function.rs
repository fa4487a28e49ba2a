//! A function of TensorFlow that is being made: its nodes, and what refers to them.

use keras_tensor::{DType, Result, Tensor};

use crate::bytes::bytes_of;
use crate::checkpoint::number_of;
use crate::graph::{Graph, Size};
use crate::protobuf::Writer;

/// An attribute of a node.
#[derive(Clone)]
pub(super) enum Attribute {
    Type(DType),
    Int(i64),
    Bool(bool),
    Text(&'static str),
    Ints(Vec<i64>),
    Types(Vec<u64>),
    Tensor(Tensor),
    Function(String),
}

impl Attribute {
    pub(super) fn write(&self) -> Result<Writer> {
        let value = Writer::new();
        Ok(match self {
            Attribute::Type(dtype) => value.number(6, number_of(*dtype)),
            Attribute::Int(n) => value.number(3, *n as u64),
            Attribute::Bool(flag) => value.number(5, (*flag).into()),
            Attribute::Text(text) => value.text(2, text),
            Attribute::Ints(all) => {
                let list = Writer::new().numbers(3, all.iter().map(|n| *n as u64));
                value.message(1, list)
            }
            Attribute::Types(all) => {
                value.message(1, Writer::new().numbers(6, all.iter().copied()))
            }
            Attribute::Tensor(tensor) => {
                let content = Writer::new()
                    .number(1, number_of(tensor.dtype()))
                    .message(2, shape(tensor.shape().iter().map(|&n| n as i64)))
                    .bytes(4, &bytes_of(tensor)?);
                value.message(8, content)
            }
            Attribute::Function(name) => value.message(10, Writer::new().text(1, name)),
        })
    }
}

/// A shape, in which -1 is unknown.
pub(super) fn shape(sizes: impl IntoIterator<Item = i64>) -> Writer {
    let dims = sizes.into_iter().map(|n| Writer::new().number(1, n as u64));
    Writer::new().messages(2, dims)
}

/// The name of the result of an op, by which tensors inside of functions are referred to.
fn result_of(op: &str) -> &'static str {
    match op {
        "MatMul" => "product",
        "Relu" | "Relu6" | "Softplus" => "activations",
        "Softmax" => "softmax",
        "Cumsum" => "out",
        "ReadVariableOp" => "value",
        "TopKV2" => "indices",
        "Transpose" | "Cast" | "LogicalNot" | "Neg" | "Abs" | "Sign" | "Square" | "Sqrt"
        | "Rsqrt" | "Reciprocal" | "Exp" | "Expm1" | "Log" | "Log1p" | "Sin" | "Cos" | "Tan"
        | "Asin" | "Acos" | "Atan" | "Sinh" | "Cosh" | "Tanh" | "Sigmoid" | "Erf" | "Floor"
        | "Ceil" | "Rint" | "IsNan" | "IsFinite" => "y",
        "AddV2" | "Sub" | "Mul" | "RealDiv" | "Pow" | "Maximum" | "Minimum" | "FloorMod"
        | "FloorDiv" | "Equal" | "NotEqual" | "Less" | "LessEqual" | "Greater" | "GreaterEqual"
        | "LogicalAnd" | "LogicalOr" => "z",
        _ => "output",
    }
}

/// A function that is being made.
pub(super) struct Function<'a> {
    pub(super) graph: &'a Graph,
    /// How nodes refer to each value of the graph.
    pub(super) names: Vec<String>,
    nodes: Vec<Writer>,
    count: usize,
    batch: Option<String>,
}

impl<'a> Function<'a> {
    pub(super) fn new(graph: &'a Graph) -> Self {
        Function {
            graph,
            names: vec![String::new(); graph.values.len()],
            nodes: Vec::new(),
            count: 0,
            batch: None,
        }
    }

    /// A node with one result; returns how others refer to it.
    pub(super) fn node(
        &mut self,
        op: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
    ) -> Result<String> {
        self.node_with(op, inputs, attributes, result_of(op))
    }

    pub(super) fn node_with(
        &mut self,
        op: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
        result: &str,
    ) -> Result<String> {
        self.count += 1;
        let name = format!("{op}_{}", self.count);
        let mut node = Writer::new().text(1, &name).text(2, op);
        for input in inputs {
            node = node.text(3, input);
        }
        for (key, attribute) in attributes {
            node = node.entry(5, key, attribute.write()?);
        }
        self.nodes.push(node);
        Ok(format!("{name}:{result}:0"))
    }

    pub(super) fn constant(&mut self, tensor: &Tensor) -> Result<String> {
        let attributes = [
            ("dtype", Attribute::Type(tensor.dtype())),
            ("value", Attribute::Tensor(tensor.clone())),
        ];
        self.node("Const", &[], &attributes)
    }

    /// A list of int32.
    pub(super) fn integers(&mut self, all: &[i64]) -> Result<String> {
        let all: Vec<i32> = all.iter().map(|&n| n as i32).collect();
        self.constant(&Tensor::new(&all, [all.len()])?)
    }

    /// One number without axes.
    pub(super) fn number(&mut self, value: f64, dtype: DType) -> Result<String> {
        self.constant(&Tensor::from_f64(&[value], [0usize; 0], dtype)?)
    }

    /// An op of tensors of one dtype, its attribute `T`.
    pub(super) fn typed(&mut self, op: &str, inputs: &[&str], dtype: DType) -> Result<String> {
        self.node(op, inputs, &[("T", Attribute::Type(dtype))])
    }

    /// Sizes as a list of int32.
    pub(super) fn sizes(&mut self, sizes: &[Size]) -> Result<String> {
        let constants: Vec<i64> = sizes.iter().map(|s| s.constant).collect();
        let constants = self.integers(&constants)?;
        if sizes.iter().all(|s| s.is_fixed()) {
            return Ok(constants);
        }
        let factors: Vec<i64> = sizes.iter().map(|s| s.per_batch).collect();
        let (batch, factors) = (self.batch()?, self.integers(&factors)?);
        let product = self.typed("Mul", &[&batch, &factors], DType::I32)?;
        self.typed("AddV2", &[&product, &constants], DType::I32)
    }

    /// The size of the batch, `[1]` of int32.
    fn batch(&mut self) -> Result<String> {
        if let Some(batch) = &self.batch {
            return Ok(batch.clone());
        }
        let one = Size {
            per_batch: 1,
            constant: 0,
        };
        let is_batch = |place: usize| self.graph.values[place].sizes.first() == Some(&one);
        let mut inputs = self.graph.inputs.iter().map(|(_, place)| *place);
        let place = inputs.find(|&p| is_batch(p)).unwrap_or_default();
        let (name, dtype) = (self.names[place].clone(), self.graph.values[place].dtype);
        let shape = self.typed("Shape", &[&name], dtype)?;
        let (zero, one) = (self.integers(&[0])?, self.integers(&[1])?);
        let attributes = [
            ("T", Attribute::Type(DType::I32)),
            ("Index", Attribute::Type(DType::I32)),
        ];
        let batch = self.node("Slice", &[&shape, &zero, &one], &attributes)?;
        self.batch = Some(batch.clone());
        Ok(batch)
    }

    /// A call of another function; returns how others refer to its results.
    pub(super) fn call(
        &mut self,
        function: &str,
        inputs: &[(String, u64)],
        outputs: &[u64],
    ) -> Result<Vec<String>> {
        let names: Vec<&str> = inputs.iter().map(|(name, _)| &**name).collect();
        let attributes = [
            (
                "Tin",
                Attribute::Types(inputs.iter().map(|(_, t)| *t).collect()),
            ),
            ("Tout", Attribute::Types(outputs.to_vec())),
            ("f", Attribute::Function(function.to_string())),
        ];
        let first = self.node("StatefulPartitionedCall", &names, &attributes)?;
        let stem = first.strip_suffix('0').unwrap_or(&first);
        Ok((0..outputs.len()).map(|i| format!("{stem}{i}")).collect())
    }

    /// The function: arguments and results with their names and dtypes, results with what they refer to.
    pub(super) fn finish(
        self,
        name: &str,
        arguments: &[(String, u64)],
        results: &[(String, u64, String)],
    ) -> Writer {
        let argument = |(name, dtype): (&str, u64)| Writer::new().text(1, name).number(3, dtype);
        let inputs = arguments
            .iter()
            .map(|(name, dtype)| argument((name, *dtype)));
        let outputs = results
            .iter()
            .map(|(name, dtype, _)| argument((name, *dtype)));
        let signature = Writer::new()
            .text(1, name)
            .messages(2, inputs)
            .messages(3, outputs)
            .number(17, 1);
        let mut function = Writer::new().message(1, signature).messages(3, self.nodes);
        for (name, _, from) in results {
            function = function.message(4, Writer::new().text(1, name).text(2, from));
        }
        function
    }
}
