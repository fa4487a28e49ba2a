//! The graph of a SavedModel, as far as running it needs.

use keras_tensor::{DType, Result, Shape, Tensor};
use std::collections::HashMap;

use crate::Limits;
use crate::bytes::{byte_size, tensor_of};
use crate::checkpoint::dtype_of;
use crate::limits::format_error;
use crate::protobuf::{Field, Message};

pub(super) const WHAT: &str = "the graph of a SavedModel";

/// A node: an op, where its inputs come from, and its attributes.
pub(super) struct Node<'a> {
    pub(super) name: &'a str,
    pub(super) op: &'a str,
    pub(super) inputs: Vec<&'a str>,
    attributes: HashMap<&'a str, Message<'a>>,
}

impl<'a> Node<'a> {
    fn read(message: Message<'a>) -> Result<Self> {
        let inputs = message.all(3).map(|input| match input? {
            Field::Bytes(bytes) => {
                std::str::from_utf8(bytes).map_err(|_| message.damaged("an input that is no text"))
            }
            _ => Err(message.damaged("an input that is no text")),
        });
        Ok(Node {
            name: message.text(1)?,
            op: message.text(2)?,
            inputs: inputs.collect::<Result<_>>()?,
            attributes: message.entries(5).collect::<Result<_>>()?,
        })
    }

    fn attribute(&self, name: &str) -> Message<'a> {
        let known = self.attributes.get(name).copied();
        known.unwrap_or_else(|| Message::new(WHAT, &[]))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.attributes.contains_key(name)
    }

    pub(super) fn integer(&self, name: &str, default: i64) -> Result<i64> {
        match self.has(name) {
            true => Ok(self.attribute(name).number(3)? as i64),
            false => Ok(default),
        }
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool> {
        match self.has(name) {
            true => Ok(self.attribute(name).number(5)? != 0),
            false => Ok(default),
        }
    }

    pub(super) fn float(&self, name: &str, default: f64) -> Result<f64> {
        match self.has(name) {
            true => Ok(f32::from_bits(self.attribute(name).number(4)? as u32).into()),
            false => Ok(default),
        }
    }

    pub(super) fn text(&self, name: &str, default: &'a str) -> Result<&'a str> {
        match self.has(name) {
            true => self.attribute(name).text(2),
            false => Ok(default),
        }
    }

    pub(super) fn integers(&self, name: &str) -> Result<Vec<i64>> {
        let list = self.attribute(name).message(1)?;
        Ok(list.numbers(3)?.into_iter().map(|n| n as i64).collect())
    }

    pub(super) fn dtype(&self, name: &str) -> Result<DType> {
        dtype_of(self.attribute(name).number(6)?)
    }

    pub(super) fn function(&self, name: &str) -> Result<&'a str> {
        self.attribute(name).message(10)?.text(1)
    }

    /// A tensor of texts, or of numbers.
    pub(super) fn constant(&self, limits: &Limits) -> Result<Constant> {
        let tensor = self.attribute("value").message(8)?;
        let texts = tensor.all(8).map(|text| match text? {
            Field::Bytes(bytes) => Ok(bytes.to_vec()),
            _ => Err(tensor.damaged("a text that is none")),
        });
        if tensor.number(1)? == 7 {
            return Ok(Constant::Texts(texts.collect::<Result<_>>()?));
        }
        number_tensor(tensor, limits).map(Constant::Tensor)
    }
}

pub(super) enum Constant {
    Tensor(Tensor),
    Texts(Vec<Vec<u8>>),
}

