//! Metrics in use.

use keras_layers::Gauge;
use keras_tensor::registry;
use keras_tensor::{Result, Tensor, Variable};
use serde_json::Value;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::MetricConfig;
use super::state::clear;

/// Which way a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The more, the better.
    Up,
    /// The less, the better.
    Down,
}

/// What a metric of labels and predictions does. All of it is `&self`: what is gathered lies in variables.
pub trait Measure: Any + Send + Sync {
    /// The name under which the number is shown.
    fn name(&self) -> &str;

    /// Counts a batch in; `sample_weight` is `[batch]`, or as many leading axes of the values as it has.
    ///
    /// # Errors
    /// Labels or weights that do not fit the predictions.
    fn update_state(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
    ) -> Result<()>;

    /// The number so far.
    ///
    /// # Errors
    /// Arguments out of their range.
    fn result(&self) -> Result<Tensor>;

    /// Which way is better, for callbacks that watch it; `None` where that is not known.
    fn direction(&self) -> Option<Direction> {
        None
    }

    /// What was gathered so far, in Keras's order.
    fn variables(&self) -> Vec<Variable>;

    /// Starts anew.
    ///
    /// # Errors
    /// No memory.
    fn reset_state(&self) -> Result<()> {
        self.variables().iter().try_for_each(clear)
    }
}

/// A metric in use. Clones are the same metric.
///
/// ```
/// use keras_metrics::metrics::{CategoricalAccuracy, Metric};
/// use keras_tensor::Tensor;
/// let meter = Metric::from(CategoricalAccuracy::new());
/// let y = Tensor::new(&[0.0f32, 1.0, 1.0, 0.0], [2, 2])?;
/// let p = Tensor::new(&[0.1f32, 0.9, 0.4, 0.6], [2, 2])?;
/// meter.update_state(&y, &p, None)?;
/// assert_eq!(meter.result()?.item()?, 0.5);
/// meter.reset_state()?;
/// assert_eq!(meter.result()?.item()?, 0.0);
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Metric(Arc<dyn Measure>);

impl<M: Measure> From<M> for Metric {
    fn from(measure: M) -> Self {
        Metric(Arc::new(measure))
    }
}

impl From<&Metric> for Metric {
    fn from(metric: &Metric) -> Self {
        metric.clone()
    }
}

impl fmt::Debug for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Metric name={}>", self.name())
    }
}

impl Metric {
    /// The metric that Keras knows by this name, at its start.
    ///
    /// # Errors
    /// An unknown name.
    pub fn named(name: &str) -> Result<Self> {
        let entry = registry::by_name::<dyn Measure>(name)?;
        Ok(Metric((entry.load)(&Value::Null)?))
    }

    /// The metric that Keras wrote, at its start.
    ///
    /// # Errors
    /// An unknown class, or a config that does not fit it.
    pub fn from_json(json: &Value) -> Result<Self> {
        Ok(Metric(MetricConfig::from_json(json)?.resolve()?))
    }

    /// The metric as Keras writes it.
    ///
    /// # Errors
    /// A class that no table holds.
    pub fn to_json(&self) -> Result<Value> {
        MetricConfig::from(self.0.clone()).to_json()
    }

    /// The name under which the number is shown.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Counts a batch in; `sample_weight` is `[batch]`, or as many leading axes of the values as it has.
    ///
    /// # Errors
    /// Labels or weights that do not fit the predictions.
    pub fn update_state(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
    ) -> Result<()> {
        self.0.update_state(y_true, y_pred, sample_weight)
    }

    /// The number so far.
    ///
    /// # Errors
    /// Arguments out of their range.
    pub fn result(&self) -> Result<Tensor> {
        self.0.result()
    }

    /// Which way is better; `None` where that is not known.
    pub fn direction(&self) -> Option<Direction> {
        self.0.direction()
    }

    /// What was gathered so far, in Keras's order.
    pub fn variables(&self) -> Vec<Variable> {
        self.0.variables()
    }

    /// Starts anew.
    ///
    /// # Errors
    /// No memory.
    pub fn reset_state(&self) -> Result<()> {
        self.0.reset_state()
    }

    /// Starts anew; the older name.
    ///
    /// # Errors
    /// No memory.
    pub fn reset_states(&self) -> Result<()> {
        self.reset_state()
    }
}

impl Gauge for Metric {
    fn name(&self) -> &str {
        self.name()
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

/// A metric, by name or as a value. A name is the name of its number in logs, exactly as it is given.
pub enum MetricSetting {
    /// By name; `"accuracy"` and `"crossentropy"` are resolved by the shapes of the first batch.
    Named(String),
    /// As a value.
    Value(Metric),
}

impl From<&str> for MetricSetting {
    fn from(name: &str) -> Self {
        MetricSetting::Named(name.to_string())
    }
}

impl<M: Measure> From<M> for MetricSetting {
    fn from(measure: M) -> Self {
        MetricSetting::Value(measure.into())
    }
}

impl From<Metric> for MetricSetting {
    fn from(metric: Metric) -> Self {
        MetricSetting::Value(metric)
    }
}
