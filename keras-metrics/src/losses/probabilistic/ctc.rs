//! Connectionist temporal classification.

use keras_tensor::{DType, Error, Result, Tensor, ops};

use crate::shapes::as_float;

/// The logarithm of a probability that counts as none; infinity would make gradients NaN.
const NEVER: f64 = -1e30;

loss! {
    /// The loss of label sequences `[batch, length]` without alignment, given logits `[batch, time, classes]` (Graves et
    /// al., 2006): minus the logarithm of the probability of all paths that spell the labels.
    ///
    /// Class 0 is the blank, and labels of 0 after a sequence fill up the row.
    CTC = "ctc", ctc {}
    |_this, y, p| {
        if y.rank() != 2 || p.rank() != 3 || y.shape()[0] != p.shape()[0] || p.shape()[1] == 0 {
            return Err(Error::shape(
                "ctc of labels and predictions",
                &[y.shape(), p.shape()],
                "labels [batch, length] and logits [batch, time, classes], with at least one step",
            ));
        }
        let y = ops::cast(y, DType::I64)?;
        super::check_classes("ctc", &y, p.shape()[2])?;
        let (batch, length) = (y.shape()[0], y.shape()[1]);
        let places = 2 * length + 1;
        // A blank before, between and after the labels.
        let spaced = ops::stack(&[&ops::zeros_like(&y)?, &y], 2)?;
        let spaced = ops::reshape_to(&spaced, [batch, 2 * length].into())?;
        let spaced = ops::pad(&spaced, &[(0, 0), (0, 1)], 0.0)?;
        let log = ops::log_softmax(as_float(p)?, -1)?;
        let chosen = ops::one_hot(&spaced, p.shape()[2], log.dtype())?;
        let log = ops::matmul_transposed(&log, &chosen, false, true)?;

        // A label may follow the one before it without a blank if it is another.
        let skips = ops::not_equal(&spaced, shifted(&spaced, 2, -1.0)?)?;
        let begins = ops::less(ops::arange(0, places as i64, DType::I64)?, 2)?;
        let step = |t: usize| ops::squeeze(ops::slice_axis(&log, 1, t, 1)?, 1);
        let never = ops::full([batch, places], NEVER, log.dtype())?;
        let mut paths = ops::where_(&begins, step(0)?, &never)?;
        for t in 1..p.shape()[1] {
            let skipping = ops::where_(&skips, shifted(&paths, 2, NEVER)?, &never)?;
            let ways = ops::stack(&[&paths, &shifted(&paths, 1, NEVER)?, &skipping], 0)?;
            paths = ops::add(ops::logsumexp(ways, 0, false)?, step(t)?)?;
        }
        // Paths end at the last label or the blank behind it.
        let labels = ops::sum(ops::cast(ops::not_equal(&y, 0)?, DType::I64)?, 1)?;
        let end = ops::multiply(ops::expand_dims(labels, 1)?, 2)?;
        let place = ops::arange(0, places as i64, DType::I64)?;
        let ends = ops::logical_and(
            ops::less_equal(&place, &end)?,
            ops::greater_equal(&place, ops::subtract(&end, 1)?)?,
        )?;
        ops::negative(ops::logsumexp(ops::where_(&ends, &paths, &never)?, 1, false)?)
    }
}

/// Rows moved to the right, filled up with a value.
fn shifted(x: &Tensor, by: usize, fill: f64) -> Result<Tensor> {
    let by = by.min(x.shape()[1]);
    let kept = ops::slice_axis(x, 1, 0, x.shape()[1] - by)?;
    ops::pad(kept, &[(0, 0), (by, 0)], fill)
}
