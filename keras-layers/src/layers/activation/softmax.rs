use keras_tensor::{Result, Tensor, ops};
use serde::{Deserialize, Serialize};

use crate::{Call, Layer};

/// `exp(x) / sum(exp(x))` along an axis; where the input has a mask, masked places get 0.
///
/// ```
/// use keras_layers::{Call, LayerRef, layers::Softmax};
/// use keras_tensor::Tensor;
/// let layer = LayerRef::from(Softmax::new(-1));
/// let y = layer.call(&Tensor::new(&[2.0f32, 1.0, 0.1], [3])?, &Call::inference())?;
/// assert!((y.to_vec::<f32>()?[0] - 0.659).abs() < 1e-4);
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Softmax {
    axis: Axes,
}

/// One axis, or several taken together.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Axes {
    One(isize),
    Several(Vec<isize>),
}

impl Default for Softmax {
    fn default() -> Self {
        Softmax::new(-1)
    }
}

impl Softmax {
    /// Softmax along an axis; Keras's default is the last, -1.
    pub fn new(axis: isize) -> Self {
        Softmax {
            axis: Axes::One(axis),
        }
    }

    /// Softmax over several axes taken together.
    pub fn over(axes: &[isize]) -> Self {
        Softmax {
            axis: Axes::Several(axes.to_vec()),
        }
    }
}

impl Layer for Softmax {
    fn is_weightless(&self) -> bool {
        true
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        let masked;
        let x = match x.mask() {
            Some(mask) if mask.shape() == x.shape() => {
                let lowest = -3.402_823_5e38 / 2.0;
                masked = ops::where_(mask, x, ops::full_like(x, lowest)?)?;
                &masked
            }
            _ => x,
        };
        match &self.axis {
            Axes::One(axis) => ops::softmax(x, *axis),
            Axes::Several(axes) => {
                let total = ops::logsumexp(x, &axes[..], true)?;
                ops::exp(ops::subtract(x, total)?)
            }
        }
    }
}
