use keras_tensor::{Error, Result, Tensor};

use super::window::Window;
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Call, DataFormat, Declare, Dims, Layer, Sizes, Weight, Weights};

macro_rules! conv {
    ($(#[doc = $doc:literal])+ $Layer:ident, $space:literal) => {
        layer! {
            $(#[doc = $doc])+
            $Layer(
                /// How many filters, which is the number of output channels.
                set filters: usize = 0,
                /// Size of the window: one number or one for each axis.
                into kernel_size: Sizes<$space> = Sizes::from(1),
            ) {
                /// Steps of the window; 1 by default.
                into strides: Sizes<$space> = Sizes::from(1),
                /// `"valid"` (the default), `"same"`, or in one dimension `"causal"`.
                into padding: String = "valid".into(),
                /// Where channels lie; `channels_last` by default.
                into data_format: DataFormat = DataFormat::default(),
                /// Distance of the window's elements; 1 by default.
                into dilation_rate: Sizes<$space> = Sizes::from(1),
                /// Groups of channels that are convolved apart; 1 by default.
                set groups: usize = 1,
                /// What is applied to the sum; nothing by default.
                into activation: Activation = Activation::default(),
                /// Whether there is a bias; there is by default.
                set use_bias: bool = true,
                /// How the kernel begins; `glorot_uniform` by default.
                into kernel_initializer: Initializer = "glorot_uniform".into(),
                /// How the bias begins; `zeros` by default.
                into bias_initializer: Initializer = "zeros".into(),
                /// What the kernel adds to the loss.
                some kernel_regularizer: Option<Regularizer> = None,
                /// What the bias adds to the loss.
                some bias_regularizer: Option<Regularizer> = None,
                /// What the output adds to the loss.
                some activity_regularizer: Option<Regularizer> = None,
                /// What holds for the kernel after each update.
                some kernel_constraint: Option<Constraint> = None,
                /// What holds for the bias after each update.
                some bias_constraint: Option<Constraint> = None,
                /// The rank of the matrices whose product is added to the kernel, which is then frozen ([`crate::Lora`]); by default
                /// there are none.
                #[serde(skip_serializing_if = "Option::is_none")]
                some lora_rank: Option<usize> = None,
                /// What that product is multiplied by, over the rank; the rank by default.
                #[serde(skip_serializing_if = "Option::is_none")]
                some lora_alpha: Option<f64> = None,
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
                let of_group = channels_of_group(channels, self.filters, self.groups)?;
                let shape = [&self.kernel_size[..], &[of_group, self.filters]].concat();
                let kernel = Declare::of(
                    &self.kernel_initializer,
                    &self.kernel_regularizer,
                    &self.kernel_constraint,
                )
                .adaptable(self.lora_rank, self.lora_alpha);
                w.add(&self.kernel, "kernel", &shape[..], kernel)?;
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
                let window = self.window();
                let bias = self.use_bias.then_some(&self.bias);
                window.around(x, bias, &self.activation, &mut |x, end| {
                    window.convolve(x, &self.kernel, self.groups, end)
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

conv! {
    /// Convolution over time: `x` `[batch, time, channels]`, kernel `[taps, channels / groups, filters]`.
    Conv1D, 1
}

conv! {
    /// Convolution over images: `x` `[batch, rows, columns, channels]`, kernel
    /// `[rows, columns, channels / groups, filters]`.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::Conv2D};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(Conv2D::new(8, 3).padding("same").activation("relu"));
    /// let y = layer.call(&ops::ones([2, 28, 28, 1], Default::default())?, &Call::inference())?;
    /// assert_eq!((y.shape().to_string(), layer.count_params()), ("(2, 28, 28, 8)".into(), 80));
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    Conv2D, 2
}

conv! {
    /// Convolution over volumes: `x` `[batch, a, b, c, channels]`, kernel `[a, b, c, channels / groups, filters]`.
    Conv3D, 3
}

fn channels_of_group(channels: usize, filters: usize, groups: usize) -> Result<usize> {
    if filters == 0 {
        return Err(Error::argument("filters", filters, "at least 1"));
    }
    if groups == 0 || !channels.is_multiple_of(groups) || !filters.is_multiple_of(groups) {
        return Err(Error::argument(
            "groups",
            groups,
            format!("a divisor of the {channels} input channels and of the {filters} filters"),
        ));
    }
    Ok(channels / groups)
}
