use keras_layers::layers::TABLES;
use keras_layers::{Call, LayerRef};
use keras_tensor::{DType, Outputs, Result, Tensor, ops};
use serde_json::Value;
use std::collections::BTreeSet;

use crate::cells;
use crate::facts::layer_test;
use crate::support::{
    Vector, arguments, close, dims, flat, is_tensor, report, same_dims, tensor, vectors,
};

/// Base classes that Keras does not export: their configs do not tell how many axes they are for.
const BASES: &[&str] = &["ConvLSTM", "ConvLSTMCell"];

/// Why a record cannot be replayed.
fn skipped(v: &Vector) -> Option<&'static str> {
    let test = v.text("test").rsplit('.').next().unwrap();
    if v.text("class") == "Lambda" {
        return Some("functions are Python code");
    }
    match (test, v.kind()) {
        ("test_maximum_with_mask" | "test_minimum_with_mask" | "test_multiply_with_mask", _) => {
            Some("the masks of inputs are not recorded; tests of the merging layers have them")
        }
        ("test_attention_errors", "raises") => {
            Some("a single tensor attends to itself, and masks come with their tensors")
        }
        (
            "test_masking_causal"
            | "test_masking_not_causal"
            | "test_query_mask_propagation"
            | "test_no_warning_with_keras_mask",
            _,
        ) if v.0["kwargs"]["attention_mask"].is_null() && v.text("class").contains("Attention") => {
            Some("the masks of inputs are not recorded; tests of the attention layers have them")
        }
        ("test_compute_output_shape_before_build", _) => {
            Some("Keras forgets a size of the input that the layer's output shape leaves open")
        }
        ("test_dense_errors", "raises") => Some("the layer was built for another shape before"),
        ("test_reshape_sets_static_shape", _) => {
            Some("an input of unknown size that only one size would fit")
        }
        _ => None,
    }
}

fn exists(class: &str) -> bool {
    TABLES
        .iter()
        .flat_map(|t| t.iter())
        .any(|e| e.class_name == class)
}

/// The layer of a record.
pub(crate) fn made(v: &Vector) -> Result<LayerRef> {
    match cells::rnn(&v.0["config"]) {
        Some(layer) => Ok(layer),
        None => LayerRef::from_json(&v.object()),
    }
}

/// The class, and those of the layers in its config.
fn classes(v: &Vector) -> Vec<String> {
    fn walk(v: &Value, found: &mut Vec<String>) {
        match v {
            Value::Object(o) => {
                let named = o.get("class_name").and_then(Value::as_str);
                found.extend(named.map(str::to_string));
                o.values().for_each(|x| walk(x, found));
            }
            Value::Array(all) => all.iter().for_each(|x| walk(x, found)),
            _ => {}
        }
    }
    let mut found = vec![v.class().to_string()];
    walk(&v.0["config"], &mut found);
    found
}

pub(crate) fn of_a_base_class(v: &Vector) -> bool {
    let of = classes(v);
    of.iter().any(|c| BASES.contains(&c.as_str()))
}

/// Tensors with the masks that the call gave by name.
fn inputs(v: &Vector) -> keras_layers::Arguments<Tensor> {
    let mut all = arguments(&v.0, is_tensor, &tensor);
    let mask = &v.0["kwargs"]["mask"];
    if !mask.is_null() {
        let masks: Vec<Option<Tensor>> = match mask {
            Value::Array(list) => list
                .iter()
                .map(|m| (!m.is_null()).then(|| tensor(m)))
                .collect(),
            one => vec![Some(tensor(one))],
        };
        let mut masks = masks.into_iter();
        all = all
            .map(|x| {
                let mask = masks.next().flatten();
                let mask = mask.map(|m| ops::not_equal(&m, 0.0)).transpose()?;
                Ok(x.clone().with_mask(mask))
            })
            .unwrap();
    }
    all
}

