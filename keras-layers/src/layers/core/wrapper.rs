use keras_tensor::{Outputs, Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::{Arguments, Call, Dims, Layer, LayerRef, Weights};

/// Holds a layer and calls it: the beginning of layers that change what another layer does.
///
/// ```
/// use keras_layers::{Call, LayerRef, layers::{Dense, Wrapper}};
/// use keras_tensor::ops;
/// let layer = LayerRef::from(Wrapper::new(Dense::new(3)));
/// let y = layer.call(&ops::ones([2, 4], Default::default())?, &Call::inference())?;
/// assert_eq!(y.shape().to_string(), "(2, 3)");
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Wrapper {
    layer: LayerRef,
}

impl Wrapper {
    /// Holds this layer.
    pub fn new(layer: impl Into<LayerRef>) -> Self {
        Wrapper {
            layer: layer.into(),
        }
    }

    /// The layer.
    pub fn layer(&self) -> &LayerRef {
        &self.layer
    }
}

impl Layer for Wrapper {
    fn build_many(&self, inputs: &Arguments<Dims>, w: &mut Weights) -> Result<()> {
        w.layer_as("layer", &self.layer);
        self.layer.build_many(inputs)
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        self.layer.call(x, cx)
    }

    fn call_many(&self, inputs: &Arguments<Tensor>, cx: &Call) -> Result<Outputs> {
        self.layer.call_many(inputs.clone(), cx)
    }

    fn mask(&self, x: &Tensor) -> Result<Option<Tensor>> {
        self.layer.mask(x)
    }
}
