//! Losses of overlap.

use keras_tensor::op::Axes;
use keras_tensor::ops::IntoAxes;
use keras_tensor::{Result, ops};
use serde::{Deserialize, Serialize};

use super::regression::EPSILON;
use crate::shapes::prepared;

/// Axes as Keras writes them: none for all, one, or several.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AxisChoice {
    /// All axes.
    #[default]
    All,
    /// One axis.
    One(isize),
    /// Several axes.
    Several(Vec<isize>),
}

impl IntoAxes for &AxisChoice {
    fn axes(&self, rank: usize, op: &str) -> Result<Axes> {
        match self {
            AxisChoice::All => None.axes(rank, op),
            AxisChoice::One(axis) => axis.axes(rank, op),
            AxisChoice::Several(axes) => (&axes[..]).axes(rank, op),
        }
    }
}

loss! {
    /// One minus the Dice coefficient, `1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred) + 1e-7)`.
    ///
    /// By default the sums run over all axes, the batch too, and the loss is one number before any reduction.
    Dice = "dice", dice {
        /// The axes of the sums; all by default.
        axis: AxisChoice = AxisChoice::All,
    }
    |this, y, p| {
        let (y, p) = prepared("dice", y, p)?;
        let overlap = ops::multiply(ops::sum(ops::multiply(&y, &p)?, &this.axis)?, 2.0)?;
        let both = ops::add(ops::sum(&y, &this.axis)?, ops::sum(&p, &this.axis)?)?;
        ops::subtract(1.0, ops::divide(overlap, ops::add(both, EPSILON)?)?)
    }
}

loss! {
    /// One minus the Tversky index: a Dice loss in which what was missed and what was invented count differently
    /// (Salehi et al., 2017).
    ///
    /// `1 - hit / (hit + alpha * missed + beta * invented + 1e-7)` with `hit = sum(y_true * y_pred)`.
    Tversky = "tversky", tversky {
        /// How much labels that were missed count; 0.5 by default.
        alpha: f64 = 0.5,
        /// How much predictions without a label count; 0.5 by default.
        beta: f64 = 0.5,
        /// The axes of the sums; all by default.
        axis: AxisChoice = AxisChoice::All,
    }
    |this, y, p| {
        let (y, p) = prepared("tversky", y, p)?;
        let hit = ops::sum(ops::multiply(&y, &p)?, &this.axis)?;
        let missed = ops::sum(ops::multiply(ops::subtract(1.0, &p)?, &y)?, &this.axis)?;
        let invented = ops::sum(ops::multiply(&p, ops::subtract(1.0, &y)?)?, &this.axis)?;
        let whole = ops::add(&hit, ops::multiply(missed, this.alpha)?)?;
        let whole = ops::add(whole, ops::multiply(invented, this.beta)?)?;
        ops::subtract(1.0, ops::divide(&hit, ops::add(whole, EPSILON)?)?)
    }
}
