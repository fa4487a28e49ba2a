use keras_tensor::ops::{self, Pooling};
use keras_tensor::{Result, Tensor};

use super::channels_last;
use crate::{Call, DataFormat, Layer, Sizes};

macro_rules! adaptive {
    ($(#[doc = $doc:literal])+ $Layer:ident, $space:literal, $pooling:ident) => {
        layer! {
            $(#[doc = $doc])+
            $Layer(
                /// Sizes of the output in space: one number or one for each axis.
                into output_size: Sizes<$space> = Sizes::from(1),
            ) {
                /// Where channels lie; `channels_last` by default.
                into data_format: DataFormat = DataFormat::default(),
            } keeps {}
        }

        impl Layer for $Layer {
            fn is_weightless(&self) -> bool {
                true
            }

            fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
                channels_last(x, $space, &self.data_format, &mut |x| {
                    ops::adaptive_pool(x, Pooling::$pooling, &self.output_size)
                })
            }

            fn mask(&self, _: &Tensor) -> Result<Option<Tensor>> {
                Ok(None)
            }
        }
    };
}

adaptive! {
    /// Means of windows over time that make an output of a wanted length, `[batch, time, channels]`.
    AdaptiveAveragePooling1D, 1, Average
}
adaptive! {
    /// Means of windows of images that make an output of a wanted size, `[batch, rows, columns, channels]`.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::AdaptiveAveragePooling2D};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(AdaptiveAveragePooling2D::new([2, 3]));
    /// let y = layer.call(&ops::ones([1, 5, 7, 4], Default::default())?, &Call::inference())?;
    /// assert_eq!(y.shape().to_string(), "(1, 2, 3, 4)");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    AdaptiveAveragePooling2D, 2, Average
}
adaptive! {
    /// Means of windows of volumes that make an output of a wanted size, `[batch, a, b, c, channels]`.
    AdaptiveAveragePooling3D, 3, Average
}
adaptive! {
    /// The largest of windows over time that make an output of a wanted length, `[batch, time, channels]`.
    AdaptiveMaxPooling1D, 1, Max
}
adaptive! {
    /// The largest of windows of images that make an output of a wanted size, `[batch, rows, columns, channels]`.
    AdaptiveMaxPooling2D, 2, Max
}
adaptive! {
    /// The largest of windows of volumes that make an output of a wanted size, `[batch, a, b, c, channels]`.
    AdaptiveMaxPooling3D, 3, Max
}
