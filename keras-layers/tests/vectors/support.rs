//! Reading `tests/data/vectors.jsonl.gz`, and comparing.

use flate2::read::GzDecoder;
use keras_layers::{Argument, Arguments, Dims};
use keras_tensor::{DType, Tensor};
use serde_json::Value;
use std::io::Read;

/// A record: `family`, `kind` and `class` say what it is of.
pub(crate) struct Vector(pub(crate) Value);

/// The records of a family: `layer`, `activation`, `initializer`, `regularizer`, `constraint`.
pub(crate) fn vectors(family: &str) -> Vec<Vector> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/vectors.jsonl.gz");
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    let parse = |line: &str| Vector(serde_json::from_str(line).unwrap());
    let mut all: Vec<Vector> = text.lines().map(parse).collect();
    all.retain(|v| v.0["family"] == family);
    assert!(!all.is_empty());
    all
}

impl Vector {
    pub(crate) fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap()
    }

    pub(crate) fn kind(&self) -> &str {
        self.text("kind")
    }

    pub(crate) fn class(&self) -> &str {
        self.text("class")
    }

    /// The class and its config, as Keras writes objects.
    pub(crate) fn object(&self) -> Value {
        serde_json::json!({"class_name": self.class(), "config": self.0["config"]})
    }

    /// The arguments by position.
    pub(crate) fn args(&self) -> &[Value] {
        self.0["args"].as_array().unwrap()
    }

    /// The argument at a position or under a name.
    pub(crate) fn arg(&self, position: usize, name: &str) -> Option<&Value> {
        let named = &self.0["kwargs"][name];
        self.args()
            .get(position)
            .or(Some(named))
            .filter(|v| !v.is_null())
    }

    /// Compares as the test did; what it called without asserting is held to 1e-5.
    pub(crate) fn check(&self, outputs: &[Tensor]) -> Result<(), String> {
        if self.kind() == "call" {
            let wanted = flat(&self.0["output"]);
            if wanted.len() != outputs.len() {
                return Err(format!("{} outputs, not {}", outputs.len(), wanted.len()));
            }
            return wanted
                .iter()
                .zip(outputs)
                .try_for_each(|(w, y)| close(y, w, 1e-5, 1e-5));
        }
        let (expected, index) = (&self.0["expected"], &self.0["index"]);
        let output = |i: &Value| {
            let i = i.as_u64().unwrap() as usize;
            outputs.get(i).ok_or(format!("there is no output {i}"))
        };
        if index[0] == "shape" {
            let shape = Dims::from(output(&index[1])?.shape());
            return same_dims(&shape, expected);
        }
        let number = |key: &str, default| self.0["tol"][key].as_f64().unwrap_or(default);
        match self.text("how") {
            "assertAllClose" => {
                let (atol, rtol) = (number("atol", 1e-6), number("rtol", 1e-6));
                close(output(index)?, expected, atol, rtol)
            }
            "assertEqual" | "assertAllEqual" => close(output(index)?, expected, 0.0, 0.0),
            "assertAlmostEqual" => {
                let decimal = number("decimal", 7.0);
                let atol = 1.5 * 10f64.powf(-decimal);
                close(output(index)?, expected, atol, 0.0)
            }
            how => Err(format!("{how} is not known")),
        }
    }
}

/// Whether a shape is what the file says, `null` for unknown sizes.
pub(crate) fn same_dims(got: &Dims, wanted: &Value) -> Result<(), String> {
    if *got == dims(wanted) {
        Ok(())
    } else {
        Err(format!("shape {got}, not {wanted}"))
    }
}

pub(crate) fn dims(v: &Value) -> Dims {
    let sizes = v.as_array().unwrap().iter();
    sizes.map(|n| n.as_u64().map(|n| n as usize)).collect()
}

/// The tensors of a value, lists taken apart.
pub(crate) fn flat(v: &Value) -> Vec<&Value> {
    match v {
        Value::Array(all) if all.iter().any(|x| !x.is_number()) => {
            all.iter().flat_map(flat).collect()
        }
        Value::Null => Vec::new(),
        v => vec![v],
    }
}

fn number(v: &Value) -> f64 {
    match v {
        Value::Bool(b) => f64::from(u8::from(*b)),
        Value::String(s) => s.parse().unwrap(),
        v => v.as_f64().unwrap_or_else(|| panic!("{v} is no number")),
    }
}

