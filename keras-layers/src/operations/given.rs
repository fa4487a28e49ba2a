use keras_tensor::ops::{Literal, Operand};
use keras_tensor::{DType, Error, Result, Tensor, ops};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

use crate::{Argument, Arguments};

/// What an operation computes with: the arguments of the call, and its config.
pub(super) struct Given<'a> {
    class_name: &'static str,
    inputs: &'a Arguments<Tensor>,
    config: &'a Map<String, Value>,
}

/// A tensor, or a number that takes its dtype from the tensor beside it.
#[derive(Clone)]
pub(super) enum Input<'a> {
    Tensor(Cow<'a, Tensor>),
    Literal(Literal),
}

impl Operand for Input<'_> {
    fn tensor(&self) -> Result<Cow<'_, Tensor>> {
        match self {
            Input::Tensor(t) => Ok(Cow::Borrowed(t)),
            Input::Literal(l) => l.tensor(),
        }
    }

    fn literal(&self) -> Option<Literal> {
        match self {
            Input::Literal(l) => Some(*l),
            Input::Tensor(_) => None,
        }
    }
}

impl<'a> Given<'a> {
    pub(super) fn new(
        class_name: &'static str,
        inputs: &'a Arguments<Tensor>,
        config: &'a Map<String, Value>,
    ) -> Self {
        Given {
            class_name,
            inputs,
            config,
        }
    }

    fn wants(&self, name: &str, got: &Value, wanted: &str) -> Error {
        Error::argument(format!("{}.{name}", self.class_name), got, wanted)
    }

    /// The argument at a position: a tensor, a number, or what a config says of one.
    pub(super) fn x(&self, position: usize) -> Result<Input<'a>> {
        match self.inputs.positional().get(position) {
            Some(Argument::One(t)) => Ok(Input::Tensor(Cow::Borrowed(t))),
            Some(Argument::Value(Value::Number(n))) => Ok(Input::Literal(match n.as_i64() {
                Some(n) => Literal::Int(n),
                None => Literal::Float(n.as_f64().unwrap_or(f64::NAN)),
            })),
            Some(Argument::Value(Value::Bool(b))) => {
                let b = Tensor::new(&[*b], [0; 0])?;
                Ok(Input::Tensor(Cow::Owned(b)))
            }
            Some(Argument::Value(v)) => match constant(v)? {
                Some(t) => Ok(Input::Tensor(Cow::Owned(t))),
                None => Err(self.wants("inputs", v, "a tensor or a number")),
            },
            _ => Err(Error::argument(
                format!("{} argument {position}", self.class_name),
                "none, or a list",
                "a tensor or a number",
            )),
        }
    }

    /// The tensor at a position; a number becomes one.
    pub(super) fn tensor(&self, position: usize) -> Result<Tensor> {
        Ok(self.x(position)?.tensor()?.into_owned())
    }

    /// All tensors of the call.
    pub(super) fn tensors(&self) -> Vec<&'a Tensor> {
        self.inputs.tensors().collect()
    }

    /// An argument of the call that is no tensor.
    pub(super) fn value(&self, position: usize) -> &'a Value {
        match self.inputs.positional().get(position) {
            Some(Argument::Value(v)) => v,
            _ => &Value::Null,
        }
    }

    /// An entry of the config.
    pub(super) fn get(&self, name: &str) -> &'a Value {
        self.config.get(name).unwrap_or(&Value::Null)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name).as_bool().unwrap_or(false)
    }

    pub(super) fn number(&self, name: &str) -> Result<f64> {
        let v = self.get(name);
        v.as_f64().ok_or_else(|| self.wants(name, v, "a number"))
    }

    pub(super) fn text(&self, name: &str) -> Result<&'a str> {
        let v = self.get(name);
        v.as_str().ok_or_else(|| self.wants(name, v, "a string"))
    }

    pub(super) fn axis(&self, name: &str) -> Result<isize> {
        let v = self.get(name);
        let axis = v.as_i64().and_then(|a| isize::try_from(a).ok());
        axis.ok_or_else(|| self.wants(name, v, "an axis"))
    }

    /// One number or several.
    pub(super) fn axes(&self, name: &str) -> Result<Vec<isize>> {
        let v = self.get(name);
        let one = |v: &Value| v.as_i64().and_then(|a| isize::try_from(a).ok());
        let all: Option<Vec<isize>> = match v {
            Value::Array(all) => all.iter().map(one).collect(),
            v => one(v).map(|a| vec![a]),
        };
        all.ok_or_else(|| self.wants(name, v, "an integer, or a list of integers"))
    }

    /// The axes to fold over: all where none are named.
    pub(super) fn folded(&self, rank: usize) -> Result<Vec<isize>> {
        match self.get("axis") {
            Value::Null => Ok((0..rank as isize).collect()),
            _ => self.axes("axis"),
        }
    }

    pub(super) fn dtype(&self) -> Result<DType> {
        self.text("dtype")?.parse()
    }

    /// A fold over the axes of the config, which stay with size 1 where the config says so.
    pub(super) fn fold(&self, f: fn(&Tensor, &[isize]) -> Result<Tensor>) -> Result<Tensor> {
        let x = self.tensor(0)?;
        let axes = self.folded(x.rank())?;
        let y = f(&x, &axes)?;
        if !self.flag("keepdims") {
            return Ok(y);
        }
        let rank = x.rank() as isize;
        let is_folded = |i: usize| axes.iter().any(|&a| (a + rank) % rank == i as isize);
        let kept = x.shape().iter().enumerate();
        let kept = kept.map(|(i, &n)| if is_folded(i) { 1 } else { n });
        ops::reshape_to(&y, kept.collect())
    }
}

