//! Losses: plain functions under Keras's names, and the classes that reduce them over a batch.

mod crossentropy;
mod functions;
mod hinge;
mod overlap;
mod plain;
mod reduce;
mod with_arguments;

pub use crossentropy::{
    BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy,
    CategoricalFocalCrossentropy, SparseCategoricalCrossentropy, binary_crossentropy,
    binary_focal_crossentropy, categorical_crossentropy, categorical_focal_crossentropy,
    sparse_categorical_crossentropy,
};
pub use functions::*;
pub use hinge::{categorical_hinge, hinge, squared_hinge};
pub use overlap::{Circle, Dice, Tversky, circle, dice, tversky};
pub use plain::{
    CategoricalHinge, Hinge, KLDivergence, LogCosh, MeanAbsoluteError, MeanAbsolutePercentageError,
    MeanSquaredError, MeanSquaredLogarithmicError, Plain, PlainLoss, Poisson, SquaredHinge,
};
pub use reduce::{Base, LossExt, Reduction};
pub use with_arguments::{CosineSimilarity, Huber};

use keras_tensor::registry::Entry;
use keras_tensor::{Result, Tensor, family};
use std::any::Any;

/// A loss: what it makes of each sample, and how that is reduced.
pub trait LossFunction: Any + Send + Sync {
    /// The loss of each sample, `[batch, ..]`.
    ///
    /// # Errors
    /// Labels that do not fit the predictions.
    fn call(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor>;

    /// Name and reduction.
    fn base(&self) -> &Base;

    /// The same, to be set.
    fn base_mut(&mut self) -> &mut Base;

    /// The loss of a batch, reduced; masks ride on the predictions.
    ///
    /// # Errors
    /// Labels or weights that do not fit the predictions.
    fn compute(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
    ) -> Result<Tensor> {
        let values = self.call(y_true, y_pred)?;
        let mask = reduce::both(y_pred.mask(), values.mask())?;
        reduce::weighted(&values, sample_weight, mask.as_ref(), self.base().reduction)
    }
}

family! {
    /// A loss, by name (`"mse"`) or as a value.
    ///
    /// ```
    /// use keras_metrics::losses::Loss;
    /// use keras_tensor::Tensor;
    /// let (y, p) = (Tensor::new(&[1.0f32, 2.0], [2, 1])?, Tensor::new(&[1.0f32, 4.0], [2, 1])?);
    /// assert_eq!(Loss::from("mse").call(&y, &p, None)?.item()?, 2.0);
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    Loss of LossFunction, "loss", "keras.losses", &[TABLE]
}

impl Loss {
    /// The loss of a batch, reduced.
    ///
    /// # Errors
    /// An unknown name, or labels or weights that do not fit the predictions.
    pub fn call(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
    ) -> Result<Tensor> {
        self.resolve()?.compute(y_true, y_pred, sample_weight)
    }
}

/// Every loss with the names that Keras knows it by.
pub(crate) const TABLE: &[Entry<dyn LossFunction>] = &[
    entry::<BinaryCrossentropy>("BinaryCrossentropy", &["bce"]),
    entry::<BinaryFocalCrossentropy>("BinaryFocalCrossentropy", &[]),
    entry::<CategoricalCrossentropy>("CategoricalCrossentropy", &[]),
    entry::<CategoricalFocalCrossentropy>("CategoricalFocalCrossentropy", &[]),
    entry::<CategoricalHinge>("CategoricalHinge", &[]),
    entry::<Circle>("Circle", &[]),
    entry::<CosineSimilarity>("CosineSimilarity", &[]),
    entry::<Dice>("Dice", &[]),
    entry::<Hinge>("Hinge", &[]),
    entry::<Huber>("Huber", &[]),
    entry::<KLDivergence>(
        "KLDivergence",
        &["kld", "kullback_leibler_divergence", "kl_divergence"],
    ),
    entry::<LogCosh>("LogCosh", &["logcosh"]),
    entry::<MeanAbsoluteError>("MeanAbsoluteError", &["mae"]),
    entry::<MeanAbsolutePercentageError>("MeanAbsolutePercentageError", &["mape"]),
    entry::<MeanSquaredError>("MeanSquaredError", &["mse"]),
    entry::<MeanSquaredLogarithmicError>("MeanSquaredLogarithmicError", &["msle"]),
    entry::<Poisson>("Poisson", &[]),
    entry::<SparseCategoricalCrossentropy>("SparseCategoricalCrossentropy", &[]),
    entry::<SquaredHinge>("SquaredHinge", &[]),
    entry::<Tversky>("Tversky", &[]),
];
