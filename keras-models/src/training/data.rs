//! What can be trained on: tensors, or a data set that makes batches.

use keras_datasets::{Batch, Dataset, Structure};
use keras_tensor::{Error, Result, Tensor, ops};

/// Inputs, targets and weights of samples as tensors, or a data set that makes batches of them.
///
/// Inputs, targets and weights are each one tensor, a list in the order of the model's inputs or outputs, or a map by
/// their names.
///
/// ```
/// use keras_models::Data;
/// use keras_tensor::{DType, ops};
/// let (a, b) = (ops::ones([8, 3], DType::F32)?, ops::ones([8, 2], DType::F32)?);
/// let (price, sold) = (ops::ones([8, 1], DType::F32)?, ops::zeros([8, 1], DType::F32)?);
/// let one = Data::from((&a, &price));
/// let lists = Data::from(([&a, &b], [&price, &sold]));
/// let names = Data::from(([("a", &a), ("b", &b)], [("sold", &sold), ("price", &price)]));
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Clone)]
pub enum Data {
    /// Whole tensors, cut into batches by `fit`, `evaluate` and `predict`.
    Tensors {
        /// Inputs `[samples, ..]`.
        x: Structure<Tensor>,
        /// Targets `[samples, ..]`.
        y: Option<Structure<Tensor>>,
        /// A weight for each sample: one for all outputs, or one for each output.
        sample_weight: Option<Structure<Tensor>>,
    },
    /// Batches.
    Dataset(Dataset),
}

impl From<&Dataset> for Data {
    fn from(dataset: &Dataset) -> Self {
        Data::Dataset(dataset.clone())
    }
}

impl From<Structure<Tensor>> for Data {
    fn from(x: Structure<Tensor>) -> Self {
        Data::Tensors {
            x,
            y: None,
            sample_weight: None,
        }
    }
}

impl From<&Tensor> for Data {
    fn from(x: &Tensor) -> Self {
        Structure::from(x).into()
    }
}

impl<const N: usize> From<[&Tensor; N]> for Data {
    fn from(x: [&Tensor; N]) -> Self {
        Structure::from(x).into()
    }
}

impl<const N: usize> From<[(&str, &Tensor); N]> for Data {
    fn from(x: [(&str, &Tensor); N]) -> Self {
        Structure::from(x).into()
    }
}

impl<X, Y> From<(X, Y)> for Data
where
    X: Into<Structure<Tensor>>,
    Y: Into<Structure<Tensor>>,
{
    fn from((x, y): (X, Y)) -> Self {
        Data::Tensors {
            x: x.into(),
            y: Some(y.into()),
            sample_weight: None,
        }
    }
}

impl<X, Y, W> From<(X, Y, W)> for Data
where
    X: Into<Structure<Tensor>>,
    Y: Into<Structure<Tensor>>,
    W: Into<Structure<Tensor>>,
{
    fn from((x, y, w): (X, Y, W)) -> Self {
        Data::Tensors {
            x: x.into(),
            y: Some(y.into()),
            sample_weight: Some(w.into()),
        }
    }
}

impl From<&Data> for Data {
    fn from(data: &Data) -> Self {
        data.clone()
    }
}

/// How many samples there are.
fn samples(x: &Structure<Tensor>) -> Result<usize> {
    let x = x.first()?;
    match x.shape().first() {
        Some(&samples) if samples > 0 => Ok(samples),
        _ => Err(Error::data(
            "x",
            format!("its shape is {}; at least one sample is wanted", x.shape()),
        )),
    }
}

impl Data {
    /// The data as batches: tensors are cut, and shuffled before if that is wanted.
    pub(crate) fn batches(self, batch_size: Option<usize>, shuffle: bool) -> Result<Dataset> {
        let (x, y, sample_weight) = match self {
            Data::Dataset(dataset) => {
                if let Some(n) = batch_size {
                    return Err(Error::argument(
                        "batch_size",
                        n,
                        "none for a data set, which makes its own batches (`Dataset::batch`)",
                    ));
                }
                return Ok(dataset);
            }
            Data::Tensors {
                x,
                y,
                sample_weight,
            } => (x, y, sample_weight),
        };
        let samples = samples(&x)?;
        if y.is_none() && sample_weight.is_some() {
            return Err(Error::data("sample_weight", "there are no labels to weigh"));
        }
        let dataset = Dataset::from_tensor_slices(Batch {
            x,
            y,
            sample_weight,
        })?;
        let dataset = if shuffle {
            dataset.shuffle(samples)
        } else {
            dataset
        };
        Ok(dataset.batch(batch_size.unwrap_or(32)))
    }

    /// Cuts off the last share of the samples for validation, before anything is shuffled.
    pub(crate) fn split(self, validation: f64) -> Result<(Data, Data)> {
        if !(0.0..1.0).contains(&validation) || validation == 0.0 {
            return Err(Error::argument(
                "validation_split",
                validation,
                "a share between 0 and 1",
            ));
        }
        let Data::Tensors {
            x,
            y,
            sample_weight,
        } = self
        else {
            return Err(Error::argument(
                "validation_split",
                validation,
                "tensors to split; give `validation_data` beside a data set",
            ));
        };
        let samples = samples(&x)?;
        let kept = (samples as f64 * (1.0 - validation)).floor() as usize;
        if kept == 0 || kept == samples {
            return Err(Error::argument(
                "validation_split",
                validation,
                format!("a share that leaves samples on both sides of {samples}"),
            ));
        }
        let part = |begin: usize, count: usize| -> Result<Data> {
            let rows =
                |all: &Structure<Tensor>| all.try_map(|t| ops::slice_axis(t, 0, begin, count));
            Ok(Data::Tensors {
                x: rows(&x)?,
                y: y.as_ref().map(rows).transpose()?,
                sample_weight: sample_weight.as_ref().map(rows).transpose()?,
            })
        };
        Ok((part(0, kept)?, part(kept, samples - kept)?))
    }
}
