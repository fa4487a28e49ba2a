//! Weights of classes, as weights of samples.

use keras_datasets::{Batch, Structure};
use keras_tensor::{DType, Error, Result, Tensor, ops};
use std::collections::HashMap;

/// The batch with its samples weighted by class: a class that is not named counts once.
pub(super) fn weighted(batch: Batch, weights: &HashMap<i64, f64>) -> Result<Batch> {
    let Some(y) = &batch.y else {
        return Err(Error::data(
            "class_weight",
            "a batch without labels has no classes",
        ));
    };
    let one = |all: &Structure<Tensor>| match all.one() {
        Ok(t) => Ok(t.clone()),
        Err(_) => Err(Error::data(
            "class_weight",
            "it is for models of one output; give weights of samples instead",
        )),
    };
    let y = &one(y)?;
    let classes = if y.rank() > 1 && y.shape()[y.rank() - 1] > 1 {
        ops::argmax(y, -1)?
    } else {
        ops::reshape(ops::round(y)?, &[-1])?
    };
    let values: Vec<f64> = classes
        .to_f64_vec()?
        .iter()
        .map(|&c| weights.get(&(c as i64)).copied().unwrap_or(1.0))
        .collect();
    let by_class = Tensor::from_f64(&values, classes.shape().clone(), DType::F32)?;
    let sample_weight = match &batch.sample_weight {
        Some(w) => ops::multiply(one(w)?, &by_class)?,
        None => by_class,
    };
    Ok(Batch {
        sample_weight: Some(sample_weight.into()),
        ..batch
    })
}
