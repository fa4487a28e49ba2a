use keras_tensor::{Error, Result, Tensor, ops};

use super::super::Numbers;
use super::{bounds, drawn, moving, on_images};
use crate::{Call, DataFormat, Dims, Layer, Seed, Weights};

layer! {
    /// Shows images smaller or larger in training, by shares that are drawn. The same seed draws the same as Keras on
    /// TensorFlow.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::RandomZoom};
    /// use keras_tensor::ops;
    /// let x = ops::ones([2, 8, 8, 3], Default::default())?;
    /// let y = LayerRef::from(RandomZoom::new(0.2)).call(&x, &Call::training())?;
    /// assert_eq!(y.shape(), x.shape());
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    RandomZoom(
        /// How much more rows are seen: `0.2` for a fifth less to a fifth more, or two bounds above -1.
        into height_factor: Numbers = Numbers::One(0.0),
    ) {
        /// The same for columns; by default they go with the rows, so that the ratio of the sides stays.
        some width_factor: Option<Numbers> = None,
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

/// The least and the largest zoom.
fn zooms(factor: &Numbers, argument: &str) -> Result<[f64; 2]> {
    let [low, high] = bounds::of(factor, argument)?;
    if low <= -1.0 && factor != &Numbers::One(1.0) {
        let wanted = "more than -1, because nothing would be left to see";
        return Err(Error::argument(argument, low, wanted));
    }
    Ok([1.0 + low, 1.0 + high])
}

impl RandomZoom {
    fn zooms(&self) -> Result<([f64; 2], Option<[f64; 2]>)> {
        let width = self.width_factor.as_ref();
        let width = width.map(|factor| zooms(factor, "RandomZoom.width_factor"));
        let height = zooms(&self.height_factor, "RandomZoom.height_factor")?;
        Ok((height, width.transpose()?))
    }
}

impl Layer for RandomZoom {
    fn is_weightless(&self) -> bool {
        true
    }

    fn build(&self, _: &Dims, w: &mut Weights) -> Result<()> {
        self.zooms()?;
        moving(&self.interpolation, &self.fill_mode)?;
        w.add_seed(&self.state, self.seed)
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        let x = ops::cast(x, cx.compute_dtype())?;
        if !cx.is_training() || x.is_meta() {
            return Ok(x);
        }
        let (interpolation, fill_mode) = moving(&self.interpolation, &self.fill_mode)?;
        let (height, width) = self.zooms()?;
        on_images(&x, &self.data_format, &mut |images| {
            let height = drawn(images, height, &self.state)?;
            let width = match width {
                Some(width) => drawn(images, width, &self.state)?,
                None => height.clone(),
            };
            let begin =
                |axis: usize, zoom: f32| (images.shape()[axis] as f32 - 1.0) / 2.0 * (1.0 - zoom);
            let zooms = width.iter().zip(&height);
            let zooms: Vec<_> = zooms
                .map(|(&x, &y)| [x, 0.0, begin(2, x), 0.0, y, begin(1, y), 0.0, 0.0])
                .collect();
            ops::affine_transform(images, &zooms, interpolation, fill_mode, self.fill_value)
        })
    }
}
