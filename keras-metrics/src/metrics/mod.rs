//! Metrics: numbers gathered over batches.

mod accuracy;
mod auc;
mod confusion;
mod mean;
mod mirrors;
mod state;

pub use accuracy::{
    Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy, TopKCategoricalAccuracy, accuracy, binary_accuracy,
    categorical_accuracy, sparse_categorical_accuracy, sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
};
pub use auc::{AUC, Curve, Summation};
pub use confusion::{
    FalseNegatives, FalsePositives, Precision, Recall, TrueNegatives, TruePositives,
};
pub use mean::{Mean, MeanOf, Pairwise, Sum};
pub use mirrors::{
    BinaryCrossentropy, CategoricalCrossentropy, CategoricalHinge, CosineSimilarity, Hinge,
    KLDivergence, LogCoshError, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError,
    MeanSquaredLogarithmicError, Poisson, RootMeanSquaredError, SparseCategoricalCrossentropy,
    SquaredHinge,
};
pub use state::State;

use keras_tensor::registry::{self, Entry, Family};
use keras_tensor::{Error, Result, Tensor, Variable, family, ops};
use serde_json::Value;
use std::any::Any;
use std::sync::Arc;

/// What a metric of labels and predictions does.
pub trait Measure: Any + Send + Sync {
    /// The name under which the number is shown.
    fn name(&self) -> &str;
    /// Counts a batch in.
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
    /// No memory.
    fn result(&self) -> Result<Tensor>;
    /// What was gathered so far.
    fn variables(&self) -> Vec<Variable>;
}

family! {
    /// A metric's class and config.
    MetricConfig of Measure, "metric", "keras.metrics", &[TABLE]
}

const TABLE: &[Entry<dyn Measure>] = &[
    entry::<Accuracy>("Accuracy", &[]),
    entry::<AUC>("AUC", &[]),
    entry::<BinaryAccuracy>("BinaryAccuracy", &[]),
    entry::<BinaryCrossentropy>("BinaryCrossentropy", &["bce"]),
    entry::<CategoricalAccuracy>("CategoricalAccuracy", &[]),
    entry::<CategoricalCrossentropy>("CategoricalCrossentropy", &[]),
    entry::<CategoricalHinge>("CategoricalHinge", &[]),
    entry::<CosineSimilarity>("CosineSimilarity", &[]),
    entry::<FalseNegatives>("FalseNegatives", &[]),
    entry::<FalsePositives>("FalsePositives", &[]),
    entry::<Hinge>("Hinge", &[]),
    entry::<KLDivergence>(
        "KLDivergence",
        &["kld", "kullback_leibler_divergence", "kl_divergence"],
    ),
    entry::<LogCoshError>("LogCoshError", &["logcosh"]),
    entry::<MeanAbsoluteError>("MeanAbsoluteError", &["mae"]),
    entry::<MeanAbsolutePercentageError>("MeanAbsolutePercentageError", &["mape"]),
    entry::<MeanSquaredError>("MeanSquaredError", &["mse"]),
    entry::<MeanSquaredLogarithmicError>("MeanSquaredLogarithmicError", &["msle"]),
    entry::<Poisson>("Poisson", &[]),
    entry::<Precision>("Precision", &[]),
    entry::<Recall>("Recall", &[]),
    entry::<RootMeanSquaredError>("RootMeanSquaredError", &["rmse"]),
    entry::<SparseCategoricalAccuracy>("SparseCategoricalAccuracy", &[]),
    entry::<SparseCategoricalCrossentropy>("SparseCategoricalCrossentropy", &[]),
    entry::<SparseTopKCategoricalAccuracy>("SparseTopKCategoricalAccuracy", &[]),
    entry::<SquaredHinge>("SquaredHinge", &[]),
    entry::<TopKCategoricalAccuracy>("TopKCategoricalAccuracy", &[]),
    entry::<TrueNegatives>("TrueNegatives", &[]),
    entry::<TruePositives>("TruePositives", &[]),
];

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

impl Metric {
    /// The metric that Keras knows by this name, at its start.
    ///
    /// # Errors
    /// An unknown name.
    pub fn named(name: &str) -> Result<Self> {
        Ok(Metric((registry::by_name::<dyn Measure>(name)?.load)(
            &Value::Null,
        )?))
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

    /// Counts a batch in.
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
    /// No memory.
    pub fn result(&self) -> Result<Tensor> {
        self.0.result()
    }

    /// What was gathered so far.
    pub fn variables(&self) -> Vec<Variable> {
        self.0.variables()
    }

    /// Starts anew.
    ///
    /// # Errors
    /// No memory.
    pub fn reset_state(&self) -> Result<()> {
        self.variables()
            .iter()
            .try_for_each(|v| v.assign(&ops::zeros(v.shape(), v.dtype())?))
    }

    /// Starts anew; the older name.
    ///
    /// # Errors
    /// No memory.
    pub fn reset_states(&self) -> Result<()> {
        self.reset_state()
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

/// The metric that `compile` makes of a name, for labels and predictions of these shapes.
///
/// `"accuracy"` and `"crossentropy"` become the binary, categorical or sparse one.
///
/// # Errors
/// An unknown name.
pub fn resolve_metric(name: &str, y_true: &[usize], y_pred: &[usize]) -> Result<Metric> {
    let kind = || {
        let outputs = y_pred.last().copied().unwrap_or(1);
        let numbers = y_true.len() < y_pred.len() || (y_true.last() == Some(&1) && outputs > 1);
        match (outputs == 1, numbers) {
            (true, _) => "binary",
            (false, true) => "sparse_categorical",
            (false, false) => "categorical",
        }
    };
    match name.to_lowercase().as_str() {
        "accuracy" | "acc" => Metric::named(&format!("{}_accuracy", kind())),
        "crossentropy" | "ce" => Metric::named(&format!("{}_crossentropy", kind())),
        _ => Metric::named(name).map_err(|e| match e {
            Error::Unknown { .. } => {
                let known = <dyn Measure as Family>::tables()
                    .iter()
                    .flat_map(|t| t.iter());
                let names = known
                    .map(|e| registry::snake_case(e.class_name))
                    .chain(["accuracy".to_string(), "crossentropy".to_string()]);
                registry::unknown("metric", name, names)
            }
            other => other,
        }),
    }
}