fn run(v: &Vector) -> Result<(LayerRef, Outputs)> {
    let layer = made(v)?;
    let inputs = inputs(v);
    layer.build_many(&inputs.map(|x| Ok(x.shape().into()))?)?;
    if v.text("test").ends_with("MultiHeadAttentionTest.test_lora") {
        let held = layer.children().iter();
        let projections = held.filter(|l| ["query", "key", "value"].contains(&l.name()));
        projections.take(3).try_for_each(|l| l.enable_lora(2))?;
    }
    if let Some(weights) = v.0["weights"].as_array() {
        let values: Vec<Tensor> = weights.iter().map(|w| tensor(&w[1])).collect();
        layer.set_weights(&values)?;
    }
    let cx = match v.0["kwargs"]["training"] == true {
        true => Call::training(),
        false => Call::inference(),
    };
    let outputs = layer.call_many(inputs, &cx)?;
    Ok((layer, outputs))
}

fn call(v: &Vector) -> std::result::Result<(), String> {
    if v.0["args"].to_string().contains("dims") {
        let outputs = symbolic(v).map_err(|e| e.to_string())?;
        let output = v.0["index"][1].as_u64().unwrap() as usize;
        return same_dims(&outputs[output].0, &v.0["expected"]);
    }
    let (layer, outputs) = run(v).map_err(|e| e.to_string())?;
    v.check(&outputs)?;
    let weights = layer.weights();
    for (w, wanted) in weights.iter().zip(v.0["weights"].as_array().unwrap()) {
        let path = wanted[0].as_str().unwrap();
        if path.rsplit('/').next() != Some(w.name()) {
            return Err(format!("weight {} is {path} in Keras", w.path()));
        }
    }
    if let Some(after) = v.0["after"].as_array() {
        for (w, wanted) in weights.iter().zip(after) {
            let value = w.value().map_err(|e| e.to_string())?;
            close(&value, wanted, 1e-5, 1e-5).map_err(|e| format!("{} after: {e}", w.path()))?;
        }
    }
    Ok(())
}

fn is_symbolic(v: &Value) -> bool {
    v["dims"].is_array()
}

fn symbolic(v: &Vector) -> Result<Vec<(keras_layers::Dims, DType)>> {
    let layer = made(v)?;
    layer.outputs_dims(&arguments(&v.0, is_symbolic, &|x| dims(&x["dims"])))
}

fn shape(v: &Vector) -> std::result::Result<(), String> {
    let outputs = symbolic(v).map_err(|e| e.to_string())?;
    let wanted = flat(&v.0["output"]);
    if wanted.len() != outputs.len() {
        return Err(format!("{} outputs, not {}", outputs.len(), wanted.len()));
    }
    wanted
        .iter()
        .zip(&outputs)
        .try_for_each(|(w, y)| same_dims(&y.0, &w["dims"]))
}

fn fails(v: &Vector) -> std::result::Result<(), String> {
    let of_shapes = v.0["args"].to_string().contains("dims");
    let failed = if of_shapes {
        symbolic(v).is_err()
    } else {
        run(v).is_err()
    };
    if failed {
        Ok(())
    } else {
        Err("it must fail, and does not".to_string())
    }
}

#[test]
fn layers_are_keras_s() {
    let (mut problems, mut done, mut left) = (Vec::new(), 0, 0);
    for v in vectors("layer") {
        if skipped(&v).is_some() || of_a_base_class(&v) {
            left += 1;
            continue;
        }
        done += 1;
        let outcome = match v.kind() {
            "call" | "assert" => call(&v),
            "shape" => shape(&v),
            "raises" => fails(&v),
            _ => layer_test(&v),
        };
        if let Err(e) = outcome {
            problems.push(format!(
                "{} {} {}: {e}",
                v.text("test"),
                v.kind(),
                v.class()
            ));
        }
    }
    report(&problems, done, left);
}

#[test]
fn base_classes_do_not_exist() {
    let recorded: BTreeSet<String> = vectors("layer").iter().flat_map(classes).collect();
    for class in BASES {
        assert!(!exists(class), "{class} exists: delete its line");
        assert!(recorded.contains(*class), "no record needs {class}");
    }
}
