use keras_tensor::op::{Axes, Fold};
use keras_tensor::{Error, Result, Shape, Tensor, ops};
use serde::{Deserialize, Serialize};

use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Call, Declare, Dims, Layer, Weight, Weights};

/// Brings each feature to mean 0 and variance 1: `gamma * (x - mean) / sqrt(variance + epsilon) + beta`.
///
/// In training, mean and (population) variance are those of the batch, and moving averages of them are kept
/// (`moving = momentum * moving + (1 - momentum) * batch`); in inference, and when the layer is frozen, the moving
/// averages are used. Paper: Ioffe and Szegedy, 2015.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct BatchNormalization {
    axis: isize,
    momentum: f64,
    epsilon: f64,
    center: bool,
    scale: bool,
    beta_initializer: Initializer,
    gamma_initializer: Initializer,
    moving_mean_initializer: Initializer,
    moving_variance_initializer: Initializer,
    beta_regularizer: Option<Regularizer>,
    gamma_regularizer: Option<Regularizer>,
    beta_constraint: Option<Constraint>,
    gamma_constraint: Option<Constraint>,
    synchronized: bool,
    #[serde(skip)]
    gamma: Weight,
    #[serde(skip)]
    beta: Weight,
    #[serde(skip)]
    moving_mean: Weight,
    #[serde(skip)]
    moving_variance: Weight,
}

impl Default for BatchNormalization {
    fn default() -> Self {
        BatchNormalization {
            axis: -1,
            momentum: 0.99,
            epsilon: 0.001,
            center: true,
            scale: true,
            beta_initializer: "zeros".into(),
            gamma_initializer: "ones".into(),
            moving_mean_initializer: "zeros".into(),
            moving_variance_initializer: "ones".into(),
            beta_regularizer: None,
            gamma_regularizer: None,
            beta_constraint: None,
            gamma_constraint: None,
            synchronized: false,
            gamma: Weight::default(),
            beta: Weight::default(),
            moving_mean: Weight::default(),
            moving_variance: Weight::default(),
        }
    }
}

impl BatchNormalization {
    /// Normalizes each feature of the last axis.
    pub fn new() -> Self {
        BatchNormalization::default()
    }

    /// The axis of features; -1 by default.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }

    /// How much of the moving averages stays at each step; 0.99 by default.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Added to the variance; 0.001 by default.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Whether `beta` is added; it is by default.
    pub fn center(mut self, center: bool) -> Self {
        self.center = center;
        self
    }

    /// Whether `gamma` multiplies; it does by default.
    pub fn scale(mut self, scale: bool) -> Self {
        self.scale = scale;
        self
    }

    /// How `beta` begins; `zeros` by default.
    pub fn beta_initializer(mut self, initializer: impl Into<Initializer>) -> Self {
        self.beta_initializer = initializer.into();
        self
    }

    /// How `gamma` begins; `ones` by default.
    pub fn gamma_initializer(mut self, initializer: impl Into<Initializer>) -> Self {
        self.gamma_initializer = initializer.into();
        self
    }

    /// How the moving mean begins; `zeros` by default.
    pub fn moving_mean_initializer(mut self, initializer: impl Into<Initializer>) -> Self {
        self.moving_mean_initializer = initializer.into();
        self
    }

    /// How the moving variance begins; `ones` by default.
    pub fn moving_variance_initializer(mut self, initializer: impl Into<Initializer>) -> Self {
        self.moving_variance_initializer = initializer.into();
        self
    }

    /// What `beta` adds to the loss.
    pub fn beta_regularizer(mut self, regularizer: impl Into<Regularizer>) -> Self {
        self.beta_regularizer = Some(regularizer.into());
        self
    }

    /// What `gamma` adds to the loss.
    pub fn gamma_regularizer(mut self, regularizer: impl Into<Regularizer>) -> Self {
        self.gamma_regularizer = Some(regularizer.into());
        self
    }

    /// What holds for `beta` after each update.
    pub fn beta_constraint(mut self, constraint: impl Into<Constraint>) -> Self {
        self.beta_constraint = Some(constraint.into());
        self
    }

    /// What holds for `gamma` after each update.
    pub fn gamma_constraint(mut self, constraint: impl Into<Constraint>) -> Self {
        self.gamma_constraint = Some(constraint.into());
        self
    }

