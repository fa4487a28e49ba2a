use keras_tensor::{Result, Tensor};
use std::sync::OnceLock;

use crate::regularizers::{L1L2, Regularizer};
use crate::{Call, Layer};

layer! {
    /// Adds `l1 * sum(|x|) + l2 * sum(x^2)`, by sample, to the loss, and returns `x`.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::ActivityRegularization};
    /// use keras_tensor::ops;
    /// let (layer, call) = (LayerRef::from(ActivityRegularization::new().l2(0.5)), Call::training());
    /// layer.call(&ops::full([2, 3], 2.0, Default::default())?, &call)?;
    /// assert_eq!(call.take_losses()[0].item()?, 6.0);
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    ActivityRegularization() {
        /// The factor of absolute values; 0 by default.
        set l1: f64 = 0.0,
        /// The factor of squares; 0 by default.
        set l2: f64 = 0.0,
    } keeps {
        regularizer: OnceLock<Regularizer>,
    }
}

impl Layer for ActivityRegularization {
    fn is_weightless(&self) -> bool {
        true
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        Ok(x.clone())
    }

    fn activity_regularizer(&self) -> Option<&Regularizer> {
        let made = || L1L2::new(self.l1, self.l2).into();
        Some(self.regularizer.get_or_init(made))
    }
}
