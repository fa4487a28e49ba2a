//! What cannot be is an error that names the layer, what it got and what it wanted; never a panic.

use keras_layers::layers::*;
use keras_layers::{Arguments, Call, LayerExt, LayerRef};
use keras_tensor::{DType, Tensor, ops};

fn ones(shape: &[usize]) -> Tensor {
    ops::ones(shape, DType::F32).unwrap()
}

/// The message of a call that fails.
fn message(layer: impl Into<LayerRef>, inputs: impl Into<Arguments<Tensor>>) -> String {
    let layer = layer.into();
    let outcome = layer.call_many(inputs, &Call::inference());
    outcome
        .err()
        .map_or_else(|| panic!("{layer} takes it"), |e| e.to_string())
}

fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
}

#[test]
fn shapes_that_do_not_fit_each_other() {
    let (a, b) = (ones(&[2, 3]), ones(&[2, 4]));
    says(&message(Add::new(), [&a, &b]), &["add", "(2, 3)", "(2, 4)"]);
    says(&message(Dot::new(1), [&a, &b]), &["dot"]);
    let far = ones(&[3, 3]);
    says(&message(Concatenate::new(), [&a, &far]), &["concatenate"]);
    says(&message(Dense::new(3).name("head"), &ones(&[])), &["head"]);
    let dense = LayerRef::from(Dense::new(3));
    dense.build([None, Some(5)]).unwrap();
    says(&message(&dense, &a), &["Dense", "(2, 3)"]);
    says(
        &message(Conv2D::new(4, 3), &a),
        &["Conv2D", "4 axes", "(2, 3)"],
    );
    says(&message(LSTM::new(2), &a), &["LSTM", "[batch, time"]);
    says(
        &message(MaxPooling2D::new(2), &a),
        &["MaxPooling2D", "(2, 3)"],
    );
}

#[test]
fn windows_that_do_not_fit() {
    let image = ones(&[1, 4, 4, 2]);
    says(
        &message(Conv2D::new(4, 5), &image),
        &["Conv2D", "at least 5"],
    );
    says(&message(AveragePooling2D::new(5), &image), &["average"]);
    let layer = Conv2D::new(4, 2)
        .strides(2)
        .dilation_rate(2)
        .padding("same");
    says(&message(layer, &image), &["strides and dilation_rate"]);
    says(
        &message(Conv2D::new(4, 2).padding("causal"), &image),
        &["padding", "causal"],
    );
    says(
        &message(Conv2D::new(4, 2).groups(3), &image),
        &["groups", "3"],
    );
    says(&message(Conv2D::new(0, 2), &image), &["filters"]);
    says(&message(Cropping2D::new(3), &image), &["Cropping2D"]);
}

#[test]
fn numbers_out_of_their_range() {
    let x = ones(&[2, 3]);
    says(&message(Dense::new(0), &x), &["units", "at least 1"]);
    says(&message(Dropout::new(1.5), &x), &["rate", "1.5"]);
    says(&message(Embedding::new(0, 3), &x), &["Embedding"]);
    says(&message(Reshape::new([5, 5]), &x), &["Reshape"]);
    says(&message(Permute::new([3, 1]), &x), &["Permute"]);
    says(
        &message(GroupNormalization::new().groups(2), &x),
        &["groups", "2"],
    );
    let attention = MultiHeadAttention::new(0, 2);
    says(
        &message(attention, &ones(&[2, 3, 4])),
        &["MultiHeadAttention"],
    );
}

#[test]
fn masks_and_states_of_the_wrong_shape() {
    let x = ones(&[2, 3, 4]);
    let mask = ops::ones([2, 5], DType::Bool).unwrap();
    let masked = x.clone().with_mask(Some(mask));
    says(&message(LSTM::new(2), &masked), &["LSTM", "mask", "(2, 5)"]);
    let inputs = Arguments::new(&x).named("initial_state", [&ones(&[2, 3]), &ones(&[2, 2])]);
    says(&message(LSTM::new(2), inputs), &["initial_state", "(2, 3)"]);
}

#[test]
fn weights_of_the_wrong_number_or_shape() {
    let layer = Dense::new(3).name("head");
    layer.build([None, Some(2)]).unwrap();
    let kernel = ones(&[2, 3]);
    let error = layer
        .set_weights(std::slice::from_ref(&kernel))
        .unwrap_err();
    says(&error.to_string(), &["head", "2 weights"]);
    let error = layer.set_weights(&[kernel.clone(), kernel]).unwrap_err();
    says(&error.to_string(), &["head/bias", "(2, 3)", "(3,)"]);
}
