use keras_autograd::{GradientTape, check_grads_with};
use keras_layers::{Arguments, Call, DTypePolicy, Dims, LayerRef};
use keras_tensor::{DType, Outputs, Result, Tensor, Variable, ops};
use serde_json::Value;

use crate::examples::{Example, examples};

fn predict(layer: &LayerRef, inputs: &Arguments<Tensor>) -> Outputs {
    let outputs = layer.call_many(inputs.clone(), &Call::inference());
    outputs.unwrap_or_else(|e| panic!("{e}"))
}

/// The layer with weights that are no constants, so that every weight has a part in the output.
fn built(example: &Example, policy: impl Into<DTypePolicy>) -> (LayerRef, Arguments<Tensor>) {
    let policy = policy.into();
    let inputs = example.inputs(policy.compute_dtype());
    let layer = example.layer(policy);
    let dims = inputs.map(|x| Ok(Dims::from(x.shape()))).unwrap();
    layer.build_many(&dims).unwrap();
    let values: Vec<Tensor> = (0..)
        .zip(layer.weights())
        .map(|(i, w)| value(i, &w))
        .collect();
    layer.set_weights(&values).unwrap();
    (layer, inputs)
}

/// Above 0, as variances must be.
fn value(number: usize, w: &Variable) -> Tensor {
    let size = w.shape().size();
    let data: Vec<f64> = (0..size)
        .map(|i| 0.55 + 0.4 * ((i * 3 + number) as f64).sin())
        .collect();
    Tensor::from_f64(&data, w.shape(), w.dtype()).unwrap()
}

fn bits(outputs: &[Tensor]) -> Vec<Vec<u64>> {
    let bits = |y: &Tensor| {
        y.to_f64_vec()
            .unwrap()
            .iter()
            .map(|v| v.to_bits())
            .collect()
    };
    outputs.iter().map(bits).collect()
}

#[test]
fn inferred_shapes_are_those_of_outputs() {
    for example in examples() {
        let (layer, inputs) = built(example, DType::F32);
        let outputs = predict(&layer, &inputs);
        let all: Arguments<Dims> = inputs.map(|x| Ok(x.shape().into())).unwrap();
        let unknown = inputs
            .map(|x| Ok(Dims::from(x.shape()).any_batch()))
            .unwrap();
        for (dims, batch) in [(all, true), (unknown, false)] {
            // A new layer, for one that is built by its shapes.
            let inferred = example.layer(DType::F32).outputs_dims(&dims).unwrap();
            assert_eq!(inferred.len(), outputs.len(), "{}", example.class);
            for ((dims, dtype), y) in inferred.iter().zip(&outputs) {
                assert!(
                    dims.fits(y.shape()),
                    "{}: {dims} is not {}",
                    example.class,
                    y.shape()
                );
                let known = if batch { 0 } else { 1 };
                assert!(
                    dims[known..].iter().all(Option::is_some),
                    "{}: {dims}",
                    example.class
                );
                assert_eq!(*dtype, y.dtype(), "{}", example.class);
            }
        }
    }
}

#[test]
fn configs_go_around_and_begin_as_keras_s() {
    for example in examples() {
        let layer = example.layer(DType::F64).with_trainable(false);
        let json = layer.to_json().unwrap();
        let text = json.to_string();
        let read: Value = serde_json::from_str(&text).unwrap();
        let again = LayerRef::from_json(&read).unwrap();
        assert_eq!(again.to_json().unwrap().to_string(), text);
        let config = json["config"].as_object().unwrap();
        assert_eq!(config["name"], layer.name());
        // Keras's own classes forget `trainable`, or have a dtype of the data.
        if example.class == "InputLayer" || example.class.starts_with("SpatialDropout") {
            continue;
        }
        let begin: Vec<&String> = config.keys().take(3).collect();
        assert_eq!(begin, ["name", "trainable", "dtype"], "{}", example.class);
        assert_eq!(config["trainable"], false);
        assert_eq!(config["dtype"]["config"]["name"], "float64");
        assert_eq!((again.trainable(), again.dtype()), (false, DType::F64));
    }
}

