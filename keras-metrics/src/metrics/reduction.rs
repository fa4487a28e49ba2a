//! Means and sums of values.

use keras_layers::Gauge;
use keras_tensor::op::{Axes, Fold};
use keras_tensor::ops::Operand;
use keras_tensor::{DType, Result, Tensor, Variable, ops};

use super::Measure;
use super::state::{State, add_to, clear};
use crate::shapes::{masked_weight, same_rank, weigh};

/// A sum and a count, the state of every mean.
#[derive(Debug, Default, Clone)]
pub(crate) struct Running {
    total: State,
    count: State,
}

/// [`Running`] on behalf of a metric.
pub(crate) struct Kept<'a> {
    total: &'a Variable,
    count: &'a Variable,
}

impl Running {
    pub(crate) fn of<'a>(&'a self, owner: &str, dtype: DType) -> Kept<'a> {
        Kept {
            total: self.total.variable(owner, "total", &[], dtype),
            count: self.count.variable(owner, "count", &[], dtype),
        }
    }
}

impl Kept<'_> {
    /// Counts values in.
    pub(crate) fn update(&self, values: &Tensor, weight: Option<&Tensor>) -> Result<()> {
        let dtype = self.total.dtype();
        if let Some(weight) = weight.filter(|w| w.rank() + values.rank() == 0) {
            // A number needs no folding.
            let (value, weight) = (ops::cast(values, dtype)?, ops::cast(weight, dtype)?);
            add_to(self.total, &ops::multiply(value, &weight)?)?;
            return add_to(self.count, &weight);
        }
        let (values, weight) = by_sample(values, weight, Fold::Mean, dtype)?;
        let samples = match &weight {
            Some(w) => ops::sum(w, None)?,
            None => {
                let samples = values.shape().first().copied().unwrap_or(1);
                ops::full([], samples as f64, dtype)?
            }
        };
        add_to(self.total, &ops::sum(&values, None)?)?;
        add_to(self.count, &samples)
    }

    /// [`Kept::update`] with a mask that rode on the predictions.
    pub(crate) fn update_masked(
        &self,
        values: &Tensor,
        weight: Option<&Tensor>,
        mask: Option<&Tensor>,
    ) -> Result<()> {
        let weight = masked_weight(weight, mask, self.total.dtype(), false)?;
        self.update(values, weight.as_ref())
    }

    pub(crate) fn result(&self) -> Result<Tensor> {
        let count = self.count.value()?;
        if count.is_meta() {
            return ops::divide_no_nan(self.total, &count);
        }
        match count.item()? == 0.0 {
            true => ops::zeros_like(count),
            false => ops::divide(self.total, count),
        }
    }

    pub(crate) fn variables(&self) -> Vec<Variable> {
        vec![self.total.clone(), self.count.clone()]
    }

    fn reset(&self) -> Result<()> {
        clear(self.total)?;
        clear(self.count)
    }
}

/// Values and weights of whole samples: what lies within a sample is folded.
fn by_sample(
    values: &Tensor,
    weight: Option<&Tensor>,
    fold: Fold,
    dtype: DType,
) -> Result<(Tensor, Option<Tensor>)> {
    let folded = |t: Tensor, from: usize| -> Result<Tensor> {
        if t.rank() <= from {
            return Ok(t);
        }
        let axes: Axes = (from..t.rank()).collect();
        ops::reduce(&t, fold, axes, false)
    };
    let Some(weight) = weight else {
        return Ok((folded(ops::cast(values, dtype)?, 1)?, None));
    };
    // As in Keras, the values' own mask counts only beside weights.
    let weight =
        masked_weight(Some(weight), values.mask(), dtype, false)?.unwrap_or_else(|| weight.clone());
    let (values, weight) = same_rank(&ops::cast(values, dtype)?, &weight, true)?;
    let values = folded(values, weight.rank())?;
    let weighted = weigh("metric", &values, &weight, "sample_weight")?;
    let weight = ops::broadcast_to(&weight, weighted.shape().clone())?;
    Ok((folded(weighted, 1)?, Some(folded(weight, 1)?)))
}

metric! {
    /// The mean of values, weighted where weights are given.
    ///
    /// Of values `[batch, ..]`, each sample counts once: what lies within it is averaged first.
    ///
    /// ```
    /// use keras_metrics::metrics::Mean;
    /// let meter = Mean::new();
    /// meter.update_state(1.0)?;
    /// meter.update_state(4.0)?;
    /// assert_eq!(meter.result()?.item()?, 2.5);
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    Mean() = fixed "mean" of DType::F32, {} keeps { mean: Running }
}

