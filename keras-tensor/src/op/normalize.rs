//! Normalization by the mean and the variance of a batch or of a sample.

use super::{Spec, Specs};
use crate::{Error, Result, Shape, Tensor};

/// Attributes of [`super::Op::Normalize`]: `gamma * (x - mean) / sqrt(variance + epsilon) + beta`.
///
/// Inputs: `x`, `gamma` and `beta`. Results: the normalized `x`, the mean, and the (population) variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalize {
    /// Which elements share a mean and a variance.
    pub over: Over,
    /// Added to the variance.
    pub epsilon: f64,
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
        let (_, statistics) = self.checked(inputs, "x, gamma and beta", |gamma, _| {
            vec![gamma.clone(), gamma.clone()]
        })?;
        let x = inputs[0].shape().clone();
        Ok(specs(inputs[0], [x, statistics.clone(), statistics]))
    }

    /// Of [`super::Op::NormalizeGrad`]: inputs are `x`, `gamma`, the mean, the variance and the gradient with regard to the
    /// normalized `x`; results the gradients with regard to `x`, `gamma` and `beta`.
    pub(super) fn infer_gradient(&self, inputs: &[&Tensor]) -> Result<Specs> {
        let x = inputs[0].shape().clone();
        let wanted = "x, gamma, mean, variance and a gradient";
        let (weights, _) = self.checked(inputs, wanted, |gamma, mean| {
            vec![gamma.clone(), mean.clone(), mean.clone(), x.clone()]
        })?;
        Ok(specs(inputs[0], [x, weights.clone(), weights]))
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
