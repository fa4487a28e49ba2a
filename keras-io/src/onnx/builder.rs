//! The parts of an ONNX file: nodes, tensors, names.

use keras_tensor::{DType, Result, Tensor};

use crate::bytes::bytes_of;
use crate::graph::{Graph, Size, Source};
use crate::protobuf::Writer;

const OPSET: u64 = 17;
const IR_VERSION: u64 = 8;

/// ONNX's number of a dtype.
pub(super) fn number_of(dtype: DType) -> u64 {
    match dtype {
        DType::F32 => 1,
        DType::U8 => 2,
        DType::I8 => 3,
        DType::U16 => 4,
        DType::I16 => 5,
        DType::I32 => 6,
        DType::I64 => 7,
        DType::Bool => 9,
        DType::F16 => 10,
        DType::F64 => 11,
        DType::U32 => 12,
        DType::U64 => 13,
        DType::BF16 => 16,
    }
}

/// An attribute of a node.
pub(super) enum Attribute<'a> {
    Int(i64),
    Ints(&'a [i64]),
}

impl Attribute<'_> {
    fn write(&self, name: &str) -> Writer {
        let attribute = Writer::new().text(1, name);
        match self {
            Attribute::Int(n) => attribute.number(3, *n as u64).number(20, 2),
            Attribute::Ints(all) => {
                let all = all.iter().map(|n| *n as u64);
                attribute.numbers(8, all).number(20, 7)
            }
        }
    }
}

