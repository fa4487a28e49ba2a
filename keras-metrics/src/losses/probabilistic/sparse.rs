//! Cross-entropy of labels that are class numbers.

use keras_tensor::{DType, Error, Result, Tensor, ops};

use super::{check_classes, clipped};
use crate::shapes::{as_float, misfit};

/// The given axis moved to the end.
fn classes_last(p: Tensor, axis: usize) -> Result<Tensor> {
    if axis + 1 == p.rank() {
        return Ok(p);
    }
    let mut order: Vec<usize> = (0..p.rank()).filter(|&a| a != axis).collect();
    order.push(axis);
    ops::transpose(&p, Some(&order))
}

/// Class numbers as int64, one for each row of predictions `[.., classes]`.
fn class_numbers(loss: &str, y: &Tensor, p: &Tensor, axis: usize) -> Result<Tensor> {
    let mut labels = ops::cast(y, DType::I64)?;
    if labels.rank() == p.rank() && labels.shape()[axis] == 1 {
        labels = ops::squeeze(&labels, axis as isize)?;
    }
    if labels.shape()[..] != p.shape()[..p.rank() - 1] {
        return Err(misfit(
            loss,
            y,
            p,
            "one class number for each row of predictions; for one-hot labels use the categorical loss",
        ));
    }
    Ok(labels)
}

loss! {
    /// Cross-entropy of labels that are class numbers, `[batch, ..]` or `[batch, .., 1]`, with probabilities or logits
    /// `[batch, .., classes]`: `-log(y_pred[y_true])`.
    ///
    /// Probabilities are kept between 1e-7 and 1 - 1e-7 and then divided by their sum. A label that is no class is an
    /// error.
    SparseCategoricalCrossentropy = "sparse_categorical_crossentropy", sparse_categorical_crossentropy {
        /// Whether predictions are logits rather than probabilities; not so by default.
        from_logits: bool = false,
        /// A label whose loss is 0 and that does not count in the mean, such as a void class of -1; none by default.
        ignore_class: Option<i64> = None,
        /// The axis of classes; the last by default. Keras leaves it out of its config; here it is written unless it is
        /// the last.
        #[serde(skip_serializing_if = "is_last")]
        axis: isize = -1,
    }
    |this, y, p| {
        const NAME: &str = "sparse_categorical_crossentropy";
        let p = as_float(p)?;
        let axis = p.shape().axis(this.axis, NAME)?;
        let p = classes_last(p, axis)?;
        let classes = p.shape()[p.rank() - 1];
        let mut labels = class_numbers(NAME, y, &p, axis)?;
        let valid = match this.ignore_class {
            Some(class) => Some(ops::not_equal(&labels, class)?),
            None => None,
        };
        if let Some(valid) = &valid {
            labels = ops::where_(valid, &labels, ops::zeros_like(&labels)?)?;
        }
        check_classes(NAME, &labels, classes)?;
        let logits = if this.from_logits { p } else { ops::log(clipped(&p)?)? };
        let chosen = ops::one_hot(&labels, classes, logits.dtype())?;
        let loss = ops::softmax_cross_entropy(&logits, &chosen)?;
        match valid {
            Some(valid) => {
                let loss = ops::where_(&valid, &loss, ops::zeros_like(&loss)?)?;
                Ok(loss.with_mask(Some(valid)))
            }
            None => Ok(loss),
        }
    }
}

fn is_last(axis: &isize) -> bool {
    *axis == -1
}

loss! {
    /// Cross-entropy that bears wrong labels (Zhang and Sabuncu, 2018), of class numbers `[batch, ..]` with probabilities
    /// `[batch, .., classes]`: `(1 - y_pred[y_true]^q) / q`.
    CategoricalGeneralizedCrossEntropy = "categorical_generalized_cross_entropy", categorical_generalized_cross_entropy {
        /// From 0, cross-entropy, to 1, mean absolute error, both excluded; 0.5 by default.
        q: f64 = 0.5,
    }
    |this, y, p| {
        const NAME: &str = "categorical_generalized_cross_entropy";
        if !(this.q > 0.0 && this.q < 1.0) {
            return Err(Error::argument("q", this.q, "a number between 0 and 1"));
        }
        let p = as_float(p)?;
        let last = p.shape().axis(-1, NAME)?;
        let labels = class_numbers(NAME, y, &p, last)?;
        let classes = p.shape()[last];
        check_classes(NAME, &labels, classes)?;
        let chosen = ops::one_hot(&labels, classes, p.dtype())?;
        let right = ops::sum(ops::multiply(&p, chosen)?, -1)?;
        ops::divide(ops::subtract(1.0, ops::power(right, this.q)?)?, this.q)
    }
}
