//! From a loss for each sample to one for the batch.

use keras_tensor::{Result, Tensor, ops};
use serde::{Deserialize, Serialize};

use super::LossFunction;
use crate::shapes::{masked_weight, same_rank};

/// How the losses of samples become that of the batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// The sum over the number of elements, whatever their weights.
    #[default]
    SumOverBatchSize,
    /// The sum.
    Sum,
    /// As `SumOverBatchSize`.
    Mean,
    /// The sum over the sum of weights.
    MeanWithSampleWeight,
    /// No reduction.
    None,
}

impl From<&str> for Reduction {
    /// Keras's name; one that is none of its names means no reduction.
    fn from(name: &str) -> Self {
        match name {
            "sum_over_batch_size" => Reduction::SumOverBatchSize,
            "sum" => Reduction::Sum,
            "mean" => Reduction::Mean,
            "mean_with_sample_weight" => Reduction::MeanWithSampleWeight,
            _ => Reduction::None,
        }
    }
}

/// What every loss has; set it with [`LossExt`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Base {
    pub(crate) name: String,
    pub(crate) reduction: Reduction,
}

impl Default for Base {
    fn default() -> Self {
        Base::new("loss")
    }
}

impl Base {
    pub(crate) fn new(name: &str) -> Self {
        Base {
            name: name.to_string(),
            reduction: Reduction::default(),
        }
    }

    /// The name: `mean_squared_error`.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Settings that every loss has.
pub trait LossExt: LossFunction + Sized {
    /// How the losses of samples become that of the batch.
    fn reduction(mut self, reduction: impl Into<Reduction>) -> Self {
        self.base_mut().reduction = reduction.into();
        self
    }

    /// The name.
    fn name(mut self, name: &str) -> Self {
        self.base_mut().name = name.to_string();
        self
    }
}

impl<L: LossFunction> LossExt for L {}

/// Where both masks keep a place.
pub(super) fn both(a: Option<&Tensor>, b: Option<&Tensor>) -> Result<Option<Tensor>> {
    match (a, b) {
        (Some(a), Some(b)) => ops::logical_and(a, b).map(Some),
        (Some(one), None) | (None, Some(one)) => Ok(Some(one.clone())),
        (None, None) => Ok(None),
    }
}

/// Values times their weights, reduced.
pub(super) fn weighted(
    values: &Tensor,
    sample_weight: Option<&Tensor>,
    mask: Option<&Tensor>,
    reduction: Reduction,
) -> Result<Tensor> {
    let by_count = matches!(reduction, Reduction::Mean | Reduction::SumOverBatchSize);
    let weight = masked_weight(sample_weight, mask, values.dtype(), by_count)?;
    let (values, weight) = match weight {
        Some(weight) => {
            let (values, weight) = same_rank(values, &weight, true)?;
            (ops::multiply(&values, &weight)?, Some(weight))
        }
        None => (values.clone().with_mask(None), None),
    };
    if reduction == Reduction::None || values.rank() == 0 {
        return Ok(values);
    }
    match reduction {
        Reduction::Mean | Reduction::SumOverBatchSize => ops::mean(&values, None),
        Reduction::Sum => ops::sum(&values, None),
        Reduction::MeanWithSampleWeight => match weight {
            Some(w) => ops::divide_no_nan(ops::sum(&values, None)?, ops::sum(&w, None)?),
            None => ops::mean(&values, None),
        },
        Reduction::None => unreachable!("returned above"),
    }
}
