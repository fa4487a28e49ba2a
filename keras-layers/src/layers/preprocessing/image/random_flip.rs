use keras_tensor::{Error, Result, Shape, Tensor, ops};

use super::{drawn, on_images};
use crate::{Call, DataFormat, Dims, Layer, Seed, Weights};

layer! {
    /// Mirrors every second image in training; which ones is drawn. The same seed mirrors the same images as in Keras on
    /// TensorFlow.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::RandomFlip};
    /// use keras_tensor::Tensor;
    /// let x = Tensor::new(&[1.0f32, 2.0], [1, 1, 2, 1])?;
    /// let layer = LayerRef::from(RandomFlip::new().mode("horizontal").seed(1));
    /// let y = layer.call(&x, &Call::training())?.to_vec::<f32>()?;
    /// assert!(y == [1.0, 2.0] || y == [2.0, 1.0]);
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    RandomFlip() {
        /// `"horizontal"` for left and right, `"vertical"` for top and bottom, `"horizontal_and_vertical"` (the default)
        /// for both.
        into mode: String = "horizontal_and_vertical".into(),
        /// Fixes what is drawn.
        into seed: Option<u32> = None,
        /// `"channels_last"` (the default) or `"channels_first"`.
        into data_format: DataFormat = DataFormat::default(),
    } keeps {
        state: Seed,
    }
}

impl RandomFlip {
    /// The axes of images that are mirrored.
    fn axes(&self) -> Result<&'static [isize]> {
        match self.mode.as_str() {
            "horizontal" => Ok(&[2]),
            "vertical" => Ok(&[1]),
            "horizontal_and_vertical" => Ok(&[2, 1]),
            other => {
                let wanted = "horizontal, vertical or horizontal_and_vertical";
                Err(Error::argument(
                    "RandomFlip.mode",
                    format!("{other:?}"),
                    wanted,
                ))
            }
        }
    }
}

impl Layer for RandomFlip {
    fn is_weightless(&self) -> bool {
        true
    }

    fn build(&self, _: &Dims, w: &mut Weights) -> Result<()> {
        self.axes()?;
        w.add_seed(&self.state, self.seed)
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        let x = ops::cast(x, cx.compute_dtype())?;
        if !cx.is_training() || x.is_meta() {
            return Ok(x);
        }
        on_images(&x, &self.data_format, &mut |images| {
            let flips = drawn(images, [0.0, 1.0], &self.state)?;
            let flips: Vec<bool> = flips.into_iter().map(|f| f <= 0.5).collect();
            let flips = Tensor::new(&flips, Shape::from([flips.len(), 1, 1, 1]))?;
            self.axes()?.iter().try_fold(images.clone(), |y, &axis| {
                ops::where_(&flips, mirrored(&y, axis)?, &y)
            })
        })
    }
}

/// The axis from its end to its begin.
fn mirrored(x: &Tensor, axis: isize) -> Result<Tensor> {
    let size = x.shape()[axis as usize];
    let places: Vec<i32> = (0..size as i32).rev().collect();
    ops::take(x, Tensor::new(&places, [size])?, axis)
}
