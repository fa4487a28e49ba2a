use keras_tensor::op::{Axes, Fold};
use keras_tensor::{Error, Result, Shape, Tensor, ops};

use crate::axes::one_axis;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Call, Declare, Dims, Layer, Weight, Weights};

layer! {
    /// Brings each feature to mean 0 and variance 1: `gamma * (x - mean) / sqrt(variance + epsilon) + beta`.
    ///
    /// In training, mean and (population) variance are those of the batch, and moving averages of them are kept
    /// (`moving = momentum * moving + (1 - momentum) * batch`); in inference, and when the layer is frozen, the moving
    /// averages are used. Paper: Ioffe and Szegedy, 2015.
    BatchNormalization() {
        /// The axis of features; -1 by default.
        #[serde(deserialize_with = "one_axis")]
        set axis: isize = -1,
        /// How much of the moving averages stays at each step; 0.99 by default.
        set momentum: f64 = 0.99,
        /// Added to the variance; 0.001 by default.
        set epsilon: f64 = 0.001,
        /// Whether `beta` is added; it is by default.
        set center: bool = true,
        /// Whether `gamma` multiplies; it does by default.
        set scale: bool = true,
        /// How `beta` begins; `zeros` by default.
        into beta_initializer: Initializer = "zeros".into(),
        /// How `gamma` begins; `ones` by default.
        into gamma_initializer: Initializer = "ones".into(),
        /// How the moving mean begins; `zeros` by default.
        into moving_mean_initializer: Initializer = "zeros".into(),
        /// How the moving variance begins; `ones` by default.
        into moving_variance_initializer: Initializer = "ones".into(),
        /// What `beta` adds to the loss.
        some beta_regularizer: Option<Regularizer> = None,
        /// What `gamma` adds to the loss.
        some gamma_regularizer: Option<Regularizer> = None,
        /// What holds for `beta` after each update.
        some beta_constraint: Option<Constraint> = None,
        /// What holds for `gamma` after each update.
        some gamma_constraint: Option<Constraint> = None,
        /// Accepted for Keras's sake: there is one device, so its statistics are all there are.
        set synchronized: bool = false,
    } keeps {
        gamma: Weight,
        beta: Weight,
        moving_mean: Weight,
        moving_variance: Weight,
    }
}

impl BatchNormalization {
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
    fn takes_mask(&self) -> bool {
        true
    }

    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        let features = input.axis(self.axis)?;
        if self.scale {
            let gamma = Declare::of(
                &self.gamma_initializer,
                &self.gamma_regularizer,
                &self.gamma_constraint,
            );
            w.add(&self.gamma, "gamma", [features], gamma)?;
        }
        if self.center {
            let beta = Declare::of(
                &self.beta_initializer,
                &self.beta_regularizer,
                &self.beta_constraint,
            );
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
