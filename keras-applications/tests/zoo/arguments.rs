//! The arguments that all architectures share, and what is said of wrong ones.

use keras_applications::{Application, ResNet50, by_name};
use keras_layers::layers::Input;

fn error(application: Application) -> String {
    application.build().err().unwrap().to_string()
}

fn random() -> Application {
    ResNet50::new().weights(None)
}

#[test]
fn wrong_arguments_are_named_with_what_was_wanted() {
    for (application, words) in [
        (
            random().input_shape([31, 64, 3]),
            "ResNet50.input_shape`: got (31, 64, 3), wanted at least 32",
        ),
        (random().input_shape([64, 64]), "three sizes"),
        (
            random().input_shape([None, Some(64), Some(3)]),
            "because the top is included",
        ),
        (
            random()
                .include_top(false)
                .input_shape([Some(64), Some(64), None]),
            "known number of channels",
        ),
        (
            random().include_top(false).pooling("mean"),
            "None, \"avg\" or \"max\"",
        ),
        (random().alpha(0.5), "ResNet50.alpha"),
        (ResNet50::new().classes(10), "1000, because ImageNet"),
        (
            ResNet50::new().input_shape([64, 64, 3]),
            "(224, 224, 3), because the top was trained",
        ),
        (
            ResNet50::new().include_top(false).input_shape([64, 64, 1]),
            "3 channels",
        ),
        (
            ResNet50::new().classifier_activation("relu"),
            "trained with these",
        ),
        (ResNet50::new().weights("nowhere.h5"), "nowhere.h5"),
    ] {
        let error = error(application);
        assert!(error.contains(words), "{error}");
    }
    let error = by_name("ResNet51").err().unwrap().to_string();
    assert!(error.contains("ResNet5"), "{error}");
}

#[test]
fn a_missing_file_of_weights_is_told_with_its_place() {
    let error = error(ResNet50::new());
    let file = "resnet50_weights_tf_dim_ordering_tf_kernels.h5";
    assert!(error.contains("models"), "{error}");
    assert!(
        error.contains(&format!("keras-applications/resnet/{file}")),
        "{error}"
    );
}

#[test]
fn sizes_are_those_that_keras_takes_by_default() {
    let shape = |a: Application| a.build().unwrap().inputs().unwrap()[0].dims().to_string();
    assert_eq!(shape(random()), "(None, 224, 224, 3)");
    assert_eq!(shape(random().include_top(false)), "(None, None, None, 3)");
}

#[test]
fn a_network_begins_where_it_is_told_to() {
    let x = Input::new([64, 64, 3]).name("photograph").symbolic();
    let scaled = x / 255.0;
    let model = random()
        .include_top(false)
        .pooling("max")
        .input_tensor(&scaled)
        .name("body");
    let model = model.build().unwrap();
    assert_eq!(model.name(), "body");
    assert_eq!(model.inputs().unwrap()[0].layer().name(), "photograph");
    assert_eq!(
        model.outputs().unwrap()[0].dims().to_string(),
        "(None, 2048)"
    );
    assert_eq!(model.outputs().unwrap()[0].layer().name(), "max_pool");
}
