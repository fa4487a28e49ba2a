//! Losses: classes with Keras's arguments, and plain functions with Keras's names.
//!
//! Each loss is a struct whose fields are its config, and it is named in one line of the table. A loss
//! of one's own implements [`LossFunction::call`]:
//!
//! ```
//! use keras_metrics::losses::{Loss, LossFunction};
//! use keras_tensor::{Result, Tensor, ops};
//!
//! struct Quartic;
//! impl LossFunction for Quartic {
//!     fn call(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
//!         ops::mean(ops::square(ops::square(ops::subtract(y_true, y_pred)?)?)?, -1)
//!     }
//! }
//!
//! let (y, p) = (Tensor::new(&[1.0f32], [1, 1])?, Tensor::new(&[3.0f32], [1, 1])?);
//! assert_eq!(Loss::from(Quartic).call(&y, &p, None)?.item()?, 16.0);
//! # Ok::<(), keras_tensor::Error>(())
//! ```

mod hinge;
mod probabilistic;
mod reduce;
pub(crate) mod regression;
mod resolve;
mod segmentation;
mod several;
mod similarity;

pub use hinge::*;
pub use probabilistic::*;
pub use reduce::Reduction;
pub use regression::{
    CosineSimilarity, Huber, LogCosh, MeanAbsoluteError, MeanAbsolutePercentageError,
    MeanSquaredError, MeanSquaredLogarithmicError, cosine_similarity, huber, log_cosh,
    mean_absolute_error, mean_absolute_percentage_error, mean_squared_error,
    mean_squared_logarithmic_error,
};
pub(crate) use resolve::Kind;
pub use resolve::resolve_crossentropy;
pub use segmentation::{AxisChoice, Dice, Tversky, dice, tversky};
pub use several::Losses;
pub use similarity::{Circle, circle};

use keras_tensor::registry::{Entry, Setting};
use keras_tensor::{DType, Result, Tensor, family, ops};
use std::any::Any;
use std::sync::Arc;

/// What a loss makes of labels and predictions.
pub trait LossFunction: Any + Send + Sync {
    /// The loss of each sample, `[batch, ..]`, before weights and reduction.
    ///
    /// A mask on the result leaves samples out.
    ///
    /// # Errors
    /// Labels that do not fit the predictions.
    fn call(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor>;

    /// The name: `mean_squared_error`.
    fn name(&self) -> &str {
        "loss"
    }

    /// How the losses of samples become that of the batch.
    fn reduction(&self) -> &Reduction {
        &Reduction::SumOverBatchSize
    }

    /// The dtype that predictions are cast to first.
    fn dtype(&self) -> DType {
        DType::F32
    }

    /// The loss of a batch: [`LossFunction::call`], weighted and reduced.
    ///
    /// `sample_weight` is `[batch]`, or as many of the leading axes of the loss as it has. A mask that rides on `y_pred`
    /// leaves steps out; means are then over the steps that are left.
    ///
    /// # Errors
    /// Labels or weights that do not fit the predictions, or an unknown reduction.
    fn compute(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
    ) -> Result<Tensor> {
        let values = self.call(y_true, &ops::cast(y_pred, self.dtype())?)?;
        let (name, reduction) = (self.name(), self.reduction());
        reduce::weighted(name, &values, sample_weight, y_pred.mask(), reduction)
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
    /// The loss of a batch, weighted and reduced.
    ///
    /// # Errors
    /// An unknown name, or labels or weights that do not fit the predictions.
    pub fn call(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
    ) -> Result<Tensor> {
        match &self.0 {
            Setting::Value(loss) => loss.compute(y_true, y_pred, sample_weight),
            Setting::Named(_) => self.resolve_for(y_true.shape(), y_pred.shape())?.compute(
                y_true,
                y_pred,
                sample_weight,
            ),
        }
    }

    /// The loss for labels and predictions of these shapes: `"crossentropy"` and `"ce"` become the binary, categorical or
    /// sparse one, as in Keras's `compile`; all else is [`Loss::resolve`].
    ///
    /// # Errors
    /// An unknown name.
    pub fn resolve_for(&self, y_true: &[usize], y_pred: &[usize]) -> Result<Arc<dyn LossFunction>> {
        match &self.0 {
            Setting::Named(name) if resolve::is_crossentropy(name) => {
                Ok(resolve_crossentropy(y_true, y_pred))
            }
            setting => setting.resolve(),
        }
    }
}

/// Every loss with the names that Keras knows it by.
const TABLE: &[Entry<dyn LossFunction>] = &[
    entry::<BinaryCrossentropy>("BinaryCrossentropy", &["bce"]),
    entry::<BinaryFocalCrossentropy>("BinaryFocalCrossentropy", &[]),
    entry::<CTC>("CTC", &[]),
    entry::<CategoricalCrossentropy>("CategoricalCrossentropy", &[]),
    entry::<CategoricalFocalCrossentropy>("CategoricalFocalCrossentropy", &[]),
    entry::<CategoricalGeneralizedCrossEntropy>("CategoricalGeneralizedCrossEntropy", &[]),
    entry::<CategoricalHinge>("CategoricalHinge", &[]),
    entry::<Circle>("Circle", &[]),
    entry::<CosineSimilarity>("CosineSimilarity", &[]),
    entry::<Dice>("Dice", &[]),
    entry::<Hinge>("Hinge", &[]),
    entry::<Huber>("Huber", &[]),
    entry::<KLDivergence>(
        "KLDivergence",
        &["kld", "kl_divergence", "kullback_leibler_divergence"],
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