    /// Mean and variance of each feature in this batch, without the steps that the mask leaves out.
    fn batch_statistics(&self, x: &Tensor, axes: &Axes) -> Result<(Tensor, Tensor)> {
        let Some(mask) = x.mask() else {
            return ops::moments(x, axes.clone(), false);
        };
        let mut shape = mask.shape().clone();
        while shape.rank() < x.rank() {
            shape.push(1);
        }
        let weight = ops::reshape_to(ops::cast(mask, x.dtype())?, shape)?;
        let weight = ops::broadcast_to(&weight, x.shape().clone())?;
        let total = |t: &Tensor| ops::reduce(t, Fold::Sum, axes.clone(), true);
        let count = total(&weight)?;
        let mean = ops::divide_no_nan(total(&ops::multiply(x, &weight)?)?, &count)?;
        let distance = ops::square(ops::subtract(x, &mean)?)?;
        let variance = ops::divide_no_nan(total(&ops::multiply(&distance, &weight)?)?, &count)?;
        let features: Shape = [mean.size()].into();
        Ok((
            ops::reshape_to(mean, features.clone())?,
            ops::reshape_to(variance, features)?,
        ))
    }

    fn keep(&self, moving: &Weight, batch: &Tensor) -> Result<()> {
        let batch = ops::stop_gradient(batch)?;
        let kept = ops::multiply(moving, self.momentum)?;
        let added = ops::multiply(&batch, 1.0 - self.momentum)?;
        moving.assign(&ops::add(&kept, &added)?)
    }
}

impl Layer for BatchNormalization {
    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        let features = input.axis(self.axis)?;
        if self.scale {
            let gamma = Declare::new(&self.gamma_initializer)
                .regularizer(self.gamma_regularizer.as_ref())
                .constraint(self.gamma_constraint.as_ref());
            w.add(&self.gamma, "gamma", [features], gamma)?;
        }
        if self.center {
            let beta = Declare::new(&self.beta_initializer)
                .regularizer(self.beta_regularizer.as_ref())
                .constraint(self.beta_constraint.as_ref());
            w.add(&self.beta, "beta", [features], beta)?;
        }
        let state = |i: &Initializer| Declare::new(i).trainable(false);
        let mean = state(&self.moving_mean_initializer);
        w.add(&self.moving_mean, "moving_mean", [features], mean)?;
        let variance = state(&self.moving_variance_initializer);
        w.add(
            &self.moving_variance,
            "moving_variance",
            [features],
            variance,
        )
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        let axis = x.shape().axis(self.axis, "batch_normalization")?;
        if x.mask().is_some_and(|m| m.rank() > x.rank()) {
            return Err(Error::shape(
                "batch_normalization",
                &[x.shape()],
                "a mask of its leading axes",
            ));
        }
        let mut features: Shape = std::iter::repeat_n(1, x.rank()).collect();
        features[axis] = x.shape()[axis];
        let (scale, shift) = if cx.is_training() && cx.is_trainable() {
            let axes: Axes = (0..x.rank()).filter(|&a| a != axis).collect();
            let (mean, variance) = self.batch_statistics(x, &axes)?;
            self.keep(&self.moving_mean, &mean)?;
            self.keep(&self.moving_variance, &variance)?;
            self.scale_and_shift(&mean, &variance)?
        } else {
            self.scale_and_shift(&self.moving_mean, &self.moving_variance)?
        };
        let scaled = ops::multiply(x, ops::reshape_to(scale, features.clone())?)?;
        ops::add(&scaled, ops::reshape_to(shift, features)?)
    }
}

impl BatchNormalization {
    /// `gamma / sqrt(variance + epsilon)`, and `beta - mean` times that.
    fn scale_and_shift(
        &self,
        mean: impl ops::Operand,
        variance: impl ops::Operand,
    ) -> Result<(Tensor, Tensor)> {
        let mut scale = ops::rsqrt(ops::add(variance, self.epsilon)?)?;
        if self.scale {
            scale = ops::multiply(&scale, &self.gamma)?;
        }
        let mut shift = ops::negative(ops::multiply(mean, &scale)?)?;
        if self.center {
            shift = ops::add(&shift, &self.beta)?;
        }
        Ok((scale, shift))
    }
}