/// A tensor that Keras wrote into a config.
fn constant(v: &Value) -> Result<Option<Tensor>> {
    let class_name = v["class_name"].as_str().unwrap_or_default();
    if !["__tensor__", "__numpy__"].contains(&class_name) {
        return Ok(None);
    }
    fn walk(v: &Value, depth: usize, shape: &mut Vec<usize>, data: &mut Vec<f64>) -> Result<()> {
        let broken = || Error::data("a tensor in a config", "it is no box of numbers");
        if let Value::Array(all) = v {
            match shape.get(depth) {
                None => shape.push(all.len()),
                Some(&n) if n == all.len() => {}
                Some(_) => return Err(broken()),
            }
            return all.iter().try_for_each(|v| walk(v, depth + 1, shape, data));
        }
        let number = v.as_f64().or_else(|| v.as_bool().map(f64::from));
        data.push(number.filter(|_| depth == shape.len()).ok_or_else(broken)?);
        Ok(())
    }
    let (mut shape, mut data) = (Vec::new(), Vec::new());
    walk(&v["config"]["value"], 0, &mut shape, &mut data)?;
    let dtype: DType = v["config"]["dtype"].as_str().unwrap_or("float32").parse()?;
    let tensor = Tensor::new(
        &data,
        shape.iter().copied().collect::<keras_tensor::Shape>(),
    )?;
    ops::cast(&tensor, dtype).map(Some)
}

/// A tensor as Keras writes it into a config.
pub(super) fn constant_json(x: &Tensor) -> Result<Value> {
    fn nested(shape: &[usize], data: &[Value]) -> Value {
        match shape.split_first() {
            None => data.first().cloned().unwrap_or(Value::Null),
            Some((&n, rest)) => {
                let size: usize = rest.iter().product();
                let part = |i: usize| nested(rest, &data[i * size..(i + 1) * size]);
                Value::Array((0..n).map(part).collect())
            }
        }
    }
    let whole = !x.dtype().is_float();
    let number = |v: f64| if whole { json!(v as i64) } else { json!(v) };
    let data: Vec<Value> = x.to_f64_vec()?.into_iter().map(number).collect();
    Ok(json!({
        "class_name": "__tensor__",
        "config": {"value": nested(x.shape(), &data), "dtype": x.dtype().name()},
    }))
}
