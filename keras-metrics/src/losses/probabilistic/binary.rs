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
fn entropy(y: &Tensor, p: &Tensor, from_logits: bool, keras2: bool) -> Result<Tensor> {
    if from_logits {
        // log(1 + e^-x) and log(1 + e^x) are each exact; their difference would not be.
        return either(y, &ops::softplus(ops::negative(p)?)?, &ops::softplus(p)?);
    }
    let p = clipped(p)?;
    let log = |p: &Tensor| match keras2 {
        true => ops::log(ops::add(p, 1e-7)?),
        false => ops::log(p),
    };
    ops::negative(either(y, &log(&p)?, &log(&ops::subtract(1.0, &p)?)?)?)
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
        /// Whether probabilities get 1e-7 added after they are kept away from 0 and 1, as in Keras 2; not so by default.
        /// Files of Keras 2 are read so.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        keras2_clipping: bool = false,
    }
    |this, y, p| {
        let (y, p) = prepared_alike("binary_crossentropy", y, p, ADVICE)?;
        let y = smoothed(&y, this.label_smoothing, 2)?;
        ops::mean(entropy(&y, &p, this.from_logits, this.keras2_clipping)?, this.axis)
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
        /// Whether probabilities get 1e-7 added after they are kept away from 0 and 1, as in Keras 2; not so by default.
        /// Files of Keras 2 are read so.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        keras2_clipping: bool = false,
    }
    |this, y, p| {
        let (y, p) = prepared_alike("binary_focal_crossentropy", y, p, ADVICE)?;
        let y = smoothed(&y, this.label_smoothing, 2)?;
        let p = if this.from_logits { ops::sigmoid(&p)? } else { p };
        let right = either(&y, &p, &ops::subtract(1.0, &p)?)?;
        let focus = ops::power(ops::subtract(1.0, &right)?, this.gamma)?;
        let mut loss = ops::multiply(&focus, entropy(&y, &p, false, this.keras2_clipping)?)?;
        if this.apply_class_balancing {
            // y * alpha + (1 - y) * (1 - alpha)
            let weight = ops::multiply(&y, 2.0 * this.alpha - 1.0)?;
            loss = ops::multiply(ops::add(weight, 1.0 - this.alpha)?, &loss)?;
        }
        ops::mean(&loss, this.axis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::LossFunction;

    #[test]
    fn keras_2_added_epsilon_again() {
        let both = |y: f32, p: f32, loss: &dyn LossFunction| {
            let [y, p] = [y, p].map(|v| Tensor::new(&[v], [1, 1]).unwrap());
            loss.call(&y, &p).unwrap().item().unwrap()
        };
        // Values of tf.keras 2.15 and of Keras 3.15.1.
        let keras2 = BinaryCrossentropy::new().keras2_clipping(true);
        for (y, p, wanted) in [
            (1.0, 0.0, 15.424949),
            (0.0, 1.0, 15.333239),
            (1.0, 0.3, 1.2039725),
        ] {
            assert!(
                (both(y, p, &keras2) - wanted).abs() < 2e-6 * wanted,
                "{y} {p}"
            );
        }
        assert!((both(1.0, 0.0, &BinaryCrossentropy::new()) - 16.118095).abs() < 1e-5);
        let focal = BinaryFocalCrossentropy::new().keras2_clipping(true);
        assert!((both(1.0, 0.0, &focal) - 15.424949).abs() < 1e-4);
    }
}
