use keras_tensor::{Error, Result, Tensor, ops};

use super::border::Border;
use crate::{Call, DataFormat, Layer};

/// What is left of `x` without its border.
fn crop<const N: usize>(
    x: &Tensor,
    cropping: &Border<N>,
    format: &DataFormat,
    layer: &str,
) -> Result<Tensor> {
    let widths = cropping.widths(x, format, layer)?;
    let left = |(&n, &(before, after)): (&usize, &(usize, usize))| {
        n.checked_sub(before)?
            .checked_sub(after)
            .filter(|&left| left > 0 || before + after == 0)
    };
    let size: Option<Vec<usize>> = x.shape().iter().zip(&widths).map(left).collect();
    let size = size.ok_or_else(|| {
        Error::shape(
            layer,
            &[x.shape()],
            format!("axes longer than what is cut off them, {widths:?}"),
        )
    })?;
    let begin: Vec<usize> = widths.iter().map(|w| w.0).collect();
    ops::slice(x, &begin, &size)
}

layer! {
    /// Cuts time steps off both ends of `[batch, time, features]`.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::Cropping1D};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(Cropping1D::new((1, 2)));
    /// let y = layer.call(&ops::ones([2, 8, 3], Default::default())?, &Call::inference())?;
    /// assert_eq!(y.shape().to_string(), "(2, 5, 3)");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    Cropping1D(
        /// How many steps: a number, or a pair `(before, after)`.
        into cropping: Border<1> = Border::even(1),
    ) {} keeps {}
}

layer! {
    /// Cuts rows and columns off images, `[batch, rows, columns, channels]`.
    Cropping2D(
        /// How much: a number, one for rows and one for columns, or a pair for each.
        into cropping: Border<2> = Border::even(0),
    ) {
        /// Where channels lie; `channels_last` by default.
        into data_format: DataFormat = DataFormat::default(),
    } keeps {}
}

layer! {
    /// Cuts the borders off volumes, `[batch, a, b, c, channels]`.
    Cropping3D(
        /// How much: a number, one for each axis, or a pair for each.
        into cropping: Border<3> = Border::even(1),
    ) {
        /// Where channels lie; `channels_last` by default.
        into data_format: DataFormat = DataFormat::default(),
    } keeps {}
}

macro_rules! cropping_layer {
    ($Layer:ident, $name:literal, $layer:ident => $format:expr) => {
        impl Layer for $Layer {
            fn is_weightless(&self) -> bool {
                true
            }

            fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
                let $layer = self;
                crop(x, &self.cropping, $format, $name)
            }

            fn mask(&self, _: &Tensor) -> Result<Option<Tensor>> {
                Ok(None)
            }
        }
    };
}
cropping_layer!(Cropping1D, "cropping1d", _layer => &DataFormat::default());
cropping_layer!(Cropping2D, "cropping2d", layer => &layer.data_format);
cropping_layer!(Cropping3D, "cropping3d", layer => &layer.data_format);
