use keras_tensor::op::{Axes, Fold, Fused, Over};
use keras_tensor::{DType, Error, Result, Shape, Tensor, ops};

use super::renorm::{Renorm, RenormClipping, keep};
use super::scale::{in_one, scaled, widened};
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Axis, Call, Declare, Dims, Following, Layer, Weight, Weights};

layer! {
    /// Brings each feature to mean 0 and variance 1: `gamma * (x - mean) / sqrt(variance + epsilon) + beta`.
    ///
    /// In training, mean and (population) variance are those of the batch, and moving averages of them are kept
    /// (`moving = momentum * moving + (1 - momentum) * batch`); in inference, and when the layer is frozen, the moving
    /// averages are used. Paper: Ioffe and Szegedy, 2015. With `renorm`, training corrects what the batch's statistics
    /// give towards what the moving ones would (Ioffe, 2017).
    BatchNormalization() {
        /// The axis of features; -1 by default.
        into axis: Axis = Axis(-1),
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
        /// Whether training corrects by moving statistics, so that small batches count less; false by default.
        set renorm: bool = false,
        /// Bounds of these corrections; none by default.
        some renorm_clipping: Option<RenormClipping> = None,
        /// How much stays at each step of the averages that training compares with; 0.99 by default.
        set renorm_momentum: f64 = 0.99,
        /// Accepted for Keras's sake: there is one device, so its statistics are all there are.
        set synchronized: bool = false,
        /// Whether the moving variance takes up `n / (n - 1)` times the variance of batches of images and volumes, as Keras 2
        /// did where TensorFlow had one kernel for it; false by default. Files of Keras 2 are read so.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        set keras2_variance: bool = false,
    } keeps {
        gamma: Weight,
        beta: Weight,
        moving_mean: Weight,
        moving_variance: Weight,
        renormed: Renorm,
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
}

impl Layer for BatchNormalization {
    fn takes_mask(&self) -> bool {
        true
    }

    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        let features = input.axis(self.axis.0)?;
        if self.scale {
            let gamma = Declare::of(
                &self.gamma_initializer,
                &self.gamma_regularizer,
                &self.gamma_constraint,
            )
            .autocast(false);
            w.add(&self.gamma, "gamma", [features], gamma)?;
        }
        if self.center {
            let beta = Declare::of(
                &self.beta_initializer,
                &self.beta_regularizer,
                &self.beta_constraint,
            )
            .autocast(false);
            w.add(&self.beta, "beta", [features], beta)?;
        }
        let state = |i: &Initializer| Declare::new(i).trainable(false).autocast(false);
        let mean = state(&self.moving_mean_initializer);
        w.add(&self.moving_mean, "moving_mean", [features], mean)?;
        let variance = state(&self.moving_variance_initializer);
        w.add(
            &self.moving_variance,
            "moving_variance",
            [features],
            variance,
        )?;
        if self.renorm {
            let clipping = self.renorm_clipping.clone().unwrap_or_default();
            let first = [
                &self.moving_mean_initializer,
                &self.moving_variance_initializer,
            ];
            self.renormed.declare(features, &clipping, first, w)?;
        }
        Ok(())
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        let axis = x.shape().axis(self.axis.0, "batch_normalization")?;
        if x.mask().is_some_and(|m| m.rank() > x.rank()) {
            return Err(Error::shape(
                "batch_normalization",
                &[x.shape()],
                "a mask of its leading axes",
            ));
        }
        // Sums of 16-bit floats overflow.
        let x = &*widened(x)?;
        let (scale, shift) = if cx.is_training() && cx.is_trainable() {
            if let Some(y) = self.train_in_one(x, axis, &Following::default())? {
                return ops::cast(&y, cx.compute_dtype());
            }
            let axes: Axes = (0..x.rank()).filter(|&a| a != axis).collect();
            let (mean, variance) = self.batch_statistics(x, &axes)?;
            let moving = self.unbiased(x, axis, &variance)?;
            self.train(&mean, &variance, &moving)?
        } else {
            self.scale_and_shift(&self.moving_mean, &self.moving_variance, None)?
        };
        ops::cast(scaled(x, scale, shift, axis)?, cx.compute_dtype())
    }

    fn call_then(&self, x: &Tensor, then: &Following, cx: &Call) -> Result<Option<Tensor>> {
        let axis = x.shape().axis(self.axis.0, "batch_normalization")?;
        let trains = cx.is_training() && cx.is_trainable();
        let is_wide = matches!(x.dtype(), DType::F32 | DType::F64);
        let is_bound = matches!(then.activation, Fused::Linear | Fused::Relu | Fused::Relu6);
        let mut residual = then.residual.iter();
        if !(trains && is_wide && is_bound && residual.all(|r| r.shape() == x.shape())) {
            return Ok(None);
        }
        self.train_in_one(x, axis, then)
    }
}

