use keras_tensor::{Result, Tensor, ops};

use super::super::Numbers;
use super::{bounds, drawn, moving, on_images};
use crate::{Call, DataFormat, Dims, Layer, Seed, Weights};

layer! {
    /// Moves images in training, by shares of their size that are drawn. The same seed draws the same as Keras on
    /// TensorFlow.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::RandomTranslation};
    /// use keras_tensor::ops;
    /// let x = ops::ones([2, 8, 8, 3], Default::default())?;
    /// let y = LayerRef::from(RandomTranslation::new(0.1, 0.2)).call(&x, &Call::training())?;
    /// assert_eq!(y.shape(), x.shape());
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    RandomTranslation(
        /// How far down, as a share of the rows: `0.2` for a fifth up to a fifth down, or two bounds.
        into height_factor: Numbers = Numbers::One(0.0),
        /// How far to the right, as a share of the columns.
        into width_factor: Numbers = Numbers::One(0.0),
    ) {
        /// What comes in from beyond the edge: `"reflect"` (the default), `"constant"`, `"nearest"` or `"wrap"`.
        into fill_mode: String = "reflect".into(),
        /// `"bilinear"` (the default) or `"nearest"`.
        into interpolation: String = "bilinear".into(),
        /// Fixes what is drawn.
        into seed: Option<u32> = None,
        /// The value for `"constant"`; 0 by default.
        set fill_value: f64 = 0.0,
        /// `"channels_last"` (the default) or `"channels_first"`.
        into data_format: DataFormat = DataFormat::default(),
    } keeps {
        state: Seed,
    }
}

impl RandomTranslation {
    fn bounds(&self) -> Result<[[f64; 2]; 2]> {
        let height = bounds::of(&self.height_factor, "RandomTranslation.height_factor")?;
        let width = bounds::of(&self.width_factor, "RandomTranslation.width_factor")?;
        Ok([height, width])
    }
}

impl Layer for RandomTranslation {
    fn is_weightless(&self) -> bool {
        true
    }

    fn build(&self, _: &Dims, w: &mut Weights) -> Result<()> {
        self.bounds()?;
        moving(&self.interpolation, &self.fill_mode)?;
        w.add_seed(&self.state, self.seed)
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        let x = ops::cast(x, cx.compute_dtype())?;
        if !cx.is_training() || x.is_meta() {
            return Ok(x);
        }
        let (interpolation, fill_mode) = moving(&self.interpolation, &self.fill_mode)?;
        let [height, width] = self.bounds()?;
        on_images(&x, &self.data_format, &mut |images| {
            let down = drawn(images, height, &self.state)?;
            let right = drawn(images, width, &self.state)?;
            let (rows, columns) = (images.shape()[1] as f32, images.shape()[2] as f32);
            let moves = right.iter().zip(&down);
            let moves: Vec<_> = moves
                .map(|(&x, &y)| [1.0, 0.0, -(x * columns), 0.0, 1.0, -(y * rows), 0.0, 0.0])
                .collect();
            ops::affine_transform(images, &moves, interpolation, fill_mode, self.fill_value)
        })
    }
}
