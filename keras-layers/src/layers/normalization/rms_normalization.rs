use keras_tensor::op::{Fold, Over};
use keras_tensor::{Result, Tensor, ops};

use super::scale::{in_one, over_samples, sizes, spread, widened};
use crate::{AxisList, Call, Dims, Following, Layer, Weight, Weights};

layer! {
    /// Divides by the root of the mean of squares: `scale * x / sqrt(mean(x^2) + epsilon)`.
    ///
    /// Paper: Zhang and Sennrich, 2019.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::RMSNormalization};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(RMSNormalization::new().epsilon(0.0));
    /// let y = layer.call(&ops::full([1, 2], 4.0, Default::default())?, &Call::inference())?;
    /// assert_eq!(y.to_string(), "[[1 1]]");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    RMSNormalization() {
        /// The axis of features, or several; -1 by default.
        into axis: AxisList = (-1).into(),
        /// Added to the mean of squares; 1e-6 by default.
        set epsilon: f64 = 1e-6,
    } keeps {
        scale: Weight,
    }
}

impl Layer for RMSNormalization {
    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        w.add(&self.scale, "scale", sizes(input, &self.axis)?, "ones")
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        let wide = widened(x)?;
        if let Some(first) = over_samples(x, &self.axis)? {
            let weights = [Some(&self.scale), None];
            let over = Over::Squares(first);
            if let Some([y, ..]) =
                in_one(&wide, over, self.epsilon, weights, &Following::default())?
            {
                return ops::cast(&y, x.dtype());
            }
        }
        let squares = ops::reduce(ops::square(&wide)?, Fold::Mean, &self.axis, true)?;
        let factor = ops::rsqrt(ops::add(&squares, self.epsilon)?)?;
        let y = ops::multiply(&wide, &factor)?;
        let y = ops::multiply(&y, spread(&self.scale, x.shape(), &self.axis)?)?;
        ops::cast(&y, x.dtype())
    }
}
