use keras_tensor::{Error, Result, Shape, Tensor, ops};

use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{AxisList, Call, Declare, Dims, Layer, Weight, Weights};

layer! {
    /// `x` where it is positive, `alpha * x` elsewhere, with an `alpha` that is learned for each place of a sample.
    ///
    /// Paper: He et al., 2015.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::PReLU};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(PReLU::new().shared_axes([1, 2]));
    /// layer.call(&ops::ones([2, 8, 8, 3], Default::default())?, &Call::inference())?;
    /// assert_eq!(layer.count_params(), 3);
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    PReLU() {
        /// How the slopes begin; `zeros` by default.
        into alpha_initializer: Initializer = "zeros".into(),
        /// What the slopes add to the loss.
        some alpha_regularizer: Option<Regularizer> = None,
        /// What holds for the slopes after each update.
        some alpha_constraint: Option<Constraint> = None,
        /// Axes whose places share a slope, counted from 1; none by default.
        some shared_axes: Option<AxisList> = None,
    } keeps {
        alpha: Weight,
    }
}

impl Layer for PReLU {
    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        let shared = self.shared_axes.as_deref().unwrap_or_default();
        if let Some(axis) = shared
            .iter()
            .find(|a| !(1..input.len() as isize).contains(a))
        {
            return Err(Error::argument(
                "shared_axes",
                axis,
                format!("axes after the batch of an input {input}"),
            ));
        }
        let shape = (1..input.len() as isize)
            .map(|axis| {
                if shared.contains(&axis) {
                    Ok(1)
                } else {
                    input.axis(axis)
                }
            })
            .collect::<Result<Shape>>()?;
        let alpha = Declare::of(
            &self.alpha_initializer,
            &self.alpha_regularizer,
            &self.alpha_constraint,
        );
        w.add(&self.alpha, "alpha", shape, alpha)
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        let below = ops::multiply(&self.alpha, ops::relu(ops::negative(x)?)?)?;
        ops::subtract(ops::relu(x)?, below)
    }
}
