//! Reading the files of `tests/data`, and comparing.

use flate2::read::GzDecoder;
use keras_tensor::{DType, Tensor};
use serde_json::{Map, Value, json};
use std::io::Read;

fn text(file: &str) -> String {
    let path = format!("{}/tests/data/{file}", env!("CARGO_MANIFEST_DIR"));
    let packed = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    text
}

/// The cases of a golden file.
pub(crate) fn cases(file: &str) -> Vec<Value> {
    let golden: Value = serde_json::from_str(&text(file)).unwrap();
    golden["cases"].as_array().unwrap().clone()
}

/// What Keras's own tests call and assert; `class` tells those of one kind.
pub(crate) fn vectors(wanted: impl Fn(&Vector) -> bool) -> Vec<Vector> {
    let all = text("vectors.jsonl.gz");
    let vectors: Vec<Vector> = all
        .lines()
        .map(|line| Vector(serde_json::from_str(line).unwrap()))
        .filter(wanted)
        .collect();
    assert!(!vectors.is_empty());
    vectors
}

pub(crate) struct Vector(pub(crate) Value);

impl Vector {
    pub(crate) fn test(&self) -> &str {
        self.0["test"].as_str().unwrap()
    }

    pub(crate) fn kind(&self) -> &str {
        self.0["kind"].as_str().unwrap()
    }

    pub(crate) fn producer(&self) -> &str {
        self.0["producer"].as_str().unwrap()
    }

    /// The class without its module.
    pub(crate) fn class(&self) -> &str {
        let class = self.0["obj"]["class"].as_str().unwrap_or_default();
        class.rsplit('.').next().unwrap()
    }

    /// As a config holds it.
    pub(crate) fn object(&self) -> Value {
        object(self.class(), &self.0["obj"]["config"])
    }

    /// Compares as the test did; calls that it did not assert are held to 1e-5.
    pub(crate) fn check(&self, got: &Tensor) -> Result<(), String> {
        if self.kind() == "call" {
            return close(got, &self.0["output"], 1e-5, 1e-5);
        }
        let (expected, tolerance) = (&self.0["expected"], &self.0["tol"]);
        match self.0["how"].as_str().unwrap() {
            "assertAlmostEqual" => {
                let decimal = tolerance["decimal"].as_i64().unwrap_or(7);
                close(got, expected, 1.5 * 10f64.powi(-decimal as i32), 0.0)
            }
            "assertEqual" => close(got, expected, 0.0, 0.0),
            "assertAllClose" => {
                let number = |key: &str| tolerance[key].as_f64().unwrap_or(1e-6);
                close(got, expected, number("atol"), number("rtol"))
            }
            how => Err(format!("{how} is not known")),
        }
    }
}

pub(crate) fn object(class: &str, config: &Value) -> Value {
    json!({ "class_name": class, "config": lists(config) })
}

/// Tuples and arrays, which the file marks, as lists.
fn lists(v: &Value) -> Value {
    match v {
        Value::Object(o) if o.contains_key("t") => o["t"].clone(),
        Value::Object(o) if o.contains_key("data") => o["data"].clone(),
        Value::Object(o) => o.iter().map(|(k, v)| (k.clone(), lists(v))).collect(),
        v => v.clone(),
    }
}

/// A config with one more entry.
pub(crate) fn with(config: &Value, key: &str, value: &Value) -> Value {
    let mut map: Map<String, Value> = config.as_object().unwrap().clone();
    map.insert(key.into(), value.clone());
    Value::Object(map)
}

fn number(v: &Value) -> f64 {
    match v {
        Value::Bool(b) => f64::from(u8::from(*b)),
        v => v.as_f64().unwrap_or_else(|| panic!("{v} is no number")),
    }
}

fn flatten(v: &Value, depth: usize, shape: &mut Vec<usize>, out: &mut Vec<f64>) {
    match v.as_array().or_else(|| v["t"].as_array()) {
        Some(items) => {
            if shape.len() == depth {
                shape.push(items.len());
            }
            items.iter().for_each(|i| flatten(i, depth + 1, shape, out));
        }
        None => out.push(number(v)),
    }
}

/// A tensor of the file, or one made of lists or a number as Keras would.
pub(crate) fn tensor(v: &Value) -> Tensor {
    if v["var"].is_object() {
        return tensor(&v["var"]);
    }
    if let Some(data) = v["data"].as_array() {
        let shape: Vec<usize> = v["shape"]
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_u64().unwrap() as usize)
            .collect();
        let data: Vec<f64> = data.iter().map(number).collect();
        let dtype: DType = v["dtype"].as_str().unwrap().parse().unwrap();
        return Tensor::from_f64(&data, shape, dtype).unwrap();
    }
    let (mut shape, mut data) = (Vec::new(), Vec::new());
    flatten(v, 0, &mut shape, &mut data);
    let integers = data.iter().all(|x| x.fract() == 0.0) && !v.to_string().contains('.');
    let dtype = if integers { DType::I32 } else { DType::F32 };
    Tensor::from_f64(&data, shape, dtype).unwrap()
}

/// The tensor, if there is one.
pub(crate) fn optional(v: &Value) -> Option<Tensor> {
    (!v.is_null()).then(|| tensor(v))
}

pub(crate) fn close(got: &Tensor, expected: &Value, atol: f64, rtol: f64) -> Result<(), String> {
    let wanted = tensor(expected);
    if got.shape() != wanted.shape() {
        return Err(format!(
            "shape {} instead of {}",
            got.shape(),
            wanted.shape()
        ));
    }
    let (got, wanted) = (got.to_f64_vec().unwrap(), wanted.to_f64_vec().unwrap());
    let same = |(g, w): (&f64, &f64)| {
        g == w || (g.is_nan() && w.is_nan()) || (g - w).abs() <= atol + rtol * w.abs()
    };
    if got.iter().zip(&wanted).all(same) {
        Ok(())
    } else {
        Err(format!("{got:?} instead of {wanted:?}"))
    }
}

/// Fails with all problems at once.
pub(crate) fn report(problems: &[String], done: usize) {
    assert!(
        problems.is_empty(),
        "{} of {done} differ:\n{}",
        problems.len(),
        problems.join("\n")
    );
}