/// A number of the outputs that depends on each element differently.
fn total(outputs: &[Tensor]) -> Result<Tensor> {
    let mut total = Tensor::scalar(0.0f64);
    for y in outputs.iter().filter(|y| y.dtype().is_float()) {
        let weights = ops::arange(0, y.size() as i64, DType::F64)?;
        let weights = ops::reshape_to(ops::cos(weights)?, y.shape().clone())?;
        total = ops::add(&total, ops::sum(ops::multiply(y, weights)?, None)?)?;
    }
    Ok(total)
}

#[test]
fn gradients_by_inputs_are_right_in_float64() {
    for example in examples() {
        let (layer, inputs) = built(example, DType::F64);
        let tensors: Vec<Tensor> = inputs.tensors().cloned().collect();
        if tensors.iter().any(|x| !x.dtype().is_float()) {
            continue;
        }
        let f = |v: &[Tensor]| {
            let mut next = v.iter();
            let inputs = inputs.map(|_| Ok(next.next().unwrap().clone()))?;
            total(&layer.call_many(inputs, &Call::inference())?)
        };
        check_grads_with(f, &tensors, 1).unwrap_or_else(|e| panic!("{}: {e}", example.class));
    }
}

#[test]
fn gradients_by_weights_are_right_in_float64() {
    const STEP: f64 = 1e-6;
    for example in examples() {
        let (layer, inputs) = built(example, DType::F64);
        let weights = layer.trainable_variables();
        let tape = GradientTape::new();
        let y = total(&predict(&layer, &inputs)).unwrap();
        let gradients = tape.gradient(&y, &weights).unwrap();
        for (i, (w, gradient)) in weights.iter().zip(gradients).enumerate() {
            let gradient =
                gradient.unwrap_or_else(|| panic!("{}: none by {}", example.class, w.path()));
            let (start, along) = (w.value().unwrap(), value(i + 5, w));
            let at = |step: f64| {
                let moved = ops::add(&start, ops::multiply(&along, step).unwrap()).unwrap();
                w.assign(&moved).unwrap();
                total(&predict(&layer, &inputs)).unwrap().item().unwrap()
            };
            let wanted = (at(STEP) - at(-STEP)) / (2.0 * STEP);
            w.assign(&start).unwrap();
            let got = ops::sum(ops::multiply(&gradient, &along).unwrap(), None).unwrap();
            let got = got.item().unwrap();
            assert!(
                (got - wanted).abs() <= 1e-6 + 1e-5 * wanted.abs(),
                "{} by {}: {got}, not {wanted}",
                example.class,
                w.path()
            );
        }
    }
}

#[test]
fn freezing_empties_the_trainable_variables() {
    for example in examples() {
        let (layer, _) = built(example, DType::F32);
        let trainable = layer.trainable_variables().len();
        let all = layer.weights().len();
        layer.set_trainable(false);
        assert_eq!(layer.trainable_variables().len(), 0, "{}", example.class);
        assert_eq!(layer.non_trainable_variables().len(), all);
        layer.set_trainable(true);
        assert_eq!(layer.trainable_variables().len(), trainable);
    }
}

#[test]
fn outputs_and_weights_have_the_dtypes_of_the_policy() {
    // An input has the dtype of the data.
    for example in examples().filter(|e| e.class != "InputLayer") {
        for policy in POLICIES.map(DTypePolicy::from) {
            let (layer, _) = built(example, &policy);
            let dtype = policy.compute_dtype();
            let inputs = example.inputs(DType::F32);
            let dims = inputs
                .map(|x| Ok(Dims::from(x.shape()).any_batch()))
                .unwrap();
            let inferred = layer.outputs_dims(&dims).unwrap();
            for (y, (_, inferred)) in predict(&layer, &inputs).iter().zip(inferred) {
                let right = y.dtype() == dtype || !y.dtype().is_float();
                assert!(right, "{}: {} in {dtype}", example.class, y.dtype());
                assert_eq!(y.dtype(), inferred, "{}", example.class);
            }
            for w in layer.weights() {
                let right = w.dtype() == policy.variable_dtype() || !w.dtype().is_float();
                assert!(right, "{}: {}", w.path(), w.dtype());
            }
        }
    }
}