/// A file that is being made. A value is named by the text that nodes refer to.
pub(super) struct Builder<'a> {
    pub(super) graph: &'a Graph,
    names: Vec<String>,
    nodes: Vec<Writer>,
    tensors: Vec<Writer>,
    /// The value that holds the size of the batch, `[1]` of int64, once it is needed.
    batch: Option<String>,
    count: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(graph: &'a Graph) -> Result<Self> {
        let mut builder = Builder {
            graph,
            names: Vec::new(),
            nodes: Vec::new(),
            tensors: Vec::new(),
            batch: None,
            count: 0,
        };
        let mut needed = vec![false; graph.values.len()];
        let of_nodes = graph.nodes.iter().flat_map(|n| &n.inputs);
        for &place in of_nodes.chain(graph.outputs.iter().map(|(_, place)| place)) {
            needed[place] = true;
        }
        for (place, value) in graph.values.iter().enumerate() {
            let name = match &value.source {
                Source::Input => {
                    let mut inputs = graph.inputs.iter();
                    let input = inputs.find(|(_, input)| *input == place);
                    input.map_or_else(|| format!("value_{place}"), |(name, _)| name.clone())
                }
                Source::Node => format!("value_{place}"),
                Source::Weight(weight) if needed[place] => {
                    // Two layers may have one path.
                    let path = weight.path();
                    let name = match builder.names.contains(&path) {
                        true => format!("{path}_{place}"),
                        false => path,
                    };
                    builder.tensor(&name, &weight.value()?)?;
                    name
                }
                Source::Constant(tensor) if needed[place] => builder.constant(tensor)?,
                Source::Weight(_) | Source::Constant(_) | Source::Varying => String::new(),
            };
            builder.names.push(name);
        }
        Ok(builder)
    }

    /// The name of a value of the graph.
    pub(super) fn name(&self, place: usize) -> String {
        self.names[place].clone()
    }

    fn fresh(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("{kind}_{}", self.count)
    }

    fn tensor(&mut self, name: &str, tensor: &Tensor) -> Result<()> {
        let dims = tensor.shape().iter().map(|&n| n as u64);
        let tensor = Writer::new()
            .numbers(1, dims)
            .number(2, number_of(tensor.dtype()))
            .text(8, name)
            .bytes(9, &bytes_of(tensor)?);
        self.tensors.push(tensor);
        Ok(())
    }

    /// A tensor of the file's own.
    pub(super) fn constant(&mut self, tensor: &Tensor) -> Result<String> {
        let name = self.fresh("constant");
        self.tensor(&name, tensor)?;
        Ok(name)
    }

    /// A list of int64.
    pub(super) fn integers(&mut self, all: &[i64]) -> Result<String> {
        self.constant(&Tensor::new(all, [all.len()])?)
    }

    /// One number without axes.
    pub(super) fn number(&mut self, value: f64, dtype: DType) -> Result<String> {
        self.constant(&Tensor::from_f64(&[value], [0usize; 0], dtype)?)
    }

    /// A node with one new result.
    pub(super) fn node(
        &mut self,
        op: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute<'_>)],
    ) -> String {
        let output = self.fresh("value_of");
        self.node_to(op, inputs, attributes, &[&output]);
        output
    }

    pub(super) fn node_to(
        &mut self,
        op: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute<'_>)],
        outputs: &[&str],
    ) {
        let mut node = Writer::new();
        for input in inputs {
            node = node.text(1, input);
        }
        for output in outputs {
            node = node.text(2, output);
        }
        let attributes = attributes.iter().map(|(name, a)| a.write(name));
        let node = node.text(4, op).messages(5, attributes);
        self.nodes.push(node);
    }

    /// Sizes as a list of int64.
    pub(super) fn sizes(&mut self, sizes: &[Size]) -> Result<String> {
        let constants: Vec<i64> = sizes.iter().map(|s| s.constant).collect();
        let constants = self.integers(&constants)?;
        if sizes.iter().all(|s| s.is_fixed()) {
            return Ok(constants);
        }
        let factors: Vec<i64> = sizes.iter().map(|s| s.per_batch).collect();
        let (batch, factors) = (self.batch()?, self.integers(&factors)?);
        let product = self.node("Mul", &[&batch, &factors], &[]);
        Ok(self.node("Add", &[&product, &constants], &[]))
    }

    fn batch(&mut self) -> Result<String> {
        if let Some(batch) = &self.batch {
            return Ok(batch.clone());
        }
        let one = Size {
            per_batch: 1,
            constant: 0,
        };
        let mut inputs = self.graph.inputs.iter();
        let of_batch =
            inputs.find(|(_, place)| self.graph.values[*place].sizes.first() == Some(&one));
        let name = of_batch.map_or_else(String::new, |(name, _)| name.clone());
        let shape = self.node("Shape", &[&name], &[]);
        let zero = self.integers(&[0])?;
        let batch = self.node("Gather", &[&shape, &zero], &[("axis", Attribute::Int(0))]);
        self.batch = Some(batch.clone());
        Ok(batch)
    }

    fn described(&self, name: &str, place: usize) -> Writer {
        let value = &self.graph.values[place];
        let dims = value
            .sizes
            .iter()
            .map(|size| match (size.per_batch, size.constant) {
                (0, n) => Writer::new().number(1, n as u64),
                (1, 0) => Writer::new().text(2, "batch"),
                (k, c) => Writer::new().text(2, &format!("batch_{k}_{c}")),
            });
        let tensor = Writer::new()
            .number(1, number_of(value.dtype))
            .message(2, Writer::new().messages(1, dims));
        Writer::new()
            .text(1, name)
            .message(2, Writer::new().message(1, tensor))
    }

    pub(super) fn finish(mut self) -> Result<Vec<u8>> {
        let mut outputs = Vec::new();
        for (name, place) in &self.graph.outputs {
            // An output may be an input, or have the name of one.
            let used = self.graph.inputs.iter().any(|(input, _)| input == name);
            let name = if used {
                format!("{name}_output")
            } else {
                name.clone()
            };
            let value = self.name(*place);
            self.node_to("Identity", &[&value], &[], &[&name]);
            outputs.push(self.described(&name, *place));
        }
        let inputs = self.graph.inputs.iter();
        let inputs: Vec<Writer> = inputs
            .map(|(name, place)| self.described(name, *place))
            .collect();
        let graph = Writer::new()
            .messages(1, self.nodes)
            .text(2, &self.graph.name)
            .messages(5, self.tensors)
            .messages(11, inputs)
            .messages(12, outputs);
        let opset = Writer::new().text(1, "").number(2, OPSET);
        let model = Writer::new()
            .number(1, IR_VERSION)
            .text(2, "keras-rust")
            .message(7, graph)
            .message(8, opset);
        Ok(model.finish())
    }
}
