//! Weights of torchvision's models compute here what they compute there.

use flate2::read::GzDecoder;
use keras_applications::{Application, Pretrained, by_name};
use keras_io::safetensors;
use keras_layers::Call;
use keras_tensor::{DType, Tensor, ops};
use serde_json::Value;
use std::path::{Path, PathBuf};

use crate::formula::{hashed, images};

fn golden() -> Value {
    let packed = include_bytes!("../../../testdata/from_torchvision.json.gz");
    serde_json::from_reader(GzDecoder::new(&packed[..])).unwrap()
}

fn tensor(name: &str, shape: &[usize], stream: usize) -> Tensor {
    let last = name.rsplit('.').next().unwrap();
    let (begin, scale) = match (shape.len(), last) {
        (1, "running_var") => (1.0, 0.5),
        (1, "weight") => (1.0, 0.2),
        (1, _) => (0.0, 0.2),
        _ => {
            let inputs: usize = shape[1..].iter().product();
            (0.0, (3.0 / inputs as f64).sqrt())
        }
    };
    let data: Vec<f32> = hashed(shape.iter().product(), stream)
        .map(|u| (begin + scale * (2.0 * u - 1.0)) as f32)
        .collect();
    Tensor::new(&data, shape).unwrap()
}

/// The state dict that the golden values were computed with.
fn state(expected: &Value) -> Vec<(String, Tensor)> {
    let dtype = match expected["half"] == true {
        true => DType::F16,
        false => DType::F32,
    };
    let names = expected["names"].as_array().unwrap().iter().enumerate();
    names
        .map(|(i, entry)| {
            let name = entry[0].as_str().unwrap().to_string();
            let sizes = entry[1].as_array().unwrap().iter();
            let shape: Vec<usize> = sizes.map(|n| n.as_u64().unwrap() as usize).collect();
            let value = ops::cast(tensor(&name, &shape, i), dtype).unwrap();
            (name, value)
        })
        .collect()
}

/// A file of this test's own, gone when it is dropped.
struct File(PathBuf);

impl File {
    fn new(name: &str, tensors: &[(String, Tensor)]) -> Self {
        let name = name.replace(' ', "-");
        let file = format!("keras-torchvision-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(file);
        safetensors::write(&path, tensors).unwrap();
        File(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn of_torch(name: &str, path: &Path) -> Application {
    by_name(name)
        .unwrap()
        .weights(Pretrained::torchvision(path))
        .classifier_activation(None)
}

fn check(name: &str) {
    let expected = &golden()[name];
    let mut tensors = state(expected);
    // torch counts batches, too.
    if name.starts_with("ResNet") {
        let count = Tensor::new(&[3i64], [1]).unwrap();
        tensors.push(("bn1.num_batches_tracked".to_string(), count));
    }
    let file = File::new(name, &tensors);
    drop(tensors);
    let (architecture, variant) = name.split_once(' ').unwrap_or((name, ""));
    let size = expected["size"].as_u64().unwrap() as usize;
    let mut application = of_torch(architecture, &file.0).input_shape([size, size, 3]);
    if expected["include_top"] == false {
        application = application.include_top(false).pooling("avg");
    }
    application = match variant {
        "" => application,
        "v1" => application.v1_5(false),
        alpha => application.alpha(alpha.parse().unwrap()),
    };
    let model = application.build().unwrap();
    let y = model.call(&images(&[1, size, size, 3], false), &Call::inference());
    let y = y.unwrap().to_f64_vec().unwrap();
    let mean = y.iter().sum::<f64>() / y.len() as f64;
    let std = (y.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / y.len() as f64).sqrt();
    let number = |value: &Value| value.as_f64().unwrap();
    let first = expected["first8"].as_array().unwrap().iter().map(number);
    let near = 1e-4 * number(&expected["std"]);
    for (got, expected) in y.into_iter().zip(first).chain([
        (mean, number(&expected["mean"])),
        (std, number(&expected["std"])),
    ]) {
        assert!((got - expected).abs() <= near, "{name}: {got}, {expected}");
    }
}

#[test]
fn resnets_compute_what_torch_computes() {
    for name in ["ResNet50", "ResNet50 v1", "ResNet101", "ResNet152"] {
        check(name);
    }
}

#[test]
fn mobilenets_compute_what_torch_computes() {
    for name in ["MobileNetV2", "MobileNetV2 0.5"] {
        check(name);
    }
}

#[test]
fn densenets_compute_what_torch_computes() {
    for name in ["DenseNet121", "DenseNet169", "DenseNet201"] {
        check(name);
    }
}

#[test]
fn vggs_compute_what_torch_computes() {
    for name in ["VGG16", "VGG19"] {
        check(name);
    }
}

#[test]
fn names_of_the_first_files_are_known() {
    let mut tensors = state(&golden()["DenseNet121"]);
    for (name, _) in &mut tensors {
        for part in ["norm1", "norm2", "conv1", "conv2"] {
            let (old, number) = part.split_at(4);
            let layer = format!(".{old}.{number}.");
            *name = name.replace(&format!(".{part}."), &layer);
        }
    }
    let file = File::new("old", &tensors);
    let application = of_torch("DenseNet121", &file.0).input_shape([32, 32, 3]);
    assert!(application.build().is_ok());
}

#[test]
fn files_that_do_not_fit_are_told_with_both_names() {
    let error = |tensors: &[(String, Tensor)], application: fn(Application) -> Application| {
        let file = File::new("wrong", tensors);
        let model = application(of_torch("MobileNetV2", &file.0)).build();
        model.err().unwrap().to_string()
    };
    let whole = state(&golden()["MobileNetV2"]);
    let missing = error(&whole[1..], |a| a);
    assert!(
        missing.contains("\"features.0.0.weight\"") && missing.contains("`Conv1`"),
        "{missing}"
    );
    let narrow = error(&whole, |a| a.alpha(0.5));
    assert!(
        narrow.contains("another width") && narrow.contains("(32, 3, 3, 3)"),
        "{narrow}"
    );
    let mut more = whole.clone();
    more.push(("features.19.weight".into(), whole[0].1.clone()));
    let more = error(&more, |a| a);
    assert!(
        more.contains("\"features.19.weight\" belongs to no layer"),
        "{more}"
    );
    let classes = error(&whole, |a| a.classes(10));
    assert!(classes.contains("number of classes"), "{classes}");

    let nowhere = of_torch("ResNet50", Path::new("nowhere.safetensors")).build();
    assert!(
        nowhere
            .err()
            .unwrap()
            .to_string()
            .contains("nowhere.safetensors")
    );
    let unknown = of_torch("Xception", Path::new("nowhere.safetensors")).build();
    assert!(
        unknown
            .err()
            .unwrap()
            .to_string()
            .contains("Xception.weights")
    );
}

#[test]
fn strides_cannot_differ_from_those_of_keras_weights() {
    let application = by_name("ResNet50").unwrap().v1_5(true);
    let error = application.build().err().unwrap().to_string();
    assert!(error.contains("ResNet50.v1_5"), "{error}");
}