const POLICIES: [&str; 6] = [
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "mixed_float16",
    "mixed_bfloat16",
];

#[test]
fn sixteen_bits_compute_nearly_the_same() {
    for example in examples().filter(|e| e.class != "InputLayer") {
        let (layer, inputs) = built(example, DType::F32);
        let wanted = predict(&layer, &inputs);
        for policy in &POLICIES[2..] {
            let (layer, inputs) = built(example, *policy);
            // A few roundings, each of half a unit in the last place: 2^-11 of 1, or 2^-8.
            let tolerance = if policy.ends_with("bfloat16") {
                0.06
            } else {
                0.008
            };
            for (y, wanted) in predict(&layer, &inputs).iter().zip(&wanted) {
                let pairs = y.to_f64_vec().unwrap().into_iter();
                for (y, wanted) in pairs.zip(wanted.to_f64_vec().unwrap()) {
                    let near = (y - wanted).abs() <= tolerance * (1.0 + wanted.abs());
                    assert!(near, "{} in {policy}: {y}, not {wanted}", example.class);
                }
            }
        }
    }
}

#[test]
fn training_under_a_mixed_policy_gives_gradients_of_the_weights_dtype() {
    for example in examples().filter(|e| e.class != "InputLayer") {
        let (layer, inputs) = built(example, "mixed_float16");
        let weights = layer.trainable_variables();
        let tape = GradientTape::new();
        let outputs = layer.call_many(inputs.clone(), &Call::training());
        let outputs = outputs.unwrap_or_else(|e| panic!("{}: {e}", example.class));
        let y = total(&outputs).unwrap();
        for (w, gradient) in weights.iter().zip(tape.gradient(&y, &weights).unwrap()) {
            let gradient =
                gradient.unwrap_or_else(|| panic!("{}: none by {}", example.class, w.path()));
            assert_eq!(
                (gradient.dtype(), gradient.shape()),
                (DType::F32, w.shape())
            );
        }
    }
}

#[test]
fn weights_go_around() {
    for example in examples() {
        let (layer, inputs) = built(example, DType::F32);
        let (values, before) = (
            layer.get_weights().unwrap(),
            bits(&predict(&layer, &inputs)),
        );
        let (other, _) = built(example, DType::F32);
        let zeros: Vec<Tensor> = values.iter().map(|v| ops::zeros_like(v).unwrap()).collect();
        other.set_weights(&zeros).unwrap();
        other.set_weights(&values).unwrap();
        assert_eq!(bits(&predict(&other, &inputs)), before, "{}", example.class);
        assert!(
            other.set_weights(&[values, zeros].concat()).is_err() || layer.weights().is_empty()
        );
        let paths: Vec<String> = layer.weights().iter().map(Variable::path).collect();
        for path in &paths {
            assert!(path.starts_with(layer.name()), "{path}");
            assert_eq!(
                paths.iter().filter(|p| *p == path).count(),
                1,
                "{path} twice"
            );
        }
    }
}

#[test]
fn threads_predict_the_same_bits() {
    for example in examples() {
        let (layer, inputs) = built(example, DType::F32);
        let wanted = bits(&predict(&layer, &inputs));
        std::thread::scope(|scope| {
            let run = || bits(&predict(&layer, &inputs));
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(run)).collect();
            for thread in threads {
                assert_eq!(thread.join().unwrap(), wanted, "{}", example.class);
            }
        });
    }
}
