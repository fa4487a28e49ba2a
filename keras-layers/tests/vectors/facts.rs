use keras_layers::Call;
use keras_tensor::{DType, Tensor, ops};
use serde_json::{Value, json};

use crate::layers::made;
use crate::support::{Vector, argument, arguments, close, is_tensor, same_dims, tensor};

/// A value for a shape of `run_layer_test`: small numbers, integers where it wants some.
fn sample(shape: &Value, dtype: &Value) -> Tensor {
    let shape: Vec<usize> = shape
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_u64().unwrap_or(2) as usize)
        .collect();
    let n: usize = shape.iter().product();
    let integers = dtype.as_str().is_some_and(|d| d.contains("int"));
    let data: Vec<f64> = (0..n)
        .map(|i| {
            if integers {
                (i % 2) as f64
            } else {
                (i as f64).sin()
            }
        })
        .collect();
    let dtype = dtype.as_str().map_or(DType::F32, |d| d.parse().unwrap());
    Tensor::from_f64(&data, shape, dtype).unwrap()
}

/// What `run_layer_test` calls the layer with, as the arguments of a call.
fn test_input(facts: &Value) -> Value {
    let named = |o: &serde_json::Map<String, Value>, suffix: &str| -> Value {
        let strip = |k: &String| k.strip_suffix(suffix).unwrap_or(k).to_string();
        json!({"args": [], "kwargs": o.iter().map(|(k, v)| (strip(k), v.clone())).collect::<serde_json::Map<_, _>>()})
    };
    let tagged = |shape: &Value| json!({"sample": shape, "of": facts["input_dtype"]});
    match (&facts["input_data"], &facts["input_shape"]) {
        (Value::Null, Value::Object(o)) => {
            let o = o.iter().map(|(k, v)| (k.clone(), tagged(v))).collect();
            named(&o, "_shape")
        }
        (Value::Null, Value::Array(all)) if all.iter().any(Value::is_array) => {
            json!({"args": [all.iter().map(tagged).collect::<Vec<_>>()], "kwargs": {}})
        }
        (Value::Null, shape) => json!({"args": [tagged(shape)], "kwargs": {}}),
        (Value::Object(o), _) if !is_tensor(&facts["input_data"]) => named(o, ""),
        (data, _) => json!({"args": [data], "kwargs": {}}),
    }
}

pub(crate) fn layer_test(v: &Vector) -> std::result::Result<(), String> {
    match (facts(v), v.0["facts"]["fails"] == true) {
        (Ok(()), true) => Err("it must fail, and does not".to_string()),
        (Err(_), true) => Ok(()),
        (result, _) => result,
    }
}

fn facts(v: &Vector) -> std::result::Result<(), String> {
    let said = |e: keras_tensor::Error| e.to_string();
    let facts = &v.0["facts"];
    let layer = made(v).map_err(said)?;
    let make = |x: &Value| match x.get("sample") {
        Some(shape) => sample(shape, &x["of"]),
        None => tensor(x),
    };
    let of = |x: &Value| x.get("sample").is_some() || is_tensor(x);
    let mut inputs = arguments(&test_input(facts), of, &make);
    for (name, value) in facts["call_kwargs"].as_object().into_iter().flatten() {
        if name != "training" {
            inputs = inputs.named(name.clone(), argument(value, of, &make));
        }
    }
    let cx = match facts["call_kwargs"]["training"] == true {
        true => Call::training(),
        false => Call::inference(),
    };
    let outputs = layer.call_many(inputs.clone(), &cx).map_err(said)?;
    if let Some(wanted) = facts["expected_output_shape"].as_array() {
        let wanted = match wanted.iter().any(Value::is_array) {
            true => wanted.clone(),
            false => vec![facts["expected_output_shape"].clone()],
        };
        if wanted.len() != outputs.len() {
            return Err(format!("{} outputs, not {}", outputs.len(), wanted.len()));
        }
        for (y, wanted) in outputs.iter().zip(&wanted) {
            same_dims(&y.shape().into(), wanted)?;
        }
    }
    let dtype = outputs[0].dtype();
    let wanted = facts["expected_output_dtype"].as_str();
    if wanted.is_some_and(|name| dtype.name() != name) {
        return Err(format!("dtype {dtype}, not {wanted:?}"));
    }
    if is_tensor(&facts["expected_output"]) {
        close(&outputs[0], &facts["expected_output"], 1e-6, 1e-6)?;
    }
    let mut losses = cx.take_losses().len();
    layer.visit_weights(&mut |w| {
        losses += usize::from(w.regularizer.is_some() && w.variable.is_trainable());
    });
    let states = layer.variables().len() - layer.weights().len();
    let non_trainable = layer.non_trainable_variables().len();
    for (what, got) in [
        ("trainable_weights", layer.trainable_variables().len()),
        ("non_trainable_weights", non_trainable),
        ("non_trainable_variables", non_trainable + states),
        ("seed_generators", states),
        ("losses", losses),
    ] {
        let wanted = &facts[format!("expected_num_{what}")];
        if wanted.as_u64().is_some_and(|n| n as usize != got) {
            return Err(format!("{got} {what}, not {wanted}"));
        }
    }
    if facts["supports_masking"] == true {
        let x = inputs.first().map_err(said)?;
        if let (1, [batch, time, ..]) = (inputs.tensors().count(), &x.shape()[..]) {
            // Softmax takes a mask of all places, others one of steps.
            let channels_first = v.0["config"]["data_format"] == "channels_first";
            let places = match v.class() {
                "Softmax" => x.shape().clone(),
                _ if channels_first => [*batch, x.shape()[2]].into(),
                _ => [*batch, *time].into(),
            };
            let mask = ops::ones(places, DType::Bool).map_err(said)?;
            let masked = x.clone().with_mask(Some(mask));
            layer.call(&masked, &Call::inference()).map_err(said)?;
        }
    }
    Ok(())
}
