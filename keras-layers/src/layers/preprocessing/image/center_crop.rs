use keras_tensor::ops::{self, Interpolation};
use keras_tensor::{Result, Tensor};

use super::on_images;
use crate::{Call, DataFormat, Layer};

layer! {
    /// The middle of images; those that are smaller are cropped to the ratio of the sides and enlarged.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::CenterCrop};
    /// use keras_tensor::Tensor;
    /// let x = Tensor::new(&[1.0f32, 2.0, 3.0], [1, 1, 3, 1])?;
    /// let y = LayerRef::from(CenterCrop::new(1, 1)).call(&x, &Call::inference())?;
    /// assert_eq!(y.to_vec::<f32>()?, [2.0]);
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    CenterCrop(
        /// How many rows are left.
        set height: usize = 0,
        /// How many columns are left.
        set width: usize = 0,
    ) {
        /// `"channels_last"` (the default) or `"channels_first"`.
        into data_format: DataFormat = DataFormat::default(),
    } keeps {}
}

impl Layer for CenterCrop {
    fn is_weightless(&self) -> bool {
        true
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        let x = ops::cast(x, cx.compute_dtype())?;
        let size @ [height, width] = [self.height, self.width];
        on_images(&x, &self.data_format, &mut |images| {
            let (rows, columns) = (images.shape()[1], images.shape()[2]);
            if rows < height || columns < width {
                let part = ops::crop_to_ratio(images, size)?;
                return ops::resize(part, size, Interpolation::Bilinear);
            }
            let part = ops::slice_axis(images, 1, (rows - height) / 2, height)?;
            ops::slice_axis(part, 2, (columns - width) / 2, width)
        })
    }
}
