use keras_tensor::{Result, Tensor, ops};

use super::local::Local;
use super::window::Window;
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Call, DataFormat, Declare, Dims, Layer, Sizes, Weight, Weights};

macro_rules! locally_connected {
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
                /// `"valid"` (the default), or with `implementation` 2 or 3 `"same"`, which puts half a window before.
                into padding: String = "valid".into(),
                /// Where channels lie; `channels_last` by default.
                into data_format: DataFormat = DataFormat::default(),
                /// What is applied to the sum; nothing by default.
                into activation: Activation = Activation::default(),
                /// Whether there is a bias, one for each element of the output; there is by default.
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
                /// How the kernel holds its weights; they are computed with in one way. 1 (the default):
                /// `[places, taps * channels, filters]`; 2: `[..space, channels, ..places, filters]`, of which only
                /// those near each place count; 3: a list of those alone.
                set implementation: usize = 1,
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
                    dilation: &[1; $space],
                    padding: &self.padding,
                    data_format: &self.data_format,
                }
            }

            fn local(&self, input: &Dims) -> Result<Local> {
                Local::new(&self.window(), self.filters, self.implementation, input)
            }
        }

        impl Layer for $Layer {
            fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
                let local = self.local(input)?;
                let kernel = Declare::of(
                    &self.kernel_initializer,
                    &self.kernel_regularizer,
                    &self.kernel_constraint,
                );
                w.add(&self.kernel, "kernel", &local.kernel_shape()[..], kernel)?;
                if self.use_bias {
                    let bias = Declare::of(
                        &self.bias_initializer,
                        &self.bias_regularizer,
                        &self.bias_constraint,
                    );
                    w.add(&self.bias, "bias", &local.bias_shape()[..], bias)?;
                }
                Ok(())
            }

            fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
                let local = self.local(&x.shape().into())?;
                let none = Activation::default();
                let mut y = self.window().around(x, None, &none, &mut |x, _| local.call(x, &self.kernel))?;
                if self.use_bias {
                    y = ops::add(y, local.bias(&self.bias)?)?;
                }
                self.activation.call(&y)
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

locally_connected! {
    /// Convolution over time with weights of its own at each step: `x` `[batch, time, channels]` of known length.
    ///
    /// A layer of Keras 2, which Keras 3 has no more.
    LocallyConnected1D, 1
}

locally_connected! {
    /// Convolution over images with weights of its own at each place: `x` `[batch, rows, columns, channels]` of known size.
    ///
    /// A layer of Keras 2, which Keras 3 has no more.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::LocallyConnected2D};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(LocallyConnected2D::new(3, 2));
    /// let y = layer.call(&ops::ones([2, 4, 5, 1], Default::default())?, &Call::inference())?;
    /// // At each of 12 places, 3 filters of 4 taps and a bias.
    /// assert_eq!((y.shape().to_string(), layer.count_params()), ("(2, 3, 4, 3)".into(), 180));
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    LocallyConnected2D, 2
}
