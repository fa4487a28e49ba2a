//! Losses of embeddings.

use keras_tensor::{DType, Result, Tensor, ops};

use crate::shapes::{as_float, misfit};

/// The logarithm of what counts as nothing; infinity would make second derivatives NaN.
const NEVER: f64 = -1e30;

loss! {
    /// The circle loss of embeddings `[batch, features]` of length 1 and their labels `[batch]` (Sun et al., 2020):
    /// samples of one label are drawn together, others pushed apart.
    ///
    /// Samples whose loss is 0 do not count in the mean.
    Circle = "circle", circle {
        /// The scale; 80 by default.
        gamma: f64 = 80.0,
        /// How far the loss gives way; 0.4 by default.
        margin: f64 = 0.4,
        /// Whether a sample is not compared with itself; so by default.
        remove_diagonal: bool = true,
    }
    |this, y, p| {
        let p = as_float(p)?;
        let labels = ops::reshape(ops::cast(y, DType::I32)?, &[-1])?;
        let count = labels.size();
        if p.rank() != 2 || p.shape()[0] != count {
            return Err(misfit("circle", y, &p, "labels [batch] and embeddings [batch, features]"));
        }
        let distance = ops::matmul_transposed(&p, &p, false, true)?;
        let distance = ops::relu(ops::subtract(1.0, distance)?)?;
        let same = ops::equal(ops::expand_dims(&labels, 1)?, ops::expand_dims(&labels, 0)?)?;
        let different = ops::logical_not(&same)?;
        let same = if this.remove_diagonal {
            let places = ops::arange(0, count as i64, DType::I32)?;
            let itself = ops::one_hot(places, count, DType::Bool)?;
            ops::logical_and(&same, ops::logical_not(itself)?)?
        } else {
            same
        };
        let margin = this.margin;
        let near = total(
            &same,
            ops::add(&distance, margin)?,
            ops::multiply(ops::subtract(margin, &distance)?, -this.gamma)?,
        )?;
        let far = total(
            &different,
            ops::subtract(1.0 + margin, &distance)?,
            ops::multiply(ops::subtract(1.0 - margin, &distance)?, this.gamma)?,
        )?;
        let loss = ops::softplus(ops::add(near, far)?)?;
        let counts = ops::greater(&loss, 0.0)?;
        Ok(loss.with_mask(Some(counts)))
    }
}

/// `log(sum(exp(max(weight, 0) * value)))` of each row, over what the mask keeps.
fn total(mask: &Tensor, weight: Tensor, value: Tensor) -> Result<Tensor> {
    let value = ops::multiply(ops::relu(weight)?, value)?;
    let nothing = ops::full_like(&value, NEVER)?;
    ops::logsumexp(ops::where_(mask, &value, nothing)?, 1, false)
}
