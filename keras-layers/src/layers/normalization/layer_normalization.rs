use keras_tensor::op::Over;
use keras_tensor::{Result, Shape, Tensor, ops};

use super::scale::{in_one, over_samples, sizes, spread, widened};
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{AxisList, Call, Declare, Dims, Following, Layer, Weight, Weights};

layer! {
    /// Brings the features of each sample to mean 0 and variance 1: `gamma * (x - mean) / sqrt(variance + epsilon) + beta`.
    ///
    /// Paper: Ba et al., 2016.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::LayerNormalization};
    /// use keras_tensor::Tensor;
    /// let layer = LayerRef::from(LayerNormalization::new().epsilon(0.0));
    /// let y = layer.call(&Tensor::new(&[1.0f32, 3.0], [1, 2])?, &Call::inference())?;
    /// assert_eq!(y.to_string(), "[[-1 1]]");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    LayerNormalization() {
        /// The axis of features, or several; -1 by default.
        into axis: AxisList = (-1).into(),
        /// Added to the variance; 0.001 by default.
        set epsilon: f64 = 0.001,
        /// Whether `beta` is added; it is by default.
        set center: bool = true,
        /// Whether `gamma` multiplies; it does by default.
        set scale: bool = true,
        /// Only divides by the deviation: `gamma * x / sqrt(variance + epsilon)`; not by default.
        /// [`super::RMSNormalization`] is what is usually meant.
        set rms_scaling: bool = false,
        /// How `beta` begins; `zeros` by default.
        into beta_initializer: Initializer = "zeros".into(),
        /// How `gamma` begins; `ones` by default.
        into gamma_initializer: Initializer = "ones".into(),
        /// What `beta` adds to the loss.
        some beta_regularizer: Option<Regularizer> = None,
        /// What `gamma` adds to the loss.
        some gamma_regularizer: Option<Regularizer> = None,
        /// What holds for `beta` after each update.
        some beta_constraint: Option<Constraint> = None,
        /// What holds for `gamma` after each update.
        some gamma_constraint: Option<Constraint> = None,
    } keeps {
        gamma: Weight,
        beta: Weight,
    }
}

impl Layer for LayerNormalization {
    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        let shape: Shape = sizes(input, &self.axis)?;
        if self.scale || self.rms_scaling {
            let gamma = Declare::of(
                &self.gamma_initializer,
                &self.gamma_regularizer,
                &self.gamma_constraint,
            )
            .autocast(false);
            w.add(&self.gamma, "gamma", shape.clone(), gamma)?;
        }
        if self.center && !self.rms_scaling {
            let beta = Declare::of(
                &self.beta_initializer,
                &self.beta_regularizer,
                &self.beta_constraint,
            )
            .autocast(false);
            w.add(&self.beta, "beta", shape, beta)?;
        }
        Ok(())
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        let wide = widened(x)?;
        // What `rms_scaling` divides by is the deviation from the mean, too, not the root of the mean of squares.
        if let Some(first) = over_samples(x, &self.axis)?.filter(|_| !self.rms_scaling) {
            let weights = [
                self.scale.then_some(&self.gamma),
                self.center.then_some(&self.beta),
            ];
            if let Some([y, ..]) = in_one(
                &wide,
                Over::Sample(first),
                self.epsilon,
                weights,
                &Following::default(),
            )? {
                return ops::cast(&y, cx.compute_dtype());
            }
        }
        let (mean, variance) = ops::moments(&wide, &self.axis, true)?;
        let mut factor = ops::rsqrt(ops::add(&variance, self.epsilon)?)?;
        if self.scale || self.rms_scaling {
            factor = ops::multiply(&factor, spread(&self.gamma, x.shape(), &self.axis)?)?;
        }
        let mut y = ops::multiply(&wide, &factor)?;
        if !self.rms_scaling {
            y = ops::subtract(&y, ops::multiply(&mean, &factor)?)?;
            if self.center {
                y = ops::add(&y, spread(&self.beta, x.shape(), &self.axis)?)?;
            }
        }
        ops::cast(&y, cx.compute_dtype())
    }

    /// What comes in `float32` is normalized in `float32`, whatever the layer computes in.
    fn autocasts(&self) -> bool {
        false
    }
}
