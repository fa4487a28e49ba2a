use keras_tensor::ops::Padding;
use keras_tensor::{Error, Result, Tensor, ops};

use super::window::Window;
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Call, DataFormat, Declare, Dims, Layer, Sizes, Weight, Weights};

macro_rules! transposed {
    ($(#[doc = $doc:literal])+ $Layer:ident, $space:literal) => {
        layer! {
            $(#[doc = $doc])+
            $Layer(
                /// How many filters, which is the number of output channels.
                set filters: usize = 0,
                /// Size of the window: one number or one for each axis.
                into kernel_size: Sizes<$space> = Sizes::from(1),
            ) {
                /// Steps of the window, by which sizes grow; 1 by default.
                into strides: Sizes<$space> = Sizes::from(1),
                /// `"valid"` (the default) or `"same"`.
                into padding: String = "valid".into(),
                /// Elements more at the end of each axis, fewer than `strides`; by default sizes are those of Keras's rule.
                some output_padding: Option<Sizes<$space>> = None,
                /// Where channels lie; `channels_last` by default.
                into data_format: DataFormat = DataFormat::default(),
                /// Distance of the window's elements; 1 by default.
                into dilation_rate: Sizes<$space> = Sizes::from(1),
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
                check(self.filters, &self.strides, self.output_padding.as_deref())?;
                let shape = [&self.kernel_size[..], &[self.filters, channels]].concat();
                let kernel = Declare::of(
                    &self.kernel_initializer,
                    &self.kernel_regularizer,
                    &self.kernel_constraint,
                );
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
                    let sizes = grown(&window, &x.shape()[1..=$space], self.output_padding.as_deref())?;
                    let (strides, dilation) = (window.strides, window.dilation);
                    let padding = window.padding()?;
                    let y = ops::conv_transpose(x, &self.kernel, &sizes, strides, padding, dilation)?;
                    let y = match end.bias {
                        Some(bias) => ops::add(&y, bias)?,
                        None => y,
                    };
                    ops::activation(&y, end.activation)
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

transposed! {
    /// The transpose of [`super::Conv1D`]: `x` `[batch, time, channels]`, kernel `[taps, filters, channels]`.
    Conv1DTranspose, 1
}

transposed! {
    /// The transpose of [`super::Conv2D`], which makes images larger: `x` `[batch, rows, columns, channels]`, kernel
    /// `[rows, columns, filters, channels]`.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::Conv2DTranspose};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(Conv2DTranspose::new(3, 2).strides(2));
    /// let y = layer.call(&ops::ones([2, 7, 7, 4], Default::default())?, &Call::inference())?;
    /// assert_eq!(y.shape(), &[2, 14, 14, 3]);
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    Conv2DTranspose, 2
}

transposed! {
    /// The transpose of [`super::Conv3D`]: `x` `[batch, a, b, c, channels]`, kernel `[a, b, c, filters, channels]`.
    Conv3DTranspose, 3
}

fn check(filters: usize, strides: &[usize], output_padding: Option<&[usize]>) -> Result<()> {
    if filters == 0 {
        return Err(Error::argument("filters", filters, "at least 1"));
    }
    match output_padding {
        Some(padding) if padding.iter().zip(strides).any(|(p, s)| p >= s) => Err(Error::argument(
            "output_padding",
            format!("{padding:?}"),
            format!("less than the strides {strides:?}"),
        )),
        _ => Ok(()),
    }
}

/// The sizes of the output, by Keras's rule.
fn grown(window: &Window, sizes: &[usize], output_padding: Option<&[usize]>) -> Result<Vec<usize>> {
    let same = match window.padding()? {
        Padding::Same => true,
        Padding::Valid => false,
        Padding::Causal => {
            return Err(Error::argument(
                "padding",
                "\"causal\"",
                "\"valid\" or \"same\"",
            ));
        }
    };
    let along = |i: usize| {
        let (stride, reach) = (
            window.strides[i],
            (window.taps[i] - 1) * window.dilation[i] + 1,
        );
        match (output_padding, same) {
            (None, true) => sizes[i] * stride,
            (None, false) => sizes[i] * stride + reach.saturating_sub(stride),
            (Some(more), _) => {
                let cut = if same { reach / 2 * 2 } else { 0 };
                (sizes[i].saturating_sub(1) * stride + reach + more[i]).saturating_sub(cut)
            }
        }
    };
    Ok((0..sizes.len()).map(along).collect())
}