impl BatchNormalization {
    /// What is normalized by the batch's statistics, which the moving ones take up, and what follows, where one op does it.
    fn train_in_one(&self, x: &Tensor, axis: usize, then: &Following) -> Result<Option<Tensor>> {
        if self.renorm || x.mask().is_some() {
            return Ok(None);
        }
        let weights = [
            self.scale.then_some(&self.gamma),
            self.center.then_some(&self.beta),
        ];
        let over = Over::Batch(axis);
        let Some([y, mean, variance]) = in_one(x, over, self.epsilon, weights, then)? else {
            return Ok(None);
        };
        keep(&self.moving_mean, self.momentum, &mean)?;
        let unbiased = self.unbiased(x, axis, &variance)?;
        keep(&self.moving_variance, self.momentum, &unbiased)?;
        Ok(Some(y))
    }

    /// The variance that the moving one takes up.
    fn unbiased(&self, x: &Tensor, axis: usize, variance: &Tensor) -> Result<Tensor> {
        let (rank, size) = (x.rank(), x.size() / x.shape()[axis].max(1));
        let one_kernel = matches!(rank, 4 | 5) && (axis == 1 || axis == rank - 1);
        if !self.keras2_variance || !one_kernel || x.mask().is_some() || size < 2 {
            return Ok(variance.clone());
        }
        ops::multiply(variance, size as f64 / (size - 1) as f64)
    }

    /// Scale and shift by a batch's statistics, which the moving ones take up.
    fn train(
        &self,
        mean: &Tensor,
        variance: &Tensor,
        unbiased: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        if !self.renorm {
            keep(&self.moving_mean, self.momentum, mean)?;
            keep(&self.moving_variance, self.momentum, unbiased)?;
            return self.scale_and_shift(mean, variance, None);
        }
        let (renorm, epsilon) = (&self.renormed, self.epsilon);
        let clipping = self.renorm_clipping.clone().unwrap_or_default();
        let corrections = renorm.corrections(&clipping, epsilon, mean, variance)?;
        keep(&self.moving_mean, self.momentum, mean)?;
        let momenta = [self.momentum, self.renorm_momentum];
        renorm.keep(&self.moving_variance, momenta, epsilon, mean, variance)?;
        self.scale_and_shift(mean, variance, Some(corrections))
    }

    /// `gamma * r / sqrt(variance + epsilon)`, and `beta + gamma * d - mean` times that; `r` is 1 and `d` is 0 where nothing
    /// is corrected.
    fn scale_and_shift(
        &self,
        mean: impl ops::Operand,
        variance: impl ops::Operand,
        corrections: Option<(Tensor, Tensor)>,
    ) -> Result<(Tensor, Tensor)> {
        let with_gamma = |x: Tensor| match self.scale {
            true => ops::multiply(&x, &self.gamma),
            false => Ok(x),
        };
        let (r, d) = corrections.unzip();
        let mut scale = with_gamma(ops::rsqrt(ops::add(variance, self.epsilon)?)?)?;
        if let Some(r) = r {
            scale = ops::multiply(&scale, r)?;
        }
        let mut shift = ops::negative(ops::multiply(mean, &scale)?)?;
        if let Some(d) = d {
            shift = ops::add(&shift, with_gamma(d)?)?;
        }
        if self.center {
            shift = ops::add(&shift, &self.beta)?;
        }
        Ok((scale, shift))
    }
}
