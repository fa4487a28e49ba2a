use keras_tensor::random::next_seed;
use keras_tensor::{Distribution, Error, Result, Shape, Tensor, ops};

use super::CONVNEXT;
use crate::{Call, Dims, Layer, Weights};

layer! {
    /// Leaves out whole examples in training, and scales the others by `1 / (1 - drop_path_rate)`.
    ///
    /// Paper: Huang et al., Deep Networks with Stochastic Depth, 2016.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::StochasticDepth};
    /// use keras_tensor::ops;
    /// let x = ops::ones([4, 3], Default::default())?;
    /// let y = LayerRef::from(StochasticDepth::new(0.5)).call(&x, &Call::training())?;
    /// assert!(y.to_vec::<f32>()?.chunks(3).all(|row| row == [0.0; 3] || row == [2.0; 3]));
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    StochasticDepth(
        /// The share of examples that is left out, from 0 to below 1.
        set drop_path_rate: f64 = 0.0,
    ) {} keeps {}
}

impl Layer for StochasticDepth {
    fn module(&self) -> &'static str {
        CONVNEXT
    }

    fn is_weightless(&self) -> bool {
        true
    }

    fn build(&self, _: &Dims, _: &mut Weights) -> Result<()> {
        if (0.0..1.0).contains(&self.drop_path_rate) {
            return Ok(());
        }
        let wanted = "a share from 0 to below 1";
        Err(Error::argument(
            "drop_path_rate",
            self.drop_path_rate,
            wanted,
        ))
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        if !cx.is_training() {
            return Ok(x.clone());
        }
        let keep = 1.0 - self.drop_path_rate;
        let even = Distribution::Uniform {
            low: 0.0,
            high: 1.0,
        };
        let each = x.shape().iter().take(1).copied();
        let shape: Shape = each.chain(std::iter::repeat(1)).take(x.rank()).collect();
        // Keras draws from the seed of the program here, not from one of the layer's own.
        let seed = Tensor::new(&[next_seed(), 0], [2])?;
        let drawn = ops::random(even, shape, x.dtype(), &seed)?;
        let kept = ops::floor(ops::add(drawn, keep)?)?;
        ops::multiply(ops::divide(x, keep)?, kept)
    }
}
