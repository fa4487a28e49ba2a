use keras_tensor::{Error, Result, Tensor};

use super::window::Window;
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Call, DataFormat, Declare, Dims, Layer, Sizes, Weight, Weights};

macro_rules! depthwise {
    ($(#[doc = $doc:literal])+ $Layer:ident, $space:literal) => {
        layer! {
            $(#[doc = $doc])+
            $Layer(
                /// Size of the window: one number or one for each axis.
                into kernel_size: Sizes<$space> = Sizes::from(1),
            ) {
                /// Filters of each channel; 1 by default.
                set depth_multiplier: usize = 1,
                /// Steps of the window; 1 by default.
                into strides: Sizes<$space> = Sizes::from(1),
                /// `"valid"` (the default) or `"same"`.
                into padding: String = "valid".into(),
                /// Where channels lie; `channels_last` by default.
                into data_format: DataFormat = DataFormat::default(),
                /// Distance of the window's elements; 1 by default.
                into dilation_rate: Sizes<$space> = Sizes::from(1),
                /// What is applied to the sum; nothing by default.
                into activation: Activation = Activation::default(),
                /// Whether there is a bias; there is by default.
                set use_bias: bool = true,
                /// How the kernel begins; `glorot_uniform` by default.
                into depthwise_initializer: Initializer = "glorot_uniform".into(),
                /// How the bias begins; `zeros` by default.
                into bias_initializer: Initializer = "zeros".into(),
                /// What the kernel adds to the loss.
                some depthwise_regularizer: Option<Regularizer> = None,
                /// What the bias adds to the loss.
                some bias_regularizer: Option<Regularizer> = None,
                /// What the output adds to the loss.
                some activity_regularizer: Option<Regularizer> = None,
                /// What holds for the kernel after each update.
                some depthwise_constraint: Option<Constraint> = None,
                /// What holds for the bias after each update.
                some bias_constraint: Option<Constraint> = None,
            } keeps {
                kernel: Weight,
                bias: Weight,
            }
        }

        impl $Layer {
            fn window(&self) -> Window<'_> {
                Window {
                    taps: &self.kernel_size,
                    strides: &self.strides,
                    dilation: &self.dilation_rate,
                    padding: &self.padding,
                    data_format: &self.data_format,
                }
            }
        }

        impl Layer for $Layer {
            fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
                let channels = self.window().channels(input)?;
                if self.depth_multiplier == 0 {
                    return Err(Error::argument("depth_multiplier", 0, "at least 1"));
                }
                let shape = [&self.kernel_size[..], &[channels, self.depth_multiplier]].concat();
                let kernel = Declare::of(
                    &self.depthwise_initializer,
                    &self.depthwise_regularizer,
                    &self.depthwise_constraint,
                );
                w.add(&self.kernel, "kernel", &shape[..], kernel)?;
                if self.use_bias {
                    let bias = Declare::of(
                        &self.bias_initializer,
                        &self.bias_regularizer,
                        &self.bias_constraint,
                    );
                    let filters = channels * self.depth_multiplier;
                    w.add(&self.bias, "bias", [filters], bias)?;
                }
                Ok(())
            }

            fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
                let window = self.window();
                let bias = self.use_bias.then_some(&self.bias);
                window.around(x, bias, &self.activation, &mut |x, end| {
                    window.convolve_each(x, &self.kernel, end)
                })
            }

            fn mask(&self, _: &Tensor) -> Result<Option<Tensor>> {
                Ok(None)
            }

            fn activity_regularizer(&self) -> Option<&Regularizer> {
                self.activity_regularizer.as_ref()
            }
        }
    };
}

depthwise! {
    /// Convolution of each channel by itself over time: `x` `[batch, time, channels]`, kernel
    /// `[taps, channels, depth_multiplier]`.
    DepthwiseConv1D, 1
}

depthwise! {
    /// Convolution of each channel by itself over images: `x` `[batch, rows, columns, channels]`, kernel
    /// `[rows, columns, channels, depth_multiplier]`.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::DepthwiseConv2D};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(DepthwiseConv2D::new(3).strides(2));
    /// let y = layer.call(&ops::ones([2, 9, 9, 4], Default::default())?, &Call::inference())?;
    /// assert_eq!((y.shape().to_string(), layer.count_params()), ("(2, 4, 4, 4)".into(), 40));
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    DepthwiseConv2D, 2
}