impl Mean {
    fn kept(&self) -> Kept<'_> {
        self.mean.of(&self.name, self.dtype)
    }

    /// Counts a number or a tensor of values in.
    ///
    /// # Errors
    /// A variable whose value cannot be computed.
    pub fn update_state(&self, values: impl Operand) -> Result<()> {
        self.kept().update(&*values.tensor()?, None)
    }

    /// Counts values in, each sample with its weight.
    ///
    /// # Errors
    /// Weights that do not fit the values.
    pub fn update_state_weighted(&self, values: impl Operand, weight: impl Operand) -> Result<()> {
        self.kept()
            .update(&*values.tensor()?, Some(&*weight.tensor()?))
    }

    /// The mean so far; 0 if nothing was counted.
    ///
    /// # Errors
    /// No memory.
    pub fn result(&self) -> Result<Tensor> {
        self.kept().result()
    }

    /// Starts anew.
    ///
    /// # Errors
    /// No memory.
    pub fn reset_state(&self) -> Result<()> {
        self.kept().reset()
    }

    /// Starts anew; the older name.
    ///
    /// # Errors
    /// No memory.
    pub fn reset_states(&self) -> Result<()> {
        self.reset_state()
    }

    /// `total` and `count`.
    pub fn variables(&self) -> Vec<Variable> {
        self.kept().variables()
    }
}

metric! {
    /// The sum of values, weighted where weights are given.
    ///
    /// ```
    /// use keras_metrics::metrics::Sum;
    /// let meter = Sum::new();
    /// meter.update_state(1.0)?;
    /// meter.update_state(4.0)?;
    /// assert_eq!(meter.result()?.item()?, 5.0);
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    Sum() = fixed "sum" of DType::F32, {} keeps { total: State }
}

impl Sum {
    fn total(&self) -> &Variable {
        self.total.variable(&self.name, "total", &[], self.dtype)
    }

    fn update(&self, values: &Tensor, weight: Option<&Tensor>) -> Result<()> {
        let (values, _) = by_sample(values, weight, Fold::Sum, self.dtype)?;
        add_to(self.total(), &ops::sum(&values, None)?)
    }

    /// Counts a number or a tensor of values in.
    ///
    /// # Errors
    /// A variable whose value cannot be computed.
    pub fn update_state(&self, values: impl Operand) -> Result<()> {
        self.update(&*values.tensor()?, None)
    }

    /// Counts values in, each sample with its weight.
    ///
    /// # Errors
    /// Weights that do not fit the values.
    pub fn update_state_weighted(&self, values: impl Operand, weight: impl Operand) -> Result<()> {
        self.update(&*values.tensor()?, Some(&*weight.tensor()?))
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
        clear(self.total())
    }

    /// Starts anew; the older name.
    ///
    /// # Errors
    /// No memory.
    pub fn reset_states(&self) -> Result<()> {
        self.reset_state()
    }

    /// `total`.
    pub fn variables(&self) -> Vec<Variable> {
        vec![self.total().clone()]
    }
}

macro_rules! gauges {
    ($($Metric:ident),*) => {$(
        impl Gauge for $Metric {
            fn name(&self) -> &str {
                &self.name
            }
            fn result(&self) -> Result<Tensor> {
                self.result()
            }
            fn reset_state(&self) -> Result<()> {
                self.reset_state()
            }
            fn variables(&self) -> Vec<Variable> {
                self.variables()
            }
        }
    )*};
}
gauges!(Mean, Sum);

/// The mean of a function of labels and predictions that gives values `[batch, ..]`.
///
/// It has no config, because a function cannot be written to a file.
///
/// ```
/// use keras_metrics::losses::mean_squared_error;
/// use keras_metrics::metrics::{MeanMetricWrapper, Metric};
/// use keras_tensor::Tensor;
/// let meter = Metric::from(MeanMetricWrapper::new("mse", mean_squared_error));
/// let y = Tensor::new(&[0.0f32, 1.0], [2, 1])?;
/// meter.update_state(&y, &Tensor::new(&[0.0f32, 3.0], [2, 1])?, None)?;
/// assert_eq!(meter.result()?.item()?, 2.0);
/// # Ok::<(), keras_tensor::Error>(())
/// ```
pub struct MeanMetricWrapper<F> {
    name: String,
    function: F,
    mean: Running,
}

impl<F: Fn(&Tensor, &Tensor) -> Result<Tensor> + Send + Sync + 'static> MeanMetricWrapper<F> {
    /// The mean of `function`, under a name.
    pub fn new(name: impl Into<String>, function: F) -> Self {
        MeanMetricWrapper {
            name: name.into(),
            function,
            mean: Running::default(),
        }
    }
}

impl<F: Fn(&Tensor, &Tensor) -> Result<Tensor> + Send + Sync + 'static> Measure
    for MeanMetricWrapper<F>
{
    fn name(&self) -> &str {
        &self.name
    }

    fn update_state(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
    ) -> Result<()> {
        let values = (self.function)(y_true, y_pred)?;
        let kept = self.mean.of(&self.name, DType::F32);
        kept.update_masked(&values, sample_weight, y_pred.mask())
    }

    fn result(&self) -> Result<Tensor> {
        self.mean.of(&self.name, DType::F32).result()
    }

    fn variables(&self) -> Vec<Variable> {
        self.mean.of(&self.name, DType::F32).variables()
    }
}