/// Numbers in lists, as numpy takes them.
fn nested(v: &Value, depth: usize, shape: &mut Vec<usize>, data: &mut Vec<f64>) {
    let Some(items) = v.as_array() else {
        return data.push(number(v));
    };
    if shape.len() == depth {
        shape.push(items.len());
    }
    items.iter().for_each(|i| nested(i, depth + 1, shape, data));
}

pub(crate) fn is_tensor(v: &Value) -> bool {
    v["dtype"].is_string() && v["shape"].is_array()
}

/// A tensor of the file, or one of numbers in lists.
pub(crate) fn tensor(v: &Value) -> Tensor {
    if !is_tensor(v) {
        let (mut shape, mut data) = (Vec::new(), Vec::new());
        nested(v, 0, &mut shape, &mut data);
        return Tensor::from_f64(&data, shape, DType::F32).unwrap();
    }
    let sizes = v["shape"].as_array().unwrap().iter();
    let shape: Vec<usize> = sizes.map(|n| n.as_u64().unwrap() as usize).collect();
    let data: Vec<f64> = match v["data"].as_array() {
        Some(data) => data.iter().map(number).collect(),
        None => vec![number(&v["all"]); shape.iter().product()],
    };
    let dtype: DType = v["dtype"].as_str().unwrap().parse().unwrap();
    Tensor::from_f64(&data, shape, dtype).unwrap()
}

/// One argument of a call, tensors made by `make`.
pub(crate) fn argument<T>(
    v: &Value,
    of: fn(&Value) -> bool,
    make: &dyn Fn(&Value) -> T,
) -> Argument<T> {
    match v {
        Value::Array(all) if all.iter().any(|x| x.is_object() || x.is_array()) => {
            Argument::List(flat(v).into_iter().map(make).collect())
        }
        v if of(v) => Argument::One(make(v)),
        v => Argument::Value(v.clone()),
    }
}

/// The arguments of a call; the first by name takes the first place where none has one.
pub(crate) fn arguments<T>(
    v: &Value,
    of: fn(&Value) -> bool,
    make: &dyn Fn(&Value) -> T,
) -> Arguments<T> {
    let of_call = |name: &&String| !["mask", "training"].contains(&name.as_str());
    let mut positional = v["args"].as_array().unwrap().iter();
    let mut named = v["kwargs"].as_object().unwrap().iter();
    let mut named = named
        .by_ref()
        .filter(|(name, v)| of_call(name) && !v.is_null());
    let first = positional.next();
    // What a layer is called with by name alone: the query of attention, or the one argument.
    let query = &v["kwargs"]["query"];
    let first = match first {
        Some(first) => first,
        None if !query.is_null() => query,
        None => named.next().unwrap().1,
    };
    let named = named.filter(|(name, _)| *name != "query");
    let mut all = Arguments::new(argument(first, of, make));
    for next in positional.filter(|v| !v.is_null()) {
        all = all.and(argument(next, of, make));
    }
    for (name, value) in named {
        all = all.named(name.clone(), argument(value, of, make));
    }
    all
}

/// Whether a tensor is the file's within `atol + rtol * |expected|`.
pub(crate) fn close(got: &Tensor, expected: &Value, atol: f64, rtol: f64) -> Result<(), String> {
    let wanted = tensor(expected);
    if got.shape() != wanted.shape() {
        return Err(format!("shape {}, not {}", got.shape(), wanted.shape()));
    }
    let (got, wanted) = (got.to_f64_vec().unwrap(), wanted.to_f64_vec().unwrap());
    for (i, (g, w)) in got.iter().zip(&wanted).enumerate() {
        let same = g == w || (g.is_nan() && w.is_nan()) || (g - w).abs() <= atol + rtol * w.abs();
        if !same {
            return Err(format!("element {i} is {g}, not {w}"));
        }
    }
    Ok(())
}

/// Fails with all problems at once.
pub(crate) fn report(problems: &[String], done: usize, skipped: usize) {
    println!("{done} replayed, {skipped} skipped");
    assert!(done > 0);
    assert!(
        problems.is_empty(),
        "{} of {done} differ:\n{}",
        problems.len(),
        problems.join("\n")
    );
}
