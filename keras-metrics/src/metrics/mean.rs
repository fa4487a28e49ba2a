//! Means and sums, of values and of what a function makes of labels and predictions.

use keras_tensor::op::Fold;
use keras_tensor::ops::Operand;
use keras_tensor::{DType, Result, Tensor, Variable, ops};
use serde::{Deserialize, Serialize};

use super::Measure;
use super::state::{State, add_to};
use crate::shapes::{masked_weight, same_rank};

/// Values and weights of whole samples: what lies within a sample is folded.
fn by_sample(
    values: &Tensor,
    weight: Option<&Tensor>,
    fold: Fold,
) -> Result<(Tensor, Option<Tensor>)> {
    let mut values = ops::cast(values, DType::F32)?;
    let folded = |t: &Tensor, from: usize| -> Result<Tensor> {
        if t.rank() <= from {
            return Ok(t.clone());
        }
        let axes: Vec<isize> = (from as isize..t.rank() as isize).collect();
        ops::reduce(t, fold, &axes[..], false)
    };
    let mut weights = None;
    if let Some(weight) = weight {
        let (v, w) = same_rank(&values, &ops::cast(weight, DType::F32)?, true)?;
        let v = folded(&v, w.rank())?;
        let w = ops::broadcast_to(&w, v.shape().clone())?;
        values = ops::multiply(&v, &w)?;
        weights = Some(folded(&w, 1)?);
    }
    Ok((folded(&values, 1)?, weights))
}

/// The mean of values, weighted if weights are given.
///
/// ```
/// use keras_metrics::metrics::Mean;
/// let meter = Mean::new();
/// meter.update_state(1.0)?;
/// meter.update_state(4.0)?;
/// assert_eq!(meter.result()?.item()?, 2.5);
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Mean {
    name: String,
    #[serde(skip)]
    total: State,
    #[serde(skip)]
    count: State,
}

impl Default for Mean {
    fn default() -> Self {
        Mean {
            name: "mean".into(),
            total: State::default(),
            count: State::default(),
        }
    }
}

impl Mean {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Mean::default()
    }

    /// The name.
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    fn total(&self) -> &Variable {
        self.total.variable("total", &[])
    }

    fn count(&self) -> &Variable {
        self.count.variable("count", &[])
    }

    /// Counts values in.
    ///
    /// # Errors
    /// No memory.
    pub fn update_state(&self, values: impl Operand) -> Result<()> {
        self.update(&*values.tensor()?, None)
    }

    /// Counts values in, each with a weight.
    ///
    /// # Errors
    /// Weights that do not fit the values.
    pub fn update_state_weighted(&self, values: impl Operand, weight: impl Operand) -> Result<()> {
        self.update(&*values.tensor()?, Some(&*weight.tensor()?))
    }

    fn update(&self, values: &Tensor, weight: Option<&Tensor>) -> Result<()> {
        let (values, weight) = by_sample(values, weight, Fold::Mean)?;
        let samples = match &weight {
            Some(w) => ops::sum(w, None)?,
            None => {
                let samples = values.shape().first().copied().unwrap_or(1);
                ops::full([], samples as f64, DType::F32)?
            }
        };
        add_to(self.total(), &ops::sum(&values, None)?)?;
        add_to(self.count(), &samples)
    }

    /// The mean so far; 0 if nothing was counted.
    ///
    /// # Errors
    /// No memory.
    pub fn result(&self) -> Result<Tensor> {
        ops::divide_no_nan(self.total(), self.count())
    }

    /// Starts anew.
    ///
    /// # Errors
    /// No memory.
    pub fn reset_state(&self) -> Result<()> {
        let zero = ops::zeros([], DType::F32)?;
        self.total().assign(&zero)?;
        self.count().assign(&zero)
    }

    /// Starts anew; the older name.
    ///
    /// # Errors
    /// No memory.
    pub fn reset_states(&self) -> Result<()> {
        self.reset_state()
    }

    /// The sum and the count.
    pub fn variables(&self) -> Vec<Variable> {
        vec![self.total().clone(), self.count().clone()]
    }
}

/// The sum of values, weighted if weights are given.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Sum {
    #[serde(skip)]
    total: State,
}

impl Sum {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Sum::default()
    }

    fn total(&self) -> &Variable {
        self.total.variable("total", &[])
    }

    /// Counts values in.
    ///
    /// # Errors
    /// No memory.
    pub fn update_state(&self, values: impl Operand) -> Result<()> {
        add_to(self.total(), &ops::sum(&*values.tensor()?, None)?)
    }

    /// Counts values in, each with a weight.
    ///
    /// # Errors
    /// Weights that do not fit the values.
    pub fn update_state_weighted(&self, values: impl Operand, weight: impl Operand) -> Result<()> {
        let (values, weight) = (values.tensor()?, weight.tensor()?);
        let (values, _) = by_sample(&values, Some(&weight), Fold::Sum)?;
        add_to(self.total(), &ops::sum(&values, None)?)
    }

    /// The sum so far.
    ///
    /// # Errors
    /// No memory.
    pub fn result(&self) -> Result<Tensor> {
        self.total().value()
    }

    /// Starts anew.
    ///
    /// # Errors
    /// No memory.
    pub fn reset_state(&self) -> Result<()> {
        self.total().assign(&ops::zeros([], DType::F32)?)
    }
}

/// A function of labels and predictions whose values are averaged; serde sees its arguments.
pub trait Pairwise: Default + Send + Sync + 'static {
    /// Keras's name of the metric.
    const NAME: &'static str;
    /// The values, `[batch, ..]`.
    ///
    /// # Errors
    /// Labels that do not fit the predictions.
    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor>;
    /// What is made of the mean.
    ///
    /// # Errors
    /// No memory.
    fn finish(mean: Tensor) -> Result<Tensor> {
        Ok(mean)
    }
}

/// The mean of a function of labels and predictions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(
    default,
    bound = "F: Pairwise + Serialize + serde::de::DeserializeOwned"
)]
pub struct MeanOf<F> {
    name: String,
    dtype: String,
    #[serde(flatten)]
    pub(super) function: F,
    #[serde(skip)]
    mean: Mean,
}

impl<F: Pairwise> Default for MeanOf<F> {
    fn default() -> Self {
        MeanOf {
            name: F::NAME.into(),
            dtype: "float32".into(),
            function: F::default(),
            mean: Mean::default(),
        }
    }
}

impl<F: Pairwise> MeanOf<F> {
    /// Nothing counted yet.
    pub fn new() -> Self {
        MeanOf::default()
    }

    /// The name.
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }
}

impl<F: Pairwise> Measure for MeanOf<F> {
    fn name(&self) -> &str {
        &self.name
    }

    fn update_state(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
    ) -> Result<()> {
        let values = self.function.values(y_true, y_pred)?;
        let weight = masked_weight(sample_weight, y_pred.mask(), DType::F32, false)?;
        let weight = match values.mask() {
            Some(mask) if weight.is_some() => {
                masked_weight(weight.as_ref(), Some(mask), DType::F32, false)?
            }
            _ => weight,
        };
        self.mean.update(&values, weight.as_ref())
    }

    fn result(&self) -> Result<Tensor> {
        F::finish(self.mean.result()?)
    }

    fn variables(&self) -> Vec<Variable> {
        self.mean.variables()
    }
}
