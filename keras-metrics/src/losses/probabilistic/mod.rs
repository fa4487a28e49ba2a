//! Losses of probabilities.
//!
//! Keras on TensorFlow replaces the output of a softmax or sigmoid layer by that layer's logits when the loss is computed
//! inside a model; the losses here are the formulas as they are written, with clipping. Whoever wants the other gives
//! logits and `from_logits(true)`.

mod binary;
mod categorical;
mod ctc;
mod divergence;
mod sparse;

pub use binary::{
    BinaryCrossentropy, BinaryFocalCrossentropy, binary_crossentropy, binary_focal_crossentropy,
};
pub use categorical::{
    CategoricalCrossentropy, CategoricalFocalCrossentropy, categorical_crossentropy,
    categorical_focal_crossentropy,
};
pub use ctc::{CTC, ctc};
pub use divergence::{KLDivergence, Poisson, kl_divergence, poisson};
pub use sparse::{
    CategoricalGeneralizedCrossEntropy, SparseCategoricalCrossentropy,
    categorical_generalized_cross_entropy, sparse_categorical_crossentropy,
};

use keras_tensor::{Error, Result, Tensor, ops};

use super::regression::EPSILON;

/// Probabilities kept away from 0 and 1.
fn clipped(p: &Tensor) -> Result<Tensor> {
    ops::clip(p, EPSILON, 1.0 - EPSILON)
}

/// Labels moved by a share toward all classes alike.
fn smoothed(y: &Tensor, share: f64, classes: usize) -> Result<Tensor> {
    if share == 0.0 {
        return Ok(y.clone());
    }
    ops::add(ops::multiply(y, 1.0 - share)?, share / classes as f64)
}

/// Every label must be a class.
fn check_classes(loss: &str, labels: &Tensor, classes: usize) -> Result<()> {
    if labels.is_meta() {
        return Ok(());
    }
    let outside = |c: &&i64| !(0..classes as i64).contains(*c);
    match labels.as_slice::<i64>()?.iter().find(outside) {
        Some(label) => Err(Error::data(
            loss,
            format!(
                "label {label} is no class: predictions have {classes} classes, so labels go from 0 to {}",
                classes as i64 - 1
            ),
        )),
        None => Ok(()),
    }
}
