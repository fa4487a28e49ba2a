//! The transfer learning of the tutorial, in numbers.

use keras_applications::ResNet50;
use keras_layers::layers::{Dense, GlobalAveragePooling2D};
use keras_models::{Sequential, layers};
use keras_tensor::{DType, ops};

fn resnet() -> keras_models::Model {
    let application = ResNet50::new().weights(None).include_top(false);
    application.input_shape([224, 224, 3]).build().unwrap()
}

fn trainable(model: &keras_models::Model) -> usize {
    model
        .trainable_variables()
        .iter()
        .map(|w| w.shape().size())
        .sum()
}

#[test]
fn features_of_four_photographs() {
    let images = ops::zeros([4, 224, 224, 3], DType::F32).unwrap();
    let features = resnet().predict_on_batch(images).unwrap();
    assert_eq!(features.shape().to_string(), "(4, 7, 7, 2048)");
}

#[test]
fn a_new_classifier_on_a_frozen_network() {
    let resnet = resnet();
    let body = keras_layers::LayerRef::clone(&resnet);
    let network = Sequential::new(layers![
        body.clone(),
        GlobalAveragePooling2D::new(),
        Dense::new(100)
    ]);
    network
        .build([Some(4), Some(224), Some(224), Some(3)])
        .unwrap();
    assert_eq!(network.count_params(), 23_792_612);
    assert_eq!(trainable(&network), 23_739_492);
    assert_eq!(network.count_params() - trainable(&network), 53_120);
    body.set_trainable(false);
    assert_eq!(trainable(&network), 204_900);
}
