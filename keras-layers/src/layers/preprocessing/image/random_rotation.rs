use keras_tensor::{Result, Tensor, ops};

use super::{Bounds, drawn, moving, on_images};
use crate::{Call, DataFormat, Dims, Layer, Seed, Weights};

layer! {
    /// Turns images about their middle in training, by angles that are drawn. The same seed draws the same angles as Keras
    /// on TensorFlow.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::RandomRotation};
    /// use keras_tensor::ops;
    /// let x = ops::ones([2, 8, 8, 3], Default::default())?;
    /// let y = LayerRef::from(RandomRotation::new(0.1)).call(&x, &Call::training())?;
    /// assert_eq!(y.shape(), x.shape());
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    RandomRotation(
        /// How far, as shares of a whole turn: `0.2` for -72 to 72 degrees, or two bounds.
        into factor: Bounds = 0.0.into(),
    ) {
        /// What comes in from beyond the edge: `"reflect"` (the default), `"constant"`, `"nearest"` or `"wrap"`.
        into fill_mode: String = "reflect".into(),
        /// The value for `"constant"`; 0 by default.
        set fill_value: f64 = 0.0,
        /// `"bilinear"` (the default) or `"nearest"`.
        into interpolation: String = "bilinear".into(),
        /// Fixes what is drawn.
        into seed: Option<u32> = None,
        /// `"channels_last"` (the default) or `"channels_first"`.
        into data_format: DataFormat = DataFormat::default(),
    } keeps {
        state: Seed,
    }
}

impl Layer for RandomRotation {
    fn is_weightless(&self) -> bool {
        true
    }

    fn build(&self, _: &Dims, w: &mut Weights) -> Result<()> {
        self.factor.of("RandomRotation.factor")?;
        moving(&self.interpolation, &self.fill_mode)?;
        w.add_seed(&self.state, self.seed)
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        let x = ops::cast(x, cx.compute_dtype())?;
        if !cx.is_training() || x.is_meta() {
            return Ok(x);
        }
        let (interpolation, fill_mode) = moving(&self.interpolation, &self.fill_mode)?;
        let degrees = self.factor.of("RandomRotation.factor")?.map(|f| f * 360.0);
        on_images(&x, &self.data_format, &mut |images| {
            let middle = [1, 2].map(|axis| 0.5 * (images.shape()[axis] as f32 - 1.0));
            let angles = drawn(images, degrees, &self.state)?;
            let turns: Vec<_> = angles.iter().map(|&a| turned(a, middle)).collect();
            ops::affine_transform(images, &turns, interpolation, fill_mode, self.fill_value)
        })
    }
}

/// The transform that looks up a pixel at an angle in degrees about the middle `[y, x]`.
fn turned(degrees: f32, [y, x]: [f32; 2]) -> [f32; 8] {
    let (sin, cos) = (degrees * (std::f64::consts::PI / 180.0) as f32).sin_cos();
    let right = x - x * cos - y * -sin;
    let down = y - x * sin - y * cos;
    [cos, -sin, right, sin, cos, down, 0.0, 0.0]
}
