//! Cross-entropy of one-hot labels.

use keras_tensor::op::Fold;
use keras_tensor::{Result, Tensor, ops};

use super::{clipped, smoothed};
use crate::shapes::prepared_alike;

const ADVICE: &str = "one-hot labels, of the shape of the predictions; for labels that are class numbers use the sparse loss";

/// Probabilities that sum to 1 along the axis, clipped.
fn distribution(p: &Tensor, axis: isize) -> Result<Tensor> {
    let total = ops::reduce(p, Fold::Sum, [axis], true)?;
    clipped(&ops::divide(p, total)?)
}

/// Labels and predictions of one shape, labels smoothed.
fn labels(name: &str, y: &Tensor, p: &Tensor, share: f64) -> Result<(Tensor, Tensor)> {
    let (y, p) = prepared_alike(name, y, p, ADVICE)?;
    let classes = y.shape()[y.rank() - 1];
    Ok((smoothed(&y, share, classes)?, p))
}

loss! {
    /// Cross-entropy of one-hot labels with probabilities or logits, both `[batch, .., classes]`:
    /// `-sum(y_true * log(y_pred))` over the axis of classes.
    ///
    /// Probabilities are divided by their sum and kept between 1e-7 and 1 - 1e-7.
    ///
    /// ```
    /// use keras_metrics::losses::{CategoricalCrossentropy, LossFunction};
    /// use keras_tensor::Tensor;
    /// let y = Tensor::new(&[0.0f32, 1.0, 0.0, 0.0, 0.0, 1.0], [2, 3])?;
    /// let p = Tensor::new(&[0.05f32, 0.95, 0.0, 0.1, 0.8, 0.1], [2, 3])?;
    /// let loss = CategoricalCrossentropy::new().compute(&y, &p, None)?.item()?;
    /// assert!((loss - 1.177).abs() < 1e-3);
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    CategoricalCrossentropy = "categorical_crossentropy", categorical_crossentropy {
        /// Whether predictions are logits rather than probabilities; not so by default.
        from_logits: bool = false,
        /// The share, 0 to 1, by which labels move toward all classes alike; 0 by default.
        label_smoothing: f64 = 0.0,
        /// The axis of classes; the last by default.
        axis: isize = -1,
    }
    |this, y, p| {
        let (y, p) = labels("categorical_crossentropy", y, p, this.label_smoothing)?;
        let last = p.shape().axis(this.axis, "categorical_crossentropy")? + 1 == p.rank();
        if this.from_logits && last {
            return ops::softmax_cross_entropy(&p, &y);
        }
        let log = if this.from_logits {
            ops::log_softmax(&p, this.axis)?
        } else {
            ops::log(distribution(&p, this.axis)?)?
        };
        ops::negative(ops::sum(ops::multiply(&y, log)?, this.axis)?)
    }
}

loss! {
    /// [`CategoricalCrossentropy`] in which easy samples count less (Lin et al., 2018): each class's part is multiplied by
    /// `alpha * (1 - y_pred)^gamma`.
    CategoricalFocalCrossentropy = "categorical_focal_crossentropy", categorical_focal_crossentropy {
        /// Whether predictions are logits rather than probabilities; not so by default.
        from_logits: bool = false,
        /// The share, 0 to 1, by which labels move toward all classes alike; 0 by default.
        label_smoothing: f64 = 0.0,
        /// The axis of classes; the last by default.
        axis: isize = -1,
        /// The weight of all classes; 0.25 by default.
        alpha: f64 = 0.25,
        /// How much less easy samples count; 2 by default.
        gamma: f64 = 2.0,
    }
    |this, y, p| {
        let (y, p) = labels("categorical_focal_crossentropy", y, p, this.label_smoothing)?;
        let p = if this.from_logits { ops::softmax(&p, this.axis)? } else { p };
        let p = distribution(&p, this.axis)?;
        let loss = ops::multiply(&y, ops::negative(ops::log(&p)?)?)?;
        let weight = ops::power(ops::subtract(1.0, &p)?, this.gamma)?;
        let weight = ops::multiply(weight, this.alpha)?;
        ops::sum(ops::multiply(weight, loss)?, this.axis)
    }
}
