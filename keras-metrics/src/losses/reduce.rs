//! From a loss for each sample to one for the batch.

use keras_tensor::{Result, Tensor, ops, registry};
use serde::{Deserialize, Serialize};

use crate::shapes::{masked_weight, same_rank, weigh};

/// How the losses of samples become that of the batch.
///
/// Strings are taken wherever a reduction is: `"sum"`. A string that names none is an error when the loss is computed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Option<String>", into = "String")]
#[non_exhaustive]
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
    /// A name that Keras does not have.
    Unknown(String),
}

const NAMES: [(&str, Reduction); 5] = [
    ("sum_over_batch_size", Reduction::SumOverBatchSize),
    ("sum", Reduction::Sum),
    ("mean", Reduction::Mean),
    ("mean_with_sample_weight", Reduction::MeanWithSampleWeight),
    ("none", Reduction::None),
];

impl From<&str> for Reduction {
    fn from(name: &str) -> Self {
        match NAMES.iter().find(|(n, _)| *n == name) {
            Some((_, reduction)) => reduction.clone(),
            None => Reduction::Unknown(name.to_string()),
        }
    }
}

impl From<Option<String>> for Reduction {
    fn from(name: Option<String>) -> Self {
        name.map_or(Reduction::None, |name| name.as_str().into())
    }
}

impl From<Reduction> for String {
    fn from(reduction: Reduction) -> Self {
        match &reduction {
            Reduction::Unknown(name) => name.clone(),
            known => NAMES
                .iter()
                .find(|(_, r)| r == known)
                .map_or_else(String::new, |(name, _)| (*name).to_string()),
        }
    }
}

/// Where both masks keep a place.
fn both(a: Option<&Tensor>, b: Option<&Tensor>) -> Result<Option<Tensor>> {
    match (a, b) {
        (Some(a), Some(b)) => ops::logical_and(a, b).map(Some),
        (Some(one), None) | (None, Some(one)) => Ok(Some(one.clone())),
        (None, None) => Ok(None),
    }
}

/// Values times their weights, reduced; `owner` is the loss's name, `mask` that of the predictions, which the values' own joins.
pub(super) fn weighted(
    owner: &str,
    values: &Tensor,
    sample_weight: Option<&Tensor>,
    mask: Option<&Tensor>,
    reduction: &Reduction,
) -> Result<Tensor> {
    if let Reduction::Unknown(name) = reduction {
        return Err(registry::unknown("reduction", name, NAMES.map(|(n, _)| n)));
    }
    let mask = both(mask, values.mask())?;
    let by_count = matches!(reduction, Reduction::Mean | Reduction::SumOverBatchSize);
    let weight = masked_weight(sample_weight, mask.as_ref(), values.dtype(), by_count)?;
    let (values, weight) = match weight {
        Some(weight) => {
            let (values, weight) = same_rank(values, &weight, true)?;
            (
                weigh(owner, &values, &weight, "sample_weight")?,
                Some(weight),
            )
        }
        None => (values.clone().with_mask(None), None),
    };
    // Keras gives the losses of no samples back as they are.
    if *reduction == Reduction::None || values.rank() == 0 || values.shape()[..] == [0] {
        return Ok(values);
    }
    match (reduction, weight) {
        (Reduction::Sum, _) => ops::sum(&values, None),
        (Reduction::MeanWithSampleWeight, Some(w)) => {
            ops::divide_no_nan(ops::sum(&values, None)?, ops::sum(&w, None)?)
        }
        _ if values.size() == 0 => ops::sum(&values, None),
        _ => ops::mean(&values, None),
    }
}
