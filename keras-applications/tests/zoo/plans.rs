//! Predictions by plans against predictions layer by layer, for networks whose layers become few.

use keras_applications::by_name;
use keras_layers::Call;

use crate::formula::{images, scales_itself, set_weights};

/// How many ops of a name a plan may have.
type Most = &'static [(&'static str, usize)];

fn check(name: &str, size: usize, most: Most) {
    let application = by_name(name).unwrap().weights(None).classes(10);
    let model = application.input_shape([size, size, 3]).build().unwrap();
    set_weights(&model, 7);
    let x = images(&[2, size, size, 3], scales_itself(name));
    let wanted = model.call(&x, &Call::inference()).unwrap();
    let predict = || model.predict_on_batch(&x).unwrap();
    predict();
    predict();
    let got = predict();
    let ops = model.planned_ops(&x).unwrap();
    for (op, most) in most {
        let count = ops.iter().filter(|name| name == op).count();
        assert!(count <= *most, "{name}: {count} times {op}: {ops:?}");
    }
    let pairs = got.to_f64_vec().unwrap().into_iter();
    for (got, wanted) in pairs.zip(wanted.to_f64_vec().unwrap()) {
        let far = (got - wanted).abs();
        assert!(
            far <= 1e-5 * wanted.abs().max(1e-2),
            "{name}: {got}, not {wanted}"
        );
    }
}

/// Whatever follows a convolution is done by it.
const ALL_FUSED: Most = &[
    ("multiply", 0),
    ("add", 0),
    ("relu", 0),
    ("clip", 0),
    ("pad", 0),
    ("conv", 0),
];

#[test]
fn resnet() {
    check("ResNet50", 64, ALL_FUSED);
}

#[test]
fn mobilenet() {
    check("MobileNetV2", 64, ALL_FUSED);
}

#[test]
fn efficientnet() {
    // It scales its images itself.
    check("EfficientNetB0", 64, &[("add", 1), ("pad", 0), ("conv", 0)]);
}

#[test]
fn densenet() {
    check("DenseNet121", 64, &[("pad", 0)]);
}

#[test]
fn convnext() {
    check("ConvNeXtTiny", 64, &[("conv", 0)]);
}
