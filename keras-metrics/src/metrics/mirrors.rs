//! Means of what losses make of each sample.

use crate::losses::{self, LossFunction};
use keras_tensor::ops;

mean_metric! {
    /// The mean of [`losses::mean_squared_error`].
    MeanSquaredError = "mean_squared_error", Down {}
    |_this, y, p| losses::mean_squared_error(y, p)
}

mean_metric! {
    /// The mean of [`losses::mean_absolute_error`].
    MeanAbsoluteError = "mean_absolute_error", Down {}
    |_this, y, p| losses::mean_absolute_error(y, p)
}

mean_metric! {
    /// The mean of [`losses::mean_absolute_percentage_error`].
    MeanAbsolutePercentageError = "mean_absolute_percentage_error", Down {}
    |_this, y, p| losses::mean_absolute_percentage_error(y, p)
}

mean_metric! {
    /// The mean of [`losses::mean_squared_logarithmic_error`].
    MeanSquaredLogarithmicError = "mean_squared_logarithmic_error", Down {}
    |_this, y, p| losses::mean_squared_logarithmic_error(y, p)
}

mean_metric! {
    /// The mean of [`losses::log_cosh`].
    LogCoshError = "logcosh", Down {}
    |_this, y, p| losses::log_cosh(y, p)
}

fn is_last(axis: &isize) -> bool {
    *axis == -1
}

mean_metric! {
    /// The mean of the cosine of the angle between labels and predictions; unlike the loss it is not negated, 1 is best.
    CosineSimilarity = "cosine_similarity", Up {
        /// The axis along which the vectors lie; the last by default. Keras leaves it out of its config; here it is
        /// written unless it is the last.
        #[serde(skip_serializing_if = "is_last")]
        axis: isize = -1,
    }
    |this, y, p| ops::negative(losses::CosineSimilarity::default().axis(this.axis).call(y, p)?)
}

mean_metric! {
    /// The mean of [`losses::hinge`](losses::hinge()).
    Hinge = "hinge", Down {}
    |_this, y, p| losses::hinge(y, p)
}

mean_metric! {
    /// The mean of [`losses::squared_hinge`].
    SquaredHinge = "squared_hinge", Down {}
    |_this, y, p| losses::squared_hinge(y, p)
}

mean_metric! {
    /// The mean of [`losses::categorical_hinge`].
    CategoricalHinge = "categorical_hinge", Down {}
    |_this, y, p| losses::categorical_hinge(y, p)
}

mean_metric! {
    /// The mean of [`losses::kl_divergence`].
    KLDivergence = "kl_divergence", Down {}
    |_this, y, p| losses::kl_divergence(y, p)
}

mean_metric! {
    /// The mean of [`losses::poisson`].
    Poisson = "poisson", Down {}
    |_this, y, p| losses::poisson(y, p)
}

mean_metric! {
    /// The mean of [`losses::binary_crossentropy`].
    BinaryCrossentropy = "binary_crossentropy", Down {
        /// Whether predictions are logits rather than probabilities; not so by default.
        from_logits: bool = false,
        /// The share, 0 to 1, by which labels move toward 0.5; 0 by default.
        label_smoothing: f64 = 0.0,
    }
    |this, y, p| losses::BinaryCrossentropy::default()
        .from_logits(this.from_logits)
        .label_smoothing(this.label_smoothing)
        .call(y, p)
}

mean_metric! {
    /// The mean of [`losses::categorical_crossentropy`].
    CategoricalCrossentropy = "categorical_crossentropy", Down {
        /// Whether predictions are logits rather than probabilities; not so by default.
        from_logits: bool = false,
        /// The share, 0 to 1, by which labels move toward all classes alike; 0 by default.
        label_smoothing: f64 = 0.0,
        /// The axis of classes; the last by default.
        axis: isize = -1,
    }
    |this, y, p| losses::CategoricalCrossentropy::default()
        .from_logits(this.from_logits)
        .label_smoothing(this.label_smoothing)
        .axis(this.axis)
        .call(y, p)
}

mean_metric! {
    /// The mean of [`losses::sparse_categorical_crossentropy`].
    SparseCategoricalCrossentropy = "sparse_categorical_crossentropy", Down {
        /// Whether predictions are logits rather than probabilities; not so by default.
        from_logits: bool = false,
        /// A label whose value is 0; none by default. As in Keras, its samples count in the mean unless there are weights.
        ignore_class: Option<i64> = None,
        /// The axis of classes; the last by default.
        axis: isize = -1,
    }
    |this, y, p| losses::SparseCategoricalCrossentropy::default()
        .from_logits(this.from_logits)
        .ignore_class(this.ignore_class)
        .axis(this.axis)
        .call(y, p)
}
