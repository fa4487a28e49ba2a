//! Losses of overlap and of embeddings.

use keras_tensor::op::Axes;
use keras_tensor::ops::IntoAxes;
use keras_tensor::{DType, Result, Tensor, ops};
use serde::{Deserialize, Serialize};

use super::{Base, LossFunction};
use crate::shapes::prepared;

/// Axes as Keras writes them: none for all, one, or several.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
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

/// `1 - 2 * sum(y * p) / (sum(y) + sum(p) + 1e-7)`
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn dice(y_true: &Tensor, y_pred: &Tensor, axis: &AxisChoice) -> Result<Tensor> {
    let (y, p) = prepared("dice", y_true, y_pred)?;
    let overlap = ops::multiply(ops::sum(ops::multiply(&y, &p)?, axis)?, 2.0)?;
    let whole = ops::add(ops::sum(&y, axis)?, ops::sum(&p, axis)?)?;
    ops::subtract(1.0, ops::divide(overlap, ops::add(whole, 1e-7)?)?)
}

/// `1 - overlap / (overlap + alpha * missed + beta * invented + 1e-7)`
///
/// # Errors
/// Labels that do not fit the predictions.
pub fn tversky(
    y_true: &Tensor,
    y_pred: &Tensor,
    alpha: f64,
    beta: f64,
    axis: &AxisChoice,
) -> Result<Tensor> {
    let (y, p) = prepared("tversky", y_true, y_pred)?;
    let overlap = ops::sum(ops::multiply(&y, &p)?, axis)?;
    let missed = ops::sum(ops::multiply(ops::subtract(1.0, &p)?, &y)?, axis)?;
    let invented = ops::sum(ops::multiply(&p, ops::subtract(1.0, &y)?)?, axis)?;
    let whole = ops::add(&overlap, ops::multiply(missed, alpha)?)?;
    let whole = ops::add(&whole, ops::multiply(invented, beta)?)?;
    ops::subtract(1.0, ops::divide(&overlap, ops::add(&whole, 1e-7)?)?)
}

/// The circle loss of embeddings `[batch, features]` of length 1 and their labels `[batch]` (Sun et al., 2020); samples
/// whose loss is 0 do not count in the mean.
///
/// # Errors
/// Shapes that do not fit.
pub fn circle(
    y_true: &Tensor,
    y_pred: &Tensor,
    gamma: f64,
    margin: f64,
    remove_diagonal: bool,
) -> Result<Tensor> {
    let labels = ops::reshape(ops::cast(y_true, DType::I32)?, &[-1])?;
    let count = labels.size();
    let distance = ops::matmul_transposed(y_pred, y_pred, false, true)?;
    let distance = ops::relu(ops::subtract(1.0, distance)?)?;
    let (rows, columns) = (ops::expand_dims(&labels, 1)?, ops::expand_dims(&labels, 0)?);
    let same = ops::equal(rows, columns)?;
    let different = ops::logical_not(&same)?;
    let places = ops::arange(0, count as i64, DType::I32)?;
    let others = ops::logical_not(ops::one_hot(places, count, DType::Bool)?)?;
    let same = if remove_diagonal {
        ops::logical_and(&same, &others)?
    } else {
        same
    };
    let dtype = y_pred.dtype();
    let part = |mask: &Tensor, weight: Tensor, distance: Tensor, sign: f64| -> Result<Tensor> {
        let weight = ops::relu(ops::multiply(&weight, ops::cast(mask, dtype)?)?)?;
        let value = ops::multiply(ops::multiply(&weight, distance)?, sign * gamma)?;
        let none = ops::full_like(&value, f64::NEG_INFINITY)?;
        ops::logsumexp(ops::where_(mask, &value, none)?, 1, false)
    };
    let near = part(
        &same,
        ops::add(&distance, margin)?,
        ops::subtract(margin, &distance)?,
        -1.0,
    )?;
    let far = part(
        &different,
        ops::subtract(1.0 + margin, &distance)?,
        ops::subtract(1.0 - margin, &distance)?,
        1.0,
    )?;
    let loss = ops::softplus(ops::add(near, far)?)?;
    let mask = ops::greater(&loss, 0.0)?;
    Ok(loss.with_mask(Some(mask)))
}

/// [`dice`], reduced.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Dice {
    #[serde(flatten)]
    base: Base,
    axis: AxisChoice,
}

impl Default for Dice {
    fn default() -> Self {
        Dice {
            base: Base::new("dice"),
            axis: AxisChoice::All,
        }
    }
}

impl Dice {
    /// Over all axes.
    pub fn new() -> Self {
        Dice::default()
    }

    /// Over these axes.
    pub fn axis(mut self, axes: &[isize]) -> Self {
        self.axis = AxisChoice::Several(axes.to_vec());
        self
    }
}

impl LossFunction for Dice {
    fn call(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        dice(y_true, y_pred, &self.axis)
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }
}

/// [`tversky`], reduced.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Tversky {
    #[serde(flatten)]
    base: Base,
    alpha: f64,
    beta: f64,
    axis: AxisChoice,
}

impl Default for Tversky {
    fn default() -> Self {
        Tversky {
            base: Base::new("tversky"),
            alpha: 0.5,
            beta: 0.5,
            axis: AxisChoice::All,
        }
    }
}

impl Tversky {
    /// Both kinds of mistakes count alike, over all axes.
    pub fn new() -> Self {
        Tversky::default()
    }

    /// How much what was missed counts, and what was invented.
    pub fn alpha_beta(mut self, alpha: f64, beta: f64) -> Self {
        (self.alpha, self.beta) = (alpha, beta);
        self
    }

    /// Over these axes.
    pub fn axis(mut self, axes: &[isize]) -> Self {
        self.axis = AxisChoice::Several(axes.to_vec());
        self
    }
}

impl LossFunction for Tversky {
    fn call(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        tversky(y_true, y_pred, self.alpha, self.beta, &self.axis)
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }
}

/// [`circle`], reduced.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Circle {
    #[serde(flatten)]
    base: Base,
    gamma: f64,
    margin: f64,
    remove_diagonal: bool,
}

impl Default for Circle {
    fn default() -> Self {
        Circle {
            base: Base::new("circle"),
            gamma: 80.0,
            margin: 0.4,
            remove_diagonal: true,
        }
    }
}

impl Circle {
    /// Keras's defaults.
    pub fn new() -> Self {
        Circle::default()
    }

    /// The scale; 80 by default.
    pub fn gamma(mut self, gamma: f64) -> Self {
        self.gamma = gamma;
        self
    }

    /// The margin; 0.4 by default.
    pub fn margin(mut self, margin: f64) -> Self {
        self.margin = margin;
        self
    }

    /// Whether a sample is not its own neighbour; so by default.
    pub fn remove_diagonal(mut self, remove_diagonal: bool) -> Self {
        self.remove_diagonal = remove_diagonal;
        self
    }
}

impl LossFunction for Circle {
    fn call(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        circle(
            y_true,
            y_pred,
            self.gamma,
            self.margin,
            self.remove_diagonal,
        )
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }
}
