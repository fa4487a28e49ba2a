//! Normalization by the mean and the variance of a batch or of a sample.

use super::{Fused, Spec, Specs};
use crate::{Error, Result, Shape, Tensor};

/// Attributes of [`super::Op::Normalize`]: `activation(gamma * (x - mean) / sqrt(variance + epsilon) + beta + residual)`.
///
/// Inputs: `x`, `gamma`, `beta`, and over a batch a residual of the shape of `x` if it is given. Results: the normalized `x`,
/// the mean, and the (population) variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalize {
    /// Which elements share a mean and a variance.
    pub over: Over,
    /// Added to the variance.
    pub epsilon: f64,
    /// An activation that is no more than bounds; only over a batch.
    pub activation: Fused,
}

/// Which elements of `x` are normalized together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Those of one feature, which this axis counts: batch normalization. `gamma`, `beta`, mean and variance are `[features]`.
    Batch(usize),
    /// Those of one sample, in this axis and all after it: layer normalization. `gamma` and `beta` have these axes, mean and
    /// variance those before.
    Sample(usize),
    /// As `Sample`, with 0 for the mean, so that the variance is the mean of squares: RMS normalization.
    Squares(usize),
}

impl Normalize {
    /// Normalization and nothing after it.
    pub fn new(over: Over, epsilon: f64) -> Self {
        Normalize {
            over,
            epsilon,
            activation: Fused::Linear,
        }
    }

    /// The shapes of `gamma` and of the mean for inputs of shape `x`, if it has the axis.
    fn shapes(&self, x: &[usize]) -> Option<(Shape, Shape)> {
        match self.over {
            Over::Batch(axis) => {
                let features = Shape::from([*x.get(axis)?]);
                Some((features.clone(), features))
            }
            Over::Sample(axis) | Over::Squares(axis) if axis < x.len() => {
                Some((x[axis..].into(), x[..axis].into()))
            }
            Over::Sample(_) | Over::Squares(_) => None,
        }
    }

    pub(super) fn infer(&self, inputs: &[&Tensor]) -> Result<Specs> {
        let x = inputs[0].shape().clone();
        let wanted = "x, gamma, beta and perhaps a residual";
        let (_, statistics) = self.checked(inputs, wanted, |gamma, _| {
            let mut others = vec![gamma.clone(), gamma.clone()];
            others.extend((inputs.len() > 3).then(|| x.clone()));
            others
        })?;
        if inputs.len() > 3 || self.activation != Fused::Linear {
            self.follows(inputs)?;
        }
        Ok(specs(inputs[0], [x, statistics.clone(), statistics]))
    }

    /// Of [`super::Op::NormalizeGrad`]: inputs are `x`, `gamma`, the mean, the variance and the gradient with regard to the
    /// result, and `beta` where there is an activation; results the gradients with regard to `x`, `gamma` and `beta`.
    pub(super) fn infer_gradient(&self, inputs: &[&Tensor]) -> Result<Specs> {
        let x = inputs[0].shape().clone();
        let wanted = "x, gamma, mean, variance, a gradient, and beta for an activation";
        let is_active = self.activation != Fused::Linear;
        let (weights, _) = self.checked(inputs, wanted, |gamma, mean| {
            let mut others = vec![gamma.clone(), mean.clone(), mean.clone(), x.clone()];
            others.extend(is_active.then(|| gamma.clone()));
            others
        })?;
        if is_active {
            self.follows(inputs)?;
        }
        Ok(specs(inputs[0], [x, weights.clone(), weights]))
    }

    /// Checks that a residual or an activation can follow.
    fn follows(&self, inputs: &[&Tensor]) -> Result<()> {
        if matches!(self.over, Over::Batch(_)) && !self.activation.is_curved() {
            return Ok(());
        }
        let wanted = format!(
            "nothing after normalization over {:?}, or a residual and bounds over a batch (got {:?})",
            self.over, self.activation
        );
        Err(Error::shape("normalize", &[inputs[0].shape()], wanted))
    }

    /// The shapes of `gamma` and of the mean, where inputs after the first have the shapes that these two make.
    fn checked(
        &self,
        inputs: &[&Tensor],
        wanted: &str,
        others: impl Fn(&Shape, &Shape) -> Vec<Shape>,
    ) -> Result<(Shape, Shape)> {
        let shapes = self.shapes(inputs[0].shape()).filter(|(gamma, mean)| {
            let others = others(gamma, mean);
            inputs[1..].iter().map(|t| t.shape()).eq(others.iter())
        });
        shapes.ok_or_else(|| {
            let shapes: Vec<&[usize]> = inputs.iter().map(|t| &t.shape()[..]).collect();
            let wanted = format!(
                "{wanted} whose shapes fit normalization over {:?}",
                self.over
            );
            Error::shape("normalize", &shapes, wanted)
        })
    }
}

fn specs(x: &Tensor, shapes: [Shape; 3]) -> Specs {
    let dtype = x.dtype();
    shapes.map(|shape| Spec { dtype, shape }).into()
}
