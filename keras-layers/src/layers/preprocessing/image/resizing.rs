use keras_tensor::ops::Interpolation;
use keras_tensor::{Error, Result, Tensor, ops};

use super::on_images;
use crate::{Call, DataFormat, Layer};

layer! {
    /// Images in another size; whole numbers stay whole.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::Resizing};
    /// use keras_tensor::ops;
    /// let x = ops::ones([2, 8, 6, 3], Default::default())?;
    /// let y = LayerRef::from(Resizing::new(4, 4)).call(&x, &Call::inference())?;
    /// assert_eq!(y.shape().to_string(), "(2, 4, 4, 3)");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    Resizing(
        /// How many rows there are then.
        set height: usize = 0,
        /// How many columns there are then.
        set width: usize = 0,
    ) {
        /// `"bilinear"` (the default), `"nearest"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.
        into interpolation: String = "bilinear".into(),
        /// Whether images with another ratio of their sides are cropped, not stretched; they are not by default.
        set crop_to_aspect_ratio: bool = false,
        /// Whether images with another ratio of their sides are padded, not stretched; they are not by default.
        set pad_to_aspect_ratio: bool = false,
        /// What images are padded with: `"constant"`, a value.
        into fill_mode: String = "constant".into(),
        /// The value; 0 by default.
        set fill_value: f64 = 0.0,
        /// Whether each pixel of a smaller image looks at all that it covers; it does not by default.
        set antialias: bool = false,
        /// `"channels_last"` (the default) or `"channels_first"`.
        into data_format: DataFormat = DataFormat::default(),
    } keeps {}
}

impl Layer for Resizing {
    fn is_weightless(&self) -> bool {
        true
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        let interpolation: Interpolation = self.interpolation.parse()?;
        if self.fill_mode != "constant" {
            return Err(Error::argument("fill_mode", &self.fill_mode, "constant"));
        }
        if self.crop_to_aspect_ratio && self.pad_to_aspect_ratio {
            let wanted = "one of both at most";
            return Err(Error::argument("crop_to_aspect_ratio", "both", wanted));
        }
        let size = [self.height, self.width];
        on_images(x, &self.data_format, &mut |images| {
            let fitting = match (self.crop_to_aspect_ratio, self.pad_to_aspect_ratio) {
                (true, _) => ops::crop_to_ratio(images, size)?,
                (_, true) => ops::pad_to_ratio(images, size, self.fill_value)?,
                _ => images.clone(),
            };
            let resized = match self.antialias {
                true => ops::resize_antialiased(fitting, size, interpolation)?,
                false => ops::resize(fitting, size, interpolation)?,
            };
            if resized.dtype() == x.dtype() || x.dtype().is_float() {
                return Ok(resized);
            }
            ops::cast(ops::round(resized)?, x.dtype())
        })
    }
}
