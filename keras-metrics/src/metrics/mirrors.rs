//! Means of what losses make of each sample.

use keras_tensor::{Result, Tensor, ops};
use serde::{Deserialize, Serialize};

use super::accuracy::kinds;
use super::mean::{MeanOf, Pairwise};
use crate::losses;

kinds! {
    CategoricalHingeOf "categorical_hinge" losses::categorical_hinge,
    HingeOf "hinge" losses::hinge,
    KLDivergenceOf "kl_divergence" losses::kl_divergence,
    LogCoshOf "logcosh" losses::log_cosh,
    MeanAbsoluteErrorOf "mean_absolute_error" losses::mean_absolute_error,
    MeanAbsolutePercentageErrorOf "mean_absolute_percentage_error" losses::mean_absolute_percentage_error,
    MeanSquaredErrorOf "mean_squared_error" losses::mean_squared_error,
    MeanSquaredLogarithmicErrorOf "mean_squared_logarithmic_error" losses::mean_squared_logarithmic_error,
    PoissonOf "poisson" losses::poisson,
    SquaredHingeOf "squared_hinge" losses::squared_hinge,
}

/// The mean of [`losses::categorical_hinge`].
pub type CategoricalHinge = MeanOf<CategoricalHingeOf>;
/// The mean of [`losses::hinge`](losses::hinge()).
pub type Hinge = MeanOf<HingeOf>;
/// The mean of [`losses::kl_divergence`].
pub type KLDivergence = MeanOf<KLDivergenceOf>;
/// The mean of [`losses::log_cosh`].
pub type LogCoshError = MeanOf<LogCoshOf>;
/// The mean of [`losses::mean_absolute_error`].
pub type MeanAbsoluteError = MeanOf<MeanAbsoluteErrorOf>;
/// The mean of [`losses::mean_absolute_percentage_error`].
pub type MeanAbsolutePercentageError = MeanOf<MeanAbsolutePercentageErrorOf>;
/// The mean of [`losses::mean_squared_error`].
pub type MeanSquaredError = MeanOf<MeanSquaredErrorOf>;
/// The mean of [`losses::mean_squared_logarithmic_error`].
pub type MeanSquaredLogarithmicError = MeanOf<MeanSquaredLogarithmicErrorOf>;
/// The mean of [`losses::poisson`].
pub type Poisson = MeanOf<PoissonOf>;
/// The mean of [`losses::squared_hinge`].
pub type SquaredHinge = MeanOf<SquaredHingeOf>;

#[doc(hidden)]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RootMeanSquaredErrorOf {}

impl Pairwise for RootMeanSquaredErrorOf {
    const NAME: &'static str = "root_mean_squared_error";
    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (y, p) = crate::shapes::prepared(Self::NAME, y_true, y_pred)?;
        ops::square(ops::subtract(&p, &y)?)
    }
    fn finish(mean: Tensor) -> Result<Tensor> {
        ops::sqrt(&mean)
    }
}

/// The root of the mean of squared errors.
pub type RootMeanSquaredError = MeanOf<RootMeanSquaredErrorOf>;

#[doc(hidden)]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct CosineSimilarityOf {
    #[serde(skip_serializing)]
    axis: isize,
}

impl Default for CosineSimilarityOf {
    fn default() -> Self {
        CosineSimilarityOf { axis: -1 }
    }
}

impl Pairwise for CosineSimilarityOf {
    const NAME: &'static str = "cosine_similarity";
    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        // The metric is not negated, as the loss is.
        ops::negative(losses::cosine_similarity(y_true, y_pred, self.axis)?)
    }
}

/// The mean of the cosine of the angle between labels and predictions.
pub type CosineSimilarity = MeanOf<CosineSimilarityOf>;

impl CosineSimilarity {
    /// Along which axis; the last by default.
    pub fn axis(mut self, axis: isize) -> Self {
        self.function.axis = axis;
        self
    }
}

#[doc(hidden)]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BinaryCrossentropyOf {
    from_logits: bool,
    label_smoothing: f64,
}

impl Pairwise for BinaryCrossentropyOf {
    const NAME: &'static str = "binary_crossentropy";
    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        losses::binary_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing, -1)
    }
}

/// The mean of [`losses::binary_crossentropy`].
pub type BinaryCrossentropy = MeanOf<BinaryCrossentropyOf>;

impl BinaryCrossentropy {
    /// Whether predictions are logits.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.function.from_logits = from_logits;
        self
    }

    /// The share by which labels move toward a half.
    pub fn label_smoothing(mut self, label_smoothing: f64) -> Self {
        self.function.label_smoothing = label_smoothing;
        self
    }
}

#[doc(hidden)]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct CategoricalCrossentropyOf {
    from_logits: bool,
    label_smoothing: f64,
    axis: isize,
}

impl Default for CategoricalCrossentropyOf {
    fn default() -> Self {
        CategoricalCrossentropyOf {
            from_logits: false,
            label_smoothing: 0.0,
            axis: -1,
        }
    }
}

impl Pairwise for CategoricalCrossentropyOf {
    const NAME: &'static str = "categorical_crossentropy";
    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (logits, smoothing) = (self.from_logits, self.label_smoothing);
        losses::categorical_crossentropy(y_true, y_pred, logits, smoothing, self.axis)
    }
}

/// The mean of [`losses::categorical_crossentropy`].
pub type CategoricalCrossentropy = MeanOf<CategoricalCrossentropyOf>;

impl CategoricalCrossentropy {
    /// Whether predictions are logits.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.function.from_logits = from_logits;
        self
    }

    /// The share by which labels move toward all classes alike.
    pub fn label_smoothing(mut self, label_smoothing: f64) -> Self {
        self.function.label_smoothing = label_smoothing;
        self
    }
}

#[doc(hidden)]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct SparseCategoricalCrossentropyOf {
    from_logits: bool,
    ignore_class: Option<i64>,
    axis: isize,
}

impl Default for SparseCategoricalCrossentropyOf {
    fn default() -> Self {
        SparseCategoricalCrossentropyOf {
            from_logits: false,
            ignore_class: None,
            axis: -1,
        }
    }
}

impl Pairwise for SparseCategoricalCrossentropyOf {
    const NAME: &'static str = "sparse_categorical_crossentropy";
    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (logits, ignored) = (self.from_logits, self.ignore_class);
        losses::sparse_categorical_crossentropy(y_true, y_pred, logits, ignored, self.axis)
    }
}

/// The mean of [`losses::sparse_categorical_crossentropy`].
pub type SparseCategoricalCrossentropy = MeanOf<SparseCategoricalCrossentropyOf>;

impl SparseCategoricalCrossentropy {
    /// Whether predictions are logits.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.function.from_logits = from_logits;
        self
    }

    /// A label that does not count.
    pub fn ignore_class(mut self, class: i64) -> Self {
        self.function.ignore_class = Some(class);
        self
    }
}
