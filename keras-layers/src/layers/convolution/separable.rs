use keras_tensor::ops::{ConvWindow, Padding};
use keras_tensor::{Error, Result, Tensor, ops};

use super::window::{End, Window};
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Call, DataFormat, Declare, Dims, Layer, Sizes, Weight, Weights};

macro_rules! separable {
    ($(#[doc = $doc:literal])+ $Layer:ident, $space:literal) => {
        layer! {
            $(#[doc = $doc])+
            $Layer(
                /// How many filters, which is the number of output channels.
                set filters: usize = 0,
                /// Size of the window: one number or one for each axis.
                into kernel_size: Sizes<$space> = Sizes::from(1),
            ) {
                /// Filters of each channel before channels are mixed; 1 by default.
                set depth_multiplier: usize = 1,
                /// Steps of the window; 1 by default.
                into strides: Sizes<$space> = Sizes::from(1),
                /// `"valid"` (the default), `"same"`, or in one dimension `"causal"`.
                into padding: String = "valid".into(),
                /// Where channels lie; `channels_last` by default.
                into data_format: DataFormat = DataFormat::default(),
                /// Distance of the window's elements; 1 by default.
                into dilation_rate: Sizes<$space> = Sizes::from(1),
                /// What is applied to the sum; nothing by default.
                into activation: Activation = Activation::default(),
                /// Whether there is a bias; there is by default.
                set use_bias: bool = true,
                /// How the kernel of each channel begins; `glorot_uniform` by default.
                into depthwise_initializer: Initializer = "glorot_uniform".into(),
                /// How the kernel that mixes channels begins; `glorot_uniform` by default.
                into pointwise_initializer: Initializer = "glorot_uniform".into(),
                /// How the bias begins; `zeros` by default.
                into bias_initializer: Initializer = "zeros".into(),
                /// What the kernel of each channel adds to the loss.
                some depthwise_regularizer: Option<Regularizer> = None,
                /// What the kernel that mixes channels adds to the loss.
                some pointwise_regularizer: Option<Regularizer> = None,
                /// What the bias adds to the loss.
                some bias_regularizer: Option<Regularizer> = None,
                /// What the output adds to the loss.
                some activity_regularizer: Option<Regularizer> = None,
                /// What holds for the kernel of each channel after each update.
                some depthwise_constraint: Option<Constraint> = None,
                /// What holds for the kernel that mixes channels after each update.
                some pointwise_constraint: Option<Constraint> = None,
                /// What holds for the bias after each update.
                some bias_constraint: Option<Constraint> = None,
            } keeps {
                depthwise_kernel: Weight,
                pointwise_kernel: Weight,
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
                for (name, n) in [
                    ("filters", self.filters),
                    ("depth_multiplier", self.depth_multiplier),
                ] {
                    if n == 0 {
                        return Err(Error::argument(name, n, "at least 1"));
                    }
                }
                let shape = [&self.kernel_size[..], &[channels, self.depth_multiplier]].concat();
                let depthwise = Declare::of(
                    &self.depthwise_initializer,
                    &self.depthwise_regularizer,
                    &self.depthwise_constraint,
                );
                w.add(&self.depthwise_kernel, "depthwise_kernel", &shape[..], depthwise)?;
                let mixed = [channels * self.depth_multiplier, self.filters];
                let shape = [&[1; $space][..], &mixed].concat();
                let pointwise = Declare::of(
                    &self.pointwise_initializer,
                    &self.pointwise_regularizer,
                    &self.pointwise_constraint,
                );
                w.add(&self.pointwise_kernel, "pointwise_kernel", &shape[..], pointwise)?;
                if self.use_bias {
                    let bias = Declare::of(
                        &self.bias_initializer,
                        &self.bias_regularizer,
                        &self.bias_constraint,
                    );
                    w.add(&self.bias, "bias", [self.filters], bias)?;
                }
                Ok(())
            }

            fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
                const ONES: &[usize] = &[1; $space];
                const MIXING: ConvWindow = ConvWindow {
                    strides: ONES,
                    padding: Padding::Valid,
                    dilation: ONES,
                    groups: 1,
                };
                let window = self.window();
                let bias = self.use_bias.then_some(&self.bias);
                window.around(x, bias, &self.activation, &mut |x, end| {
                    let each = window.convolve_each(x, &self.depthwise_kernel, End::default())?;
                    ops::conv_fused(&each, &self.pointwise_kernel, MIXING, end.bias, end.activation)
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

separable! {
    /// Convolution of each channel by itself over time, then a mix of channels: `x` `[batch, time, channels]`.
    SeparableConv1D, 1
}

separable! {
    /// Convolution of each channel by itself over images, then a mix of channels: `x` `[batch, rows, columns, channels]`.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::SeparableConv2D};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(SeparableConv2D::new(6, 3));
    /// let y = layer.call(&ops::ones([2, 5, 5, 4], Default::default())?, &Call::inference())?;
    /// assert_eq!((y.shape().to_string(), layer.count_params()), ("(2, 3, 3, 6)".into(), 66));
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    SeparableConv2D, 2
}
