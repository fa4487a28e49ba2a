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

/// Labels in the dtype of the predictions, both as floats and of the same rank; shapes must broadcast.
pub(crate) fn prepared(what: &str, y_true: &Tensor, y_pred: &Tensor) -> Result<(Tensor, Tensor)> {
    let y_pred = as_float(y_pred)?;
    let (y, p) = same_rank(&ops::cast(y_true, y_pred.dtype())?, &y_pred, true)?;
    if y.shape() != p.shape() && y.shape().broadcast(p.shape(), what).is_err() {
        return Err(misfit(
            what,
            y_true,
            &y_pred,
            "labels of the shape of the predictions",
        ));
    }
    Ok((y, p))
}

/// [`prepared`], for labels that must have exactly the shape of the predictions.
pub(crate) fn prepared_alike(
    what: &str,
    y_true: &Tensor,
    y_pred: &Tensor,
    advice: &str,
) -> Result<(Tensor, Tensor)> {
    let (y, p) = prepared(what, y_true, y_pred)?;
    if y.shape() != p.shape() || p.rank() == 0 {
        return Err(misfit(what, y_true, y_pred, advice));
    }
    Ok((y, p))
}

/// The error for labels that do not fit predictions.
pub(crate) fn misfit(what: &str, y_true: &Tensor, y_pred: &Tensor, wanted: &str) -> Error {
    Error::shape(
        format!("{what} of labels and predictions"),
        &[y_true.shape(), y_pred.shape()],
        wanted,
    )
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
        let whole = ops::full([], mask.size() as f64, dtype)?;
        let share = ops::divide_no_nan(whole, ops::sum(&mask, None)?)?;
        mask = ops::multiply(&mask, share)?;
    }
    match weight {
        Some(w) => {
            let (mask, w) = same_rank(&mask, &ops::cast(w, dtype)?, true)?;
            weigh("sample_weight", &w, &mask, "the mask").map(Some)
        }
        None => Ok(Some(mask)),
    }
}

/// Values times weights; `owner` is whose they are.
pub(crate) fn weigh(owner: &str, values: &Tensor, weight: &Tensor, with: &str) -> Result<Tensor> {
    if values.shape() != weight.shape() && values.shape().broadcast(weight.shape(), "").is_err() {
        return Err(Error::shape(
            format!("{owner} and {with}"),
            &[values.shape(), weight.shape()],
            "one weight for each sample or value; leading axes must agree or be 1",
        ));
    }
    ops::multiply(values, weight)
}
