use keras_tensor::ops::{self, Padding, Pooling};
use keras_tensor::{Error, Result, Tensor};
use serde::{Deserialize, Serialize};

use super::channels_last;
use crate::{Call, DataFormat, Layer, Sizes};

/// What a config holds; without `strides`, windows lie side by side.
#[derive(Deserialize)]
#[serde(default, bound = "S: Deserialize<'de> + From<usize>")]
struct Config<S> {
    pool_size: S,
    strides: Option<S>,
    padding: String,
    data_format: DataFormat,
}

impl<S: From<usize>> Default for Config<S> {
    fn default() -> Self {
        Config {
            pool_size: 2.into(),
            strides: None,
            padding: "valid".into(),
            data_format: DataFormat::default(),
        }
    }
}

macro_rules! pooling {
    ($(#[doc = $doc:literal])+ $Layer:ident, $config:literal, $space:literal, $pooling:ident) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(from = $config)]
        pub struct $Layer {
            pool_size: Sizes<$space>,
            strides: Sizes<$space>,
            padding: String,
            data_format: DataFormat,
        }

        impl From<Config<Sizes<$space>>> for $Layer {
            fn from(config: Config<Sizes<$space>>) -> Self {
                $Layer {
                    strides: config.strides.unwrap_or_else(|| config.pool_size.clone()),
                    pool_size: config.pool_size,
                    padding: config.padding,
                    data_format: config.data_format,
                }
            }
        }

        impl Default for $Layer {
            fn default() -> Self {
                Config::default().into()
            }
        }

        impl $Layer {
            /// With windows of this size, one number or one for each axis, side by side.
            pub fn new(pool_size: impl Into<Sizes<$space>>) -> Self {
                let pool_size = pool_size.into();
                Config {
                    pool_size,
                    ..Config::default()
                }
                .into()
            }

            /// Steps of the window; by default its size.
            pub fn strides(mut self, strides: impl Into<Sizes<$space>>) -> Self {
                self.strides = strides.into();
                self
            }

            /// `"valid"` (the default) or `"same"`.
            pub fn padding(mut self, padding: impl Into<String>) -> Self {
                self.padding = padding.into();
                self
            }

            /// Where channels lie; `channels_last` by default.
            pub fn data_format(mut self, data_format: impl Into<DataFormat>) -> Self {
                self.data_format = data_format.into();
                self
            }
        }

        impl Layer for $Layer {
            fn is_weightless(&self) -> bool {
                true
            }

            fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
                let padding = padding(&self.padding)?;
                channels_last(x, $space, &self.data_format, &mut |x| {
                    let (window, strides) = (&self.pool_size, &self.strides);
                    ops::pool(x, Pooling::$pooling, window, strides, padding)
                })
            }

            fn mask(&self, _: &Tensor) -> Result<Option<Tensor>> {
                Ok(None)
            }
        }
    };
}

fn padding(name: &str) -> Result<Padding> {
    match name.to_lowercase().as_str() {
        "valid" => Ok(Padding::Valid),
        "same" => Ok(Padding::Same),
        _ => Err(Error::argument(
            "padding",
            format!("{name:?}"),
            "\"valid\" or \"same\"",
        )),
    }
}

pooling! {
    /// The largest of each window over time, `[batch, time, channels]`.
    MaxPooling1D, "Config<Sizes<1>>", 1, Max
}
pooling! {
    /// The largest of each window of images, `[batch, rows, columns, channels]`.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::MaxPooling2D};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(MaxPooling2D::new(2));
    /// let y = layer.call(&ops::ones([1, 5, 4, 3], Default::default())?, &Call::inference())?;
    /// assert_eq!(y.shape().to_string(), "(1, 2, 2, 3)");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    MaxPooling2D, "Config<Sizes<2>>", 2, Max
}
pooling! {
    /// The largest of each window of volumes, `[batch, a, b, c, channels]`.
    MaxPooling3D, "Config<Sizes<3>>", 3, Max
}
pooling! {
    /// The mean of each window over time, `[batch, time, channels]`; padding does not count.
    AveragePooling1D, "Config<Sizes<1>>", 1, Average
}
pooling! {
    /// The mean of each window of images, `[batch, rows, columns, channels]`; padding does not count.
    AveragePooling2D, "Config<Sizes<2>>", 2, Average
}
pooling! {
    /// The mean of each window of volumes, `[batch, a, b, c, channels]`; padding does not count.
    AveragePooling3D, "Config<Sizes<3>>", 3, Average
}
