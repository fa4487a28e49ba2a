use keras_autograd::check_grads_with;
use keras_layers::activations::{self, Activation};
use keras_layers::constraints::{Constrain, Constraint};
use keras_layers::initializers::{Initialize, Initializer};
use keras_layers::regularizers::{Regularize, Regularizer};
use keras_tensor::registry::{Entry, Family};
use keras_tensor::{DType, Shape, Tensor, ops};
use serde_json::{Value, json};

fn entries<T: ?Sized + Family>() -> impl Iterator<Item = &'static Entry<T>> {
    T::tables().iter().flat_map(|t| t.iter())
}

/// Through text and back.
fn again(json: &Value) -> Value {
    serde_json::from_str(&json.to_string()).unwrap()
}

fn matrix(dtype: DType) -> Tensor {
    let data: Vec<f64> = (0..12)
        .map(|i| 1.7 * (i as f64 * 0.9 + 0.2).sin() + 0.05)
        .collect();
    Tensor::from_f64(&data, [4, 3], dtype).unwrap()
}

#[test]
fn initializers_keep_shape_and_dtype_and_repeat_themselves() {
    for entry in entries::<dyn Initialize>() {
        let class = entry.class_name;
        let made = Initializer::from_json(&json!({"class_name": class, "config": {}})).unwrap();
        let written = made.to_json().unwrap();
        let read = Initializer::from_json(&again(&written)).unwrap();
        assert_eq!(read.to_json().unwrap(), written, "{class}");
        let initializer = made.resolve().unwrap();
        let shape: Shape = match class {
            "STFT" => [8, 1, 5].into(),
            _ => [6, 4].into(),
        };
        for dtype in [DType::F16, DType::F32, DType::F64] {
            let value = initializer.initialize(&shape, dtype).unwrap();
            assert_eq!((value.shape(), value.dtype()), (&shape, dtype), "{class}");
            let numbers = value.to_f64_vec().unwrap();
            assert!(numbers.iter().all(|v| v.is_finite()), "{class}");
            let second = initializer.initialize(&shape, dtype).unwrap();
            assert_eq!(second.to_f64_vec().unwrap(), numbers, "{class}");
        }
    }
}

#[test]
fn regularizers_give_one_number_with_a_gradient() {
    for entry in entries::<dyn Regularize>() {
        let class = entry.class_name;
        let written = Regularizer::from(class).to_json().unwrap();
        let read = Regularizer::from_json(&again(&written)).unwrap();
        assert_eq!(read.to_json().unwrap(), written, "{class}");
        let regularizer = read.resolve().unwrap();
        for dtype in [DType::F16, DType::F32, DType::F64] {
            let penalty = regularizer.penalty(&matrix(dtype)).unwrap();
            assert_eq!((penalty.rank(), penalty.dtype()), (0, dtype), "{class}");
            assert!(penalty.item().unwrap() > 0.0, "{class}");
        }
        check_grads_with(|w| regularizer.penalty(&w[0]), &[matrix(DType::F64)], 1)
            .unwrap_or_else(|e| panic!("{class}: {e}"));
    }
}

#[test]
fn constraints_hold_after_one_application() {
    for entry in entries::<dyn Constrain>() {
        let class = entry.class_name;
        let written = Constraint::from(class).to_json().unwrap();
        let read = Constraint::from_json(&again(&written)).unwrap();
        assert_eq!(read.to_json().unwrap(), written, "{class}");
        let constraint = read.resolve().unwrap();
        for (dtype, near) in [(DType::F32, 1e-5), (DType::F64, 1e-6)] {
            let w = matrix(dtype);
            let once = constraint.constrain(&w).unwrap();
            assert_eq!((once.shape(), once.dtype()), (w.shape(), dtype), "{class}");
            assert_ne!(
                once.to_f64_vec().unwrap(),
                w.to_f64_vec().unwrap(),
                "{class}"
            );
            let twice = constraint.constrain(&once).unwrap().to_f64_vec().unwrap();
            for (a, b) in once.to_f64_vec().unwrap().iter().zip(&twice) {
                assert!((a - b).abs() <= near, "{class}: {a} becomes {b}");
            }
        }
    }
}

#[test]
fn activations_keep_shape_and_dtype_and_have_gradients() {
    for name in activations::names() {
        let activation = Activation::from(name);
        let written = serde_json::to_value(&activation).unwrap();
        let read: Activation = serde_json::from_value(again(&written)).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), written, "{name}");
        // The gated linear unit takes halves.
        let x = |dtype| ops::reshape(matrix(dtype), &[3, 4]).unwrap();
        let shape: &[usize] = if name == "glu" { &[3, 2] } else { &[3, 4] };
        for dtype in [DType::F16, DType::F32, DType::F64] {
            let y = read.call(&x(dtype)).unwrap();
            assert_eq!((&y.shape()[..], y.dtype()), (shape, dtype), "{name}");
            let meta = read.call(&Tensor::meta([3, 4], dtype)).unwrap();
            assert_eq!((meta.shape(), meta.dtype()), (y.shape(), dtype), "{name}");
        }
        check_grads_with(|v| read.call(&v[0]), &[x(DType::F64)], 1)
            .unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}
