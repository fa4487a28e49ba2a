use keras_tensor::{Outputs, Result, Tensor};

use crate::{Arguments, Call, Layer};

layer! {
    /// Returns what it is called with, one tensor or several.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::Identity};
    /// use keras_tensor::ops;
    /// let x = ops::ones([2, 3], Default::default())?;
    /// let y = LayerRef::from(Identity::new()).call(&x, &Call::inference())?;
    /// assert_eq!(y.to_string(), x.to_string());
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    Identity() {} keeps {}
}

impl Layer for Identity {
    fn is_weightless(&self) -> bool {
        true
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        Ok(x.clone())
    }

    fn call_many(&self, inputs: &Arguments<Tensor>, _: &Call) -> Result<Outputs> {
        Ok(inputs.inputs().iter().cloned().collect())
    }
}
