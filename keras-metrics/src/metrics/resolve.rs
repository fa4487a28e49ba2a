//! What `compile` makes of a metric's name.

use keras_tensor::registry::{self, Family};
use keras_tensor::{Error, Result};

use super::{
    BinaryAccuracy, BinaryCrossentropy, CategoricalAccuracy, CategoricalCrossentropy, Measure,
    Metric, SparseCategoricalAccuracy, SparseCategoricalCrossentropy,
};
use crate::losses::Kind;

/// The accuracy that `"accuracy"` means for labels and predictions of these shapes.
///
/// One prediction a sample: binary. Labels of lower rank, or of one number for several predictions: sparse. Else
/// categorical.
///
/// ```
/// use keras_metrics::metrics::resolve_accuracy;
/// assert_eq!(resolve_accuracy(&[32], &[32, 10]).name(), "sparse_categorical_accuracy");
/// ```
pub fn resolve_accuracy(y_true: &[usize], y_pred: &[usize]) -> Metric {
    match Kind::of(y_true, y_pred) {
        Kind::Binary => BinaryAccuracy::new().into(),
        Kind::Sparse => SparseCategoricalAccuracy::new().into(),
        Kind::Categorical => CategoricalAccuracy::new().into(),
    }
}

/// The cross-entropy that `"crossentropy"` means for labels and predictions of these shapes, as [`resolve_accuracy`].
pub fn resolve_crossentropy(y_true: &[usize], y_pred: &[usize]) -> Metric {
    match Kind::of(y_true, y_pred) {
        Kind::Binary => BinaryCrossentropy::new().into(),
        Kind::Sparse => SparseCategoricalCrossentropy::new().into(),
        Kind::Categorical => CategoricalCrossentropy::new().into(),
    }
}

/// The metric that `compile` makes of a name, for labels and predictions of these shapes.
///
/// `"accuracy"`, `"acc"`, `"crossentropy"` and `"ce"` depend on the shapes; the others do not.
///
/// # Errors
/// An unknown name.
pub fn resolve_metric(name: &str, y_true: &[usize], y_pred: &[usize]) -> Result<Metric> {
    match name.to_lowercase().as_str() {
        "accuracy" | "acc" => Ok(resolve_accuracy(y_true, y_pred)),
        "crossentropy" | "ce" => Ok(resolve_crossentropy(y_true, y_pred)),
        _ => Metric::named(name).map_err(|e| match e {
            // The names above are not in the table, but may be what was meant.
            Error::Unknown { .. } => {
                let tables = <dyn Measure as Family>::tables().iter();
                let names = tables
                    .flat_map(|t| t.iter())
                    .map(|e| registry::snake_case(e.class_name))
                    .chain(["accuracy".to_string(), "crossentropy".to_string()]);
                registry::unknown("metric", name, names)
            }
            other => other,
        }),
    }
}
