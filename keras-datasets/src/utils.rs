//! Helpers around data.

use keras_tensor::{DType, Error, Result, Tensor, ops};

use crate::Dataset;

/// Fixes every seed that is drawn from now on in this thread: initial weights, dropout, shuffling.
///
/// Initial weights and dropout are those that `keras.utils.set_random_seed` gives on TensorFlow.
pub fn set_random_seed(seed: u64) {
    keras_tensor::random::set_seed(seed);
}

/// Class numbers as rows of float32 that are 1 at that place and 0 elsewhere.
///
/// Without `num_classes`, there are as many as the largest number tells. A last axis of size 1 is dropped.
///
/// # Errors
/// A number that is no class.
pub fn to_categorical(x: &Tensor, num_classes: Option<usize>) -> Result<Tensor> {
    let mut numbers = ops::cast(x, DType::I64)?;
    if numbers.rank() > 1 && numbers.shape()[numbers.rank() - 1] == 1 {
        numbers = ops::squeeze(&numbers, -1)?;
    }
    let values = numbers.as_slice::<i64>()?;
    let classes =
        num_classes.unwrap_or_else(|| values.iter().max().map_or(0, |&m| m.max(-1) + 1) as usize);
    if let Some(wrong) = values.iter().find(|&&v| v < 0 || v >= classes as i64) {
        return Err(Error::data(
            "to_categorical",
            format!(
                "{wrong} is no class; with {classes} classes numbers go from 0 to {}",
                classes as i64 - 1
            ),
        ));
    }
    ops::one_hot(&numbers, classes, DType::F32)
}

/// `x / |x|` along an axis, by the norm of this order; what has norm 0 stays.
///
/// # Errors
/// An axis that the tensor does not have.
pub fn normalize(x: &Tensor, axis: isize, order: f64) -> Result<Tensor> {
    let powered = ops::power(
        ops::abs(ops::cast(x, x.dtype().with_float_literal())?)?,
        order,
    )?;
    let norm = ops::reduce(&powered, keras_tensor::op::Fold::Sum, [axis], true)?;
    let norm = ops::power(&norm, 1.0 / order)?;
    let safe = ops::where_(ops::equal(&norm, 0.0)?, ops::ones_like(&norm)?, &norm)?;
    ops::divide(x, safe)
}

/// The first `left` samples or batches, and the rest.
pub fn split_dataset(dataset: &Dataset, left: usize) -> (Dataset, Dataset) {
    (dataset.take(left), dataset.skip(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories() {
        let x = Tensor::new(&[2u8, 0], [2, 1]).unwrap();
        let y = to_categorical(&x, None).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap(), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
        let message = to_categorical(&x, Some(2)).unwrap_err().to_string();
        assert!(message.contains("2 is no class"), "{message}");
    }

    #[test]
    fn rows_of_length_one() {
        let x = Tensor::new(&[3.0f32, 4.0, 0.0, 0.0], [2, 2]).unwrap();
        let y = normalize(&x, -1, 2.0).unwrap().to_vec::<f32>().unwrap();
        assert_eq!(y, [0.6, 0.8, 0.0, 0.0]);
    }
}
