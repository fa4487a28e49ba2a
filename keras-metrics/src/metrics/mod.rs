//! Metrics: numbers gathered over batches.
//!
//! A metric is a struct whose fields are its config, named in one line of the table; what it gathers lies in variables, so
//! that all its methods take `&self`. [`Metric`] is what models hold. [`Mean`] and [`Sum`] take values rather than labels
//! and predictions.

mod accuracy;
mod confusion;
mod correlation;
mod f_score;
mod iou;
mod metric;
mod mirrors;
pub(crate) mod reduction;
mod regression;
mod resolve;
mod state;

pub use accuracy::*;
pub use confusion::{
    AUC, Curve, FalseNegatives, FalsePositives, Precision, PrecisionAtRecall, Recall,
    RecallAtPrecision, SensitivityAtSpecificity, SpecificityAtSensitivity, Summation, Thresholds,
    TrueNegatives, TruePositives,
};
pub use correlation::{
    ConcordanceCorrelation, PearsonCorrelation, concordance_correlation, pearson_correlation,
};
pub use f_score::{Average, F1Score, FBetaScore};
pub use iou::{BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU};
pub use metric::{Direction, Measure, Metric, MetricSetting};
pub use mirrors::*;
pub use reduction::{Mean, MeanMetricWrapper, Sum};
pub use regression::{ClassAggregation, R2Score, RootMeanSquaredError};
pub use resolve::{resolve_accuracy, resolve_crossentropy, resolve_metric};
pub use state::State;

use keras_tensor::family;
use keras_tensor::registry::Entry;

family! {
    /// A metric's class and config.
    MetricConfig of Measure, "metric", "keras.metrics", &[TABLE]
}

/// Every metric of labels and predictions with the names that Keras knows it by.
const TABLE: &[Entry<dyn Measure>] = &[
    entry::<AUC>("AUC", &[]),
    entry::<Accuracy>("Accuracy", &[]),
    entry::<BinaryAccuracy>("BinaryAccuracy", &[]),
    entry::<BinaryCrossentropy>("BinaryCrossentropy", &["bce"]),
    entry::<BinaryIoU>("BinaryIoU", &[]),
    entry::<CategoricalAccuracy>("CategoricalAccuracy", &[]),
    entry::<CategoricalCrossentropy>("CategoricalCrossentropy", &[]),
    entry::<CategoricalHinge>("CategoricalHinge", &[]),
    entry::<ConcordanceCorrelation>("ConcordanceCorrelation", &[]),
    entry::<CosineSimilarity>("CosineSimilarity", &[]),
    entry::<F1Score>("F1Score", &[]),
    entry::<FBetaScore>("FBetaScore", &["fbeta_score"]),
    entry::<FalseNegatives>("FalseNegatives", &[]),
    entry::<FalsePositives>("FalsePositives", &[]),
    entry::<Hinge>("Hinge", &[]),
    entry::<IoU>("IoU", &[]),
    entry::<KLDivergence>(
        "KLDivergence",
        &["kld", "kl_divergence", "kullback_leibler_divergence"],
    ),
    entry::<LogCoshError>("LogCoshError", &["logcosh"]),
    entry::<MeanAbsoluteError>("MeanAbsoluteError", &["mae"]),
    entry::<MeanAbsolutePercentageError>("MeanAbsolutePercentageError", &["mape"]),
    entry::<MeanIoU>("MeanIoU", &[]),
    entry::<MeanSquaredError>("MeanSquaredError", &["mse"]),
    entry::<MeanSquaredLogarithmicError>("MeanSquaredLogarithmicError", &["msle"]),
    entry::<OneHotIoU>("OneHotIoU", &[]),
    entry::<OneHotMeanIoU>("OneHotMeanIoU", &[]),
    entry::<PearsonCorrelation>("PearsonCorrelation", &[]),
    entry::<Poisson>("Poisson", &[]),
    entry::<Precision>("Precision", &[]),
    entry::<PrecisionAtRecall>("PrecisionAtRecall", &[]),
    entry::<R2Score>("R2Score", &["r2_score"]),
    entry::<Recall>("Recall", &[]),
    entry::<RecallAtPrecision>("RecallAtPrecision", &[]),
    entry::<RootMeanSquaredError>("RootMeanSquaredError", &["rmse"]),
    entry::<SensitivityAtSpecificity>("SensitivityAtSpecificity", &[]),
    entry::<SparseCategoricalAccuracy>("SparseCategoricalAccuracy", &[]),
    entry::<SparseCategoricalCrossentropy>("SparseCategoricalCrossentropy", &[]),
    entry::<SparseTopKCategoricalAccuracy>("SparseTopKCategoricalAccuracy", &[]),
    entry::<SpecificityAtSensitivity>("SpecificityAtSensitivity", &[]),
    entry::<SquaredHinge>("SquaredHinge", &[]),
    entry::<TopKCategoricalAccuracy>("TopKCategoricalAccuracy", &[]),
    entry::<TrueNegatives>("TrueNegatives", &[]),
    entry::<TruePositives>("TruePositives", &[]),
];
