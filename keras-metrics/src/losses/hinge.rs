//! Losses of margins.

use keras_tensor::{Result, Tensor, ops};

use crate::shapes::prepared;

/// Labels that are all 0 or 1 become -1 or 1; others stay.
fn signed(y: &Tensor) -> Result<Tensor> {
    let binary = ops::logical_or(ops::equal(y, 0.0)?, ops::equal(y, 1.0)?)?;
    let binary = ops::all(binary, None)?;
    ops::where_(&binary, ops::subtract(ops::multiply(y, 2.0)?, 1.0)?, y)
}

fn margin(what: &str, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    let (y, p) = prepared(what, y_true, y_pred)?;
    ops::relu(ops::subtract(1.0, ops::multiply(signed(&y)?, &p)?)?)
}

loss! {
    /// `mean(max(1 - y_true * y_pred, 0))` over the last axis, for labels of -1 and 1; where all labels are 0 or 1 they
    /// are converted.
    Hinge = "hinge", hinge {}
    |_this, y, p| { ops::mean(margin("hinge", y, p)?, -1) }
}

loss! {
    /// `mean(max(1 - y_true * y_pred, 0)^2)` over the last axis, for labels of -1 and 1; where all labels are 0 or 1 they
    /// are converted.
    SquaredHinge = "squared_hinge", squared_hinge {}
    |_this, y, p| { ops::mean(ops::square(margin("squared_hinge", y, p)?)?, -1) }
}

loss! {
    /// `max(max((1 - y_true) * y_pred) - sum(y_true * y_pred) + 1, 0)` over the last axis, for one-hot labels
    /// `[batch, .., classes]`.
    CategoricalHinge = "categorical_hinge", categorical_hinge {}
    |_this, y, p| {
        let (y, p) = prepared("categorical_hinge", y, p)?;
        let right = ops::sum(ops::multiply(&y, &p)?, -1)?;
        let wrong = ops::max(ops::multiply(ops::subtract(1.0, &y)?, &p)?, -1)?;
        ops::relu(ops::add(ops::subtract(&wrong, &right)?, 1.0)?)
    }
}
