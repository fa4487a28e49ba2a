//! Bringing labels, predictions and weights to shapes that fit each other.

use keras_tensor::{DType, Error, Result, Tensor, ops};

/// Two tensors whose ranks differ by one axis of size 1, brought to the same rank: a vector beside a column becomes a
/// column (if `expand` is true), otherwise the axis is dropped.
pub(crate) fn same_rank(a: &Tensor, b: &Tensor, expand: bool) -> Result<(Tensor, Tensor)> {
    let one_more = |more: &Tensor, less: &Tensor| {
        more.rank() == less.rank() + 1 && more.shape()[more.rank() - 1] == 1
    };
    if one_more(a, b) {
        return if b.rank() == 1 && expand {
            Ok((a.clone(), ops::expand_dims(b, -1)?))
        } else {
            Ok((ops::squeeze(a, -1)?, b.clone()))
        };
    }
    if one_more(b, a) {
        return if a.rank() == 1 && expand {
            Ok((ops::expand_dims(a, -1)?, b.clone()))
        } else {
            Ok((a.clone(), ops::squeeze(b, -1)?))
        };
    }
    Ok((a.clone(), b.clone()))
}

/// Labels in the dtype of the predictions, and both of the same rank.
pub(crate) fn prepared(what: &str, y_true: &Tensor, y_pred: &Tensor) -> Result<(Tensor, Tensor)> {
    let y_pred = as_float(y_pred)?;
    let (y_true, y_pred) = same_rank(&ops::cast(y_true, y_pred.dtype())?, &y_pred, true)?;
    y_true
        .shape()
        .broadcast(y_pred.shape(), what)
        .map_err(|_| {
            Error::shape(
                what,
                &[y_true.shape(), y_pred.shape()],
                "labels of the shape of the predictions",
            )
        })?;
    Ok((y_true, y_pred))
}

/// Floats as they are, everything else as float32.
pub(crate) fn as_float(t: &Tensor) -> Result<Tensor> {
    ops::cast(t, t.dtype().with_float_literal())
}

/// The weights that a mask and given weights make together. `scaled` makes the mask's kept share count as the whole, for
/// reductions that divide by the number of elements.
pub(crate) fn masked_weight(
    weight: Option<&Tensor>,
    mask: Option<&Tensor>,
    dtype: DType,
    scaled: bool,
) -> Result<Option<Tensor>> {
    let Some(mask) = mask else {
        return weight.map(|w| ops::cast(w, dtype)).transpose();
    };
    let mut mask = ops::cast(mask, dtype)?;
    if scaled {
        let kept = ops::add(ops::sum(&mask, None)?, 1e-7)?;
        let share = ops::divide(mask.size() as f64, kept)?;
        mask = ops::multiply(&mask, ops::cast(share, dtype)?)?;
    }
    match weight {
        Some(w) => {
            let (mask, w) = same_rank(&mask, &ops::cast(w, dtype)?, true)?;
            ops::multiply(&w, &mask).map(Some)
        }
        None => Ok(Some(mask)),
    }
}
