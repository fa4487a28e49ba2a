use keras_tensor::op::Axes;
use keras_tensor::{Error, Result, Shape, Tensor, ops};

use super::scale::widened;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Call, Declare, Dims, Layer, Weight, Weights};

layer! {
    /// Brings groups of channels of each sample to mean 0 and variance 1.
    ///
    /// One group is layer normalization, as many as there are channels instance normalization.
    /// Paper: Wu and He, 2018.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::GroupNormalization};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(GroupNormalization::new().groups(2));
    /// let y = layer.call(&ops::ones([1, 3, 3, 4], Default::default())?, &Call::inference())?;
    /// assert_eq!(y.to_f64_vec()?, [0.0; 36]);
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    GroupNormalization() {
        /// How many groups; -1 for one a channel. 32 by default.
        set groups: isize = 32,
        /// The axis of channels; -1 by default.
        set axis: isize = -1,
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

impl GroupNormalization {
    /// How many groups `channels` make.
    fn count(&self, channels: usize) -> Result<usize> {
        let groups = if self.groups == -1 {
            channels
        } else {
            usize::try_from(self.groups).unwrap_or(0)
        };
        if groups == 0 || !channels.is_multiple_of(groups) {
            return Err(Error::argument(
                "groups",
                self.groups,
                format!("-1 or a divisor of the number of channels, {channels}"),
            ));
        }
        Ok(groups)
    }
}

impl Layer for GroupNormalization {
    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        let channels = input.axis(self.axis)?;
        self.count(channels)?;
        if self.scale {
            let gamma = Declare::of(
                &self.gamma_initializer,
                &self.gamma_regularizer,
                &self.gamma_constraint,
            );
            w.add(&self.gamma, "gamma", [channels], gamma)?;
        }
        if self.center {
            let beta = Declare::of(
                &self.beta_initializer,
                &self.beta_regularizer,
                &self.beta_constraint,
            );
            w.add(&self.beta, "beta", [channels], beta)?;
        }
        Ok(())
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        let axis = x.shape().axis(self.axis, "group_normalization")?;
        let groups = self.count(x.shape()[axis])?;
        let members = x.shape()[axis] / groups;
        let mut grouped = x.shape().clone();
        grouped[axis] = members;
        grouped.insert(axis, groups);
        let mut beside: Shape = std::iter::repeat_n(1, grouped.rank()).collect();
        (beside[axis], beside[axis + 1]) = (groups, members);

        let wide = ops::reshape_to(&*widened(x)?, grouped)?;
        let over: Axes = (1..wide.rank()).filter(|&a| a != axis).collect();
        let (mean, variance) = ops::moments(&wide, over, true)?;
        let mut factor = ops::rsqrt(ops::add(&variance, self.epsilon)?)?;
        if self.scale {
            factor = ops::multiply(&factor, ops::reshape_to(&self.gamma, beside.clone())?)?;
        }
        let mut shift = ops::negative(ops::multiply(&mean, &factor)?)?;
        if self.center {
            shift = ops::add(&shift, ops::reshape_to(&self.beta, beside)?)?;
        }
        let y = ops::add(ops::multiply(&wide, &factor)?, &shift)?;
        ops::cast(ops::reshape_to(&y, x.shape().clone())?, x.dtype())
    }
}
