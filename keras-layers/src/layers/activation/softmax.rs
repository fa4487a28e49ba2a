use keras_tensor::{DType, Error, Result, Tensor, ops};
use serde::{Deserialize, Serialize};

use crate::{Axes, Call, Layer};

/// `exp(x) / sum(exp(x))` along an axis; where the input has a mask, masked places get 0.
///
/// The mask is broadcast to the input, last axes together.
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
        Softmax { axis: axes.into() }
    }
}

impl Layer for Softmax {
    fn takes_mask(&self) -> bool {
        true
    }

    fn is_weightless(&self) -> bool {
        true
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        let Some(mask) = x.mask() else {
            return self.of(x);
        };
        let fits = |(m, n): (&usize, &usize)| *m == 1 || m == n;
        let pairs = mask.shape().iter().rev().zip(x.shape().iter().rev());
        if mask.rank() > x.rank() || !pairs.into_iter().all(fits) {
            let shapes: [&[usize]; 2] = [x.shape(), mask.shape()];
            return Err(Error::shape(
                "softmax",
                &shapes,
                "a mask that is broadcast to the input",
            ));
        }
        let lowest: f64 = if x.dtype() == DType::F16 { -3e4 } else { -1e9 };
        let kept = ops::where_(mask, x, ops::full([], lowest, x.dtype())?)?;
        // Where everything is masked, the function would be even.
        ops::where_(mask, self.of(&kept)?, ops::zeros([], x.dtype())?)
    }
}

impl Softmax {
    fn of(&self, x: &Tensor) -> Result<Tensor> {
        match &self.axis {
            Axes::One(axis) => ops::softmax(x, *axis),
            Axes::Several(axes) => {
                let total = ops::logsumexp(x, &axes[..], true)?;
                ops::exp(ops::subtract(x, total)?)
            }
        }
    }
}
