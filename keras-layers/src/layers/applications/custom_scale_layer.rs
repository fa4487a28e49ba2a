use keras_tensor::{Error, Outputs, Result, Tensor, ops};

use crate::{Arguments, Call, Layer};

layer! {
    /// The first of two inputs with the second, made smaller, added to it: a layer of InceptionResNetV2.
    CustomScaleLayer(
        /// What the second input is multiplied by.
        set scale: f64 = 1.0,
    ) {} keeps {}
}

impl Layer for CustomScaleLayer {
    fn module(&self) -> &'static str {
        "keras.src.applications.inception_resnet_v2"
    }

    fn is_weightless(&self) -> bool {
        true
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        Err(Error::shape(
            "custom_scale_layer",
            &[x.shape()],
            "two inputs",
        ))
    }

    fn call_many(&self, inputs: &Arguments<Tensor>, cx: &Call) -> Result<Outputs> {
        let tensors: Vec<&Tensor> = inputs.tensors().collect();
        let [x, branch] = tensors[..] else {
            return self
                .call(inputs.first()?, cx)
                .map(|y| Outputs::from_iter([y]));
        };
        let y = ops::add(x, ops::multiply(branch, self.scale)?)?;
        Ok(Outputs::from_iter([y]))
    }
}
