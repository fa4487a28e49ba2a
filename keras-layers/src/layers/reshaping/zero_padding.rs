use keras_tensor::{Result, Tensor, ops};

use super::border::Border;
use crate::{Call, DataFormat, Layer};

layer! {
    /// Puts steps of zeros around `[batch, time, features]`.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::ZeroPadding1D};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(ZeroPadding1D::new((2, 1)));
    /// let y = layer.call(&ops::ones([2, 4, 3], Default::default())?, &Call::inference())?;
    /// assert_eq!(y.shape().to_string(), "(2, 7, 3)");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    ZeroPadding1D(
        /// How many steps: a number, or a pair `(before, after)`.
        into padding: Border<1> = Border::even(1),
    ) {
        /// Where channels lie; `channels_last` by default.
        into data_format: DataFormat = DataFormat::default(),
    } keeps {}
}

layer! {
    /// Puts rows and columns of zeros around images, `[batch, rows, columns, channels]`.
    ZeroPadding2D(
        /// How much: a number, one for rows and one for columns, or a pair for each.
        into padding: Border<2> = Border::even(1),
    ) {
        /// Where channels lie; `channels_last` by default.
        into data_format: DataFormat = DataFormat::default(),
    } keeps {}
}

layer! {
    /// Puts zeros around volumes, `[batch, a, b, c, channels]`.
    ZeroPadding3D(
        /// How much: a number, one for each axis, or a pair for each.
        into padding: Border<3> = Border::even(1),
    ) {
        /// Where channels lie; `channels_last` by default.
        into data_format: DataFormat = DataFormat::default(),
    } keeps {}
}

macro_rules! padding_layers {
    ($($Layer:ident $name:literal),*) => {$(
        impl Layer for $Layer {
            fn is_weightless(&self) -> bool {
                true
            }

            fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
                ops::pad(x, &self.padding.widths(x, &self.data_format, $name)?, 0.0)
            }

            fn mask(&self, _: &Tensor) -> Result<Option<Tensor>> {
                Ok(None)
            }
        }
    )*};
}
padding_layers!(ZeroPadding1D "zero_padding1d", ZeroPadding2D "zero_padding2d", ZeroPadding3D "zero_padding3d");
