//! What can be trained on: tensors, or a data set that makes batches.

use keras_datasets::Dataset;
use keras_tensor::{Error, Result, Tensor, ops};

/// Inputs, labels and weights of samples as tensors, or a data set that makes batches of them.
#[derive(Clone)]
pub enum Data {
    /// Whole tensors, cut into batches by `fit`, `evaluate` and `predict`.
    Tensors {
        /// Inputs `[samples, ..]`.
        x: Tensor,
        /// Labels `[samples, ..]`.
        y: Option<Tensor>,
        /// A weight for each sample.
        sample_weight: Option<Tensor>,
    },
    /// Batches.
    Dataset(Dataset),
}

impl From<&Dataset> for Data {
    fn from(dataset: &Dataset) -> Self {
        Data::Dataset(dataset.clone())
    }
}

impl From<&Tensor> for Data {
    fn from(x: &Tensor) -> Self {
        Data::Tensors {
            x: x.clone(),
            y: None,
            sample_weight: None,
        }
    }
}

impl From<(&Tensor, &Tensor)> for Data {
    fn from((x, y): (&Tensor, &Tensor)) -> Self {
        Data::Tensors {
            x: x.clone(),
            y: Some(y.clone()),
            sample_weight: None,
        }
    }
}

impl From<(&Tensor, &Tensor, &Tensor)> for Data {
    fn from((x, y, w): (&Tensor, &Tensor, &Tensor)) -> Self {
        Data::Tensors {
            x: x.clone(),
            y: Some(y.clone()),
            sample_weight: Some(w.clone()),
        }
    }
}

impl From<&Data> for Data {
    fn from(data: &Data) -> Self {
        data.clone()
    }
}

impl Data {
    /// The data as batches: tensors are cut, and shuffled before if that is wanted.
    pub(crate) fn batches(self, batch_size: Option<usize>, shuffle: bool) -> Result<Dataset> {
        let (x, y, w) = match self {
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
        let samples = x.shape().first().copied().unwrap_or(0);
        if samples == 0 {
            return Err(Error::data(
                "x",
                format!("its shape is {}; at least one sample is wanted", x.shape()),
            ));
        }
        let dataset = match (y, w) {
            (None, None) => Dataset::from_tensor_slices(x),
            (Some(y), None) => Dataset::from_tensor_slices((x, y)),
            (Some(y), Some(w)) => Dataset::from_tensor_slices((x, y, w)),
            (None, Some(_)) => Err(Error::data("sample_weight", "there are no labels to weigh")),
        }?;
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
        let samples = x.shape().first().copied().unwrap_or(0);
        let kept = (samples as f64 * (1.0 - validation)).floor() as usize;
        if kept == 0 || kept == samples {
            return Err(Error::argument(
                "validation_split",
                validation,
                format!("a share that leaves samples on both sides of {samples}"),
            ));
        }
        let part = |begin: usize, count: usize| -> Result<Data> {
            let rows = |t: &Tensor| ops::slice_axis(t, 0, begin, count);
            Ok(Data::Tensors {
                x: rows(&x)?,
                y: y.as_ref().map(rows).transpose()?,
                sample_weight: sample_weight.as_ref().map(rows).transpose()?,
            })
        };
        Ok((part(0, kept)?, part(kept, samples - kept)?))
    }
}
