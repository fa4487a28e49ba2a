//! Cross-entropy of labels of 0 and 1.

use keras_tensor::{Result, Tensor, ops};

use super::{clipped, smoothed};
use crate::shapes::prepared_alike;

const ADVICE: &str = "labels of the shape of the predictions";

/// `y * a + (1 - y) * b`
fn either(y: &Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let rest = ops::subtract(1.0, y)?;
    ops::add(ops::multiply(y, a)?, ops::multiply(rest, b)?)
}

/// `-y * log(p) - (1 - y) * log(1 - p)` for each element.
fn entropy(y: &Tensor, p: &Tensor, from_logits: bool) -> Result<Tensor> {
    if from_logits {
        // log(1 + e^-x) and log(1 + e^x) are each exact; their difference would not be.
        return either(y, &ops::softplus(ops::negative(p)?)?, &ops::softplus(p)?);
    }
    let p = clipped(p)?;
    ops::negative(either(
        y,
        &ops::log(&p)?,
        &ops::log(ops::subtract(1.0, &p)?)?,
    )?)
}

loss! {
    /// Cross-entropy of labels of 0 and 1 with probabilities or logits of the same shape, the mean over an axis:
    /// `-y_true * log(y_pred) - (1 - y_true) * log(1 - y_pred)`.
    ///
    /// Probabilities are kept between 1e-7 and 1 - 1e-7.
    BinaryCrossentropy = "binary_crossentropy", binary_crossentropy {
        /// Whether predictions are logits rather than probabilities; not so by default.
        from_logits: bool = false,
        /// The share, 0 to 1, by which labels move toward 0.5; 0 by default.
        label_smoothing: f64 = 0.0,
        /// The axis of the mean; the last by default.
        axis: isize = -1,
    }
    |this, y, p| {
        let (y, p) = prepared_alike("binary_crossentropy", y, p, ADVICE)?;
        let y = smoothed(&y, this.label_smoothing, 2)?;
        ops::mean(entropy(&y, &p, this.from_logits)?, this.axis)
    }
}

loss! {
    /// [`BinaryCrossentropy`] in which easy samples count less (Lin et al., 2018): each element is multiplied by
    /// `(1 - p_t)^gamma`, with `p_t` the probability of the label.
    BinaryFocalCrossentropy = "binary_focal_crossentropy", binary_focal_crossentropy {
        /// Whether predictions are logits rather than probabilities; not so by default.
        from_logits: bool = false,
        /// The share, 0 to 1, by which labels move toward 0.5; 0 by default.
        label_smoothing: f64 = 0.0,
        /// The axis of the mean; the last by default.
        axis: isize = -1,
        /// Whether class 1 is weighed by `alpha` and class 0 by `1 - alpha`; not so by default.
        apply_class_balancing: bool = false,
        /// The weight of class 1; 0.25 by default.
        alpha: f64 = 0.25,
        /// How much less easy samples count; 2 by default.
        gamma: f64 = 2.0,
    }
    |this, y, p| {
        let (y, p) = prepared_alike("binary_focal_crossentropy", y, p, ADVICE)?;
        let y = smoothed(&y, this.label_smoothing, 2)?;
        let p = if this.from_logits { ops::sigmoid(&p)? } else { p };
        let right = either(&y, &p, &ops::subtract(1.0, &p)?)?;
        let focus = ops::power(ops::subtract(1.0, &right)?, this.gamma)?;
        let mut loss = ops::multiply(&focus, entropy(&y, &p, false)?)?;
        if this.apply_class_balancing {
            // y * alpha + (1 - y) * (1 - alpha)
            let weight = ops::multiply(&y, 2.0 * this.alpha - 1.0)?;
            loss = ops::multiply(ops::add(weight, 1.0 - this.alpha)?, &loss)?;
        }
        ops::mean(&loss, this.axis)
    }
}
