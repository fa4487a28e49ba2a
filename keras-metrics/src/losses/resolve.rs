//! What `compile` makes of names that depend on shapes.

use std::sync::Arc;

use super::{
    BinaryCrossentropy, CategoricalCrossentropy, LossFunction, SparseCategoricalCrossentropy,
};

/// What labels and predictions of some shapes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One prediction a sample.
    Binary,
    /// Labels that are class numbers.
    Sparse,
    /// Labels that have a number for each class.
    Categorical,
}

impl Kind {
    pub(crate) fn of(y_true: &[usize], y_pred: &[usize]) -> Self {
        let outputs = y_pred.last().copied().unwrap_or(1);
        if outputs == 1 {
            Kind::Binary
        } else if y_true.len() < y_pred.len() || y_true.last() == Some(&1) {
            Kind::Sparse
        } else {
            Kind::Categorical
        }
    }
}

pub(super) fn is_crossentropy(name: &str) -> bool {
    name.eq_ignore_ascii_case("crossentropy") || name.eq_ignore_ascii_case("ce")
}

/// The cross-entropy that `"crossentropy"` means for labels and predictions of these shapes.
///
/// One prediction a sample: binary. Labels of lower rank, or of one number for several predictions: sparse. Else
/// categorical.
pub fn resolve_crossentropy(y_true: &[usize], y_pred: &[usize]) -> Arc<dyn LossFunction> {
    match Kind::of(y_true, y_pred) {
        Kind::Binary => Arc::new(BinaryCrossentropy::new()),
        Kind::Sparse => Arc::new(SparseCategoricalCrossentropy::new()),
        Kind::Categorical => Arc::new(CategoricalCrossentropy::new()),
    }
}