/// A tensor of numbers: bytes, or a list in which the last number stands for all that are missing.
fn number_tensor(tensor: Message<'_>, limits: &Limits) -> Result<Tensor> {
    let dtype = dtype_of(tensor.number(1)?)?;
    let dims = tensor.message(2)?.messages(2);
    let sizes: Vec<u64> = dims.map(|dim| dim?.number(1)).collect::<Result<_>>()?;
    let content = tensor.bytes(4)?;
    let declared = byte_size(WHAT, dtype, &sizes)?;
    limits.check_bytes(WHAT, declared, tensor.size() as u64)?;
    if !content.is_empty() {
        return tensor_of(WHAT, dtype, &sizes, content, false);
    }
    let numbers: Vec<f64> = match dtype {
        DType::F32 => packed(tensor, 5, 4, |b| {
            f32::from_le_bytes([b[0], b[1], b[2], b[3]]).into()
        })?,
        DType::F64 => packed(tensor, 6, 8, |b| {
            f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]])
        })?,
        DType::I64 => tensor
            .numbers(10)?
            .into_iter()
            .map(|n| n as i64 as f64)
            .collect(),
        DType::Bool => tensor.numbers(11)?.into_iter().map(|n| n as f64).collect(),
        DType::F16 => {
            let half = |n: u64| half::f16::from_bits(n as u16).to_f64();
            tensor.numbers(13)?.into_iter().map(half).collect()
        }
        DType::BF16 => {
            let half = |n: u64| half::bf16::from_bits(n as u16).to_f64();
            tensor.numbers(13)?.into_iter().map(half).collect()
        }
        _ => tensor
            .numbers(7)?
            .into_iter()
            .map(|n| n as i32 as f64)
            .collect(),
    };
    let shape: Shape = sizes.iter().map(|&n| n as usize).collect();
    let size = shape.checked_size(WHAT)?;
    let mut all = numbers;
    let last = all.last().copied().unwrap_or(0.0);
    all.truncate(size);
    all.resize(size, last);
    Tensor::from_f64(&all, shape, dtype)
}

/// Floats, which come packed or one by one.
fn packed(
    tensor: Message<'_>,
    number: u32,
    width: usize,
    read: impl Fn(&[u8]) -> f64,
) -> Result<Vec<f64>> {
    let mut all = Vec::new();
    for field in tensor.all(number) {
        match field? {
            Field::Bytes(bytes) => all.extend(bytes.chunks_exact(width).map(&read)),
            Field::Fixed32(bits) => all.push(f32::from_bits(bits).into()),
            Field::Fixed64(bits) => all.push(f64::from_bits(bits)),
            Field::Varint(_) => return Err(tensor.damaged("a float that is none")),
        }
    }
    Ok(all)
}

/// Nodes that refer to each other by name: the main graph, or a function.
#[derive(Default)]
pub(super) struct Body<'a> {
    pub(super) nodes: HashMap<&'a str, Node<'a>>,
    /// The names of a function's arguments.
    pub(super) arguments: Vec<&'a str>,
    /// Where a function's results come from.
    pub(super) results: Vec<&'a str>,
    /// Nodes that run whenever the function does.
    pub(super) always: Vec<&'a str>,
}

impl<'a> Body<'a> {
    pub(super) fn main(graph: Message<'a>, limits: &Limits) -> Result<Self> {
        Ok(Body {
            nodes: nodes(graph.messages(1), limits)?,
            ..Body::default()
        })
    }

    pub(super) fn function(function: Message<'a>, limits: &Limits) -> Result<(&'a str, Self)> {
        let signature = function.message(1)?;
        let names = |number| -> Result<Vec<&'a str>> {
            signature
                .messages(number)
                .map(|argument| argument?.text(1))
                .collect()
        };
        let map = |number| -> Result<HashMap<&'a str, &'a str>> {
            let pairs = function.messages(number);
            pairs
                .map(|pair| pair.and_then(|p| Ok((p.text(1)?, p.text(2)?))))
                .collect()
        };
        let results = map(4)?;
        let missing = || function.damaged("a function without one of its results");
        let results = names(3)?
            .into_iter()
            .map(|name| results.get(name).copied().ok_or_else(missing));
        let body = Body {
            nodes: nodes(function.messages(3), limits)?,
            arguments: names(2)?,
            results: results.collect::<Result<_>>()?,
            always: map(6)?.into_values().collect(),
        };
        Ok((signature.text(1)?, body))
    }
}

fn nodes<'a>(
    all: impl Iterator<Item = Result<Message<'a>>>,
    limits: &Limits,
) -> Result<HashMap<&'a str, Node<'a>>> {
    let mut nodes = HashMap::new();
    for node in all {
        let node = Node::read(node?)?;
        nodes.insert(node.name, node);
        if nodes.len() > limits.nodes {
            return Err(format_error(WHAT, "more nodes than the limit allows"));
        }
    }
    Ok(nodes)
}
