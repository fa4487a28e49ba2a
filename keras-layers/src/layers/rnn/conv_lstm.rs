use keras_tensor::ops::{self, Operand, Padding};
use keras_tensor::{DType, Error, Outputs, Result, Shape, Tensor};

use super::cell::{self, Noise, Rates, RnnCell};
use super::lstm::{ForgetLittle, lstm_step};
use super::recurrent::{Gated, Recurrent};
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Arguments, Call, DataFormat, Declare, Dims, Layer, Seed, Sizes, Weight, Weights};

const GATES: usize = 4;

/// How the windows of a cell move; the same for one, two and three axes of space.
struct Window<'a> {
    taps: &'a [usize],
    strides: &'a [usize],
    dilation: &'a [usize],
    padding: &'a str,
    data_format: &'a DataFormat,
    filters: usize,
}

impl Window<'_> {
    fn padding(&self) -> Result<Padding> {
        match self.padding.to_lowercase().as_str() {
            "valid" => Ok(Padding::Valid),
            "same" => Ok(Padding::Same),
            _ => {
                let got = format!("{:?}", self.padding);
                Err(Error::argument("padding", got, "\"valid\" or \"same\""))
            }
        }
    }

    /// Where channels lie in a step.
    fn channel_axis(&self) -> Result<usize> {
        let first = self.data_format.is_channels_first()?;
        Ok(if first { 1 } else { self.taps.len() + 1 })
    }

    /// The channels of a step, once all that is known of it makes sense.
    fn channels(&self, step: &Dims) -> Result<usize> {
        self.padding()?;
        let rank = self.taps.len() + 2;
        let known = step.iter().skip(1).all(Option::is_some);
        if step.len() != rank || !known {
            let wanted = format!("steps of {rank} axes, all but the batch of known size");
            return Err(Error::argument("input shape", step, wanted));
        }
        let sizes = [
            ("kernel_size", self.taps),
            ("strides", self.strides),
            ("dilation_rate", self.dilation),
        ];
        for (name, sizes) in sizes {
            if sizes.contains(&0) {
                let got = format!("{sizes:?}");
                return Err(Error::argument(name, got, "at least 1 everywhere"));
            }
        }
        if self.strides.iter().any(|&n| n > 1) && self.dilation.iter().any(|&n| n > 1) {
            let got = format!("{:?} and {:?}", self.strides, self.dilation);
            let wanted = "only one of them above 1";
            return Err(Error::argument("strides and dilation_rate", got, wanted));
        }
        if self.filters == 0 {
            return Err(Error::argument("filters", self.filters, "at least 1"));
        }
        step.axis(self.channel_axis()? as isize)
    }

    /// The shape of a state.
    fn state(&self, step: &Shape) -> Result<Shape> {
        let axis = self.channel_axis()?;
        let first = if axis == 1 { 2 } else { 1 };
        if step.rank() != self.taps.len() + 2 {
            let wanted = format!("steps of {} axes", self.taps.len() + 2);
            return Err(Error::shape("a convolutional cell", &[step], wanted));
        }
        let padding = self.padding()?;
        let sizes = &step[first..first + self.taps.len()];
        let around = padding.amounts(sizes, self.taps, self.strides, self.dilation);
        let mut state = step.to_vec();
        for (i, &size) in sizes.iter().enumerate() {
            let reach = (self.taps[i] - 1) * self.dilation[i] + 1;
            let room = (size + around[i].0 + around[i].1).checked_sub(reach);
            let room = room.ok_or_else(|| {
                Error::shape("a convolutional cell", &[step], "space for one window")
            })?;
            state[first + i] = room / self.strides[i] + 1;
        }
        state[axis] = self.filters;
        Ok(state.as_slice().into())
    }

    /// The convolution of all gates, with the input of each gate times its factor.
    fn gates(
        &self,
        x: &Tensor,
        kernel: &impl Operand,
        factors: &[Tensor],
        conv: &dyn Fn(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let kernel = kernel.tensor()?;
        let with = |x: &Tensor, kernel: &Tensor| {
            self.data_format.channels_last(x, &mut |x| conv(x, kernel))
        };
        match factors {
            [] => with(x, &kernel),
            [one] => with(&ops::multiply(x, one)?, &kernel),
            each => {
                let parts = (0..GATES).zip(each).map(|(gate, factor)| {
                    let part = ops::slice_axis(&*kernel, -1, gate * self.filters, self.filters)?;
                    with(&ops::multiply(x, factor)?, &part)
                });
                let parts = parts.collect::<Result<Vec<_>>>()?;
                let axis = self.channel_axis()? as isize;
                ops::concatenate(&parts.iter().collect::<Vec<_>>(), axis)
            }
        }
    }

    /// The input's part of all gates, for all steps `[time, batch, ..]` at once.
    fn project(
        &self,
        steps: &Tensor,
        kernel: &Weight,
        bias: Option<&Weight>,
        noise: &Noise,
    ) -> Result<Tensor> {
        let padding = self.padding()?;
        let (time, batch) = (steps.shape()[0], steps.shape()[1]);
        let merged = |x: &Tensor| {
            let shape = [&[x.shape()[0] * x.shape()[1]], &x.shape()[2..]].concat();
            ops::reshape_to(x, shape.as_slice().into())
        };
        // Factors are the same at each step.
        let factors = noise.input.iter().map(|f| {
            let all = ops::broadcast_to(ops::expand_dims(f, 0)?, steps.shape())?;
            merged(&all)
        });
        let factors = factors.collect::<Result<Vec<_>>>()?;
        let mut y = self.gates(&merged(steps)?, kernel, &factors, &|x, kernel| {
            ops::conv(x, kernel, self.strides, padding, self.dilation, 1)
        })?;
        if let Some(bias) = bias {
            let mut shape = vec![1; y.rank()];
            shape[self.channel_axis()?] = GATES * self.filters;
            y = ops::add(&y, ops::reshape_to(bias, shape.as_slice().into())?)?;
        }
        let shape = [&[time, batch], &y.shape()[1..]].concat();
        ops::reshape_to(&y, shape.as_slice().into())
    }

    fn recur(&self, h: &Tensor, kernel: &Weight, noise: &Noise) -> Result<Tensor> {
        let once = vec![1; self.taps.len()];
        self.gates(h, kernel, &noise.recurrent, &|x, kernel| {
            ops::conv(x, kernel, &once, Padding::Same, &once, 1)
        })
    }
}

macro_rules! conv_lstm {
    (
        $(#[doc = $cell_doc:literal])+ $Cell:ident,
        $(#[doc = $layer_doc:literal])+ $Layer:ident, $space:literal
    ) => {
        conv_lstm! {
            @fields [$($cell_doc)+] $Cell [$($layer_doc)+] $Layer $space
            /// Steps of the window; 1 by default.
            into strides: Sizes<$space> = Sizes::from(1),
            /// `"valid"` (the default) or `"same"`.
            into padding: String = "valid".into(),
            /// Where channels lie; `channels_last` by default.
            into data_format: DataFormat = DataFormat::default(),
            /// Distance of the window's elements; 1 by default.
            into dilation_rate: Sizes<$space> = Sizes::from(1),
            /// What is applied to the new values; `tanh` by default.
            into activation: Activation = "tanh".into(),
            /// What is applied to the gates; `sigmoid` by default.
            into recurrent_activation: Activation = "sigmoid".into(),
            /// Whether there is a bias; there is by default.
            set use_bias: bool = true,
            /// How the kernel begins; `glorot_uniform` by default.
            into kernel_initializer: Initializer = "glorot_uniform".into(),
            /// How the recurrent kernel begins; `orthogonal` by default.
            into recurrent_initializer: Initializer = "orthogonal".into(),
            /// How the bias begins; `zeros` by default.
            into bias_initializer: Initializer = "zeros".into(),
            /// Whether the bias of the forget gate begins with 1; it does by default.
            set unit_forget_bias: bool = true,
            /// What the kernel adds to the loss.
            some kernel_regularizer: Option<Regularizer> = None,
            /// What the recurrent kernel adds to the loss.
            some recurrent_regularizer: Option<Regularizer> = None,
            /// What the bias adds to the loss.
            some bias_regularizer: Option<Regularizer> = None,
            /// What holds for the kernel after each update.
            some kernel_constraint: Option<Constraint> = None,
            /// What holds for the recurrent kernel after each update.
            some recurrent_constraint: Option<Constraint> = None,
            /// What holds for the bias after each update.
            some bias_constraint: Option<Constraint> = None,
            /// The share of the input that training leaves out, the same at each step; 0 by default.
            set dropout: f64 = 0.0,
            /// The share of the state that training leaves out, the same at each step; 0 by default.
            set recurrent_dropout: f64 = 0.0,
            /// Fixes what is left out.
            into seed: Option<u32> = None,
        }
    };
    (
        @fields [$($cell_doc:literal)+] $Cell:ident [$($layer_doc:literal)+] $Layer:ident $space:literal
        $($(#[doc = $doc:literal])+ $how:ident $field:ident: $ty:ty = $default:expr,)*
    ) => {
        layer! {
            $(#[doc = $cell_doc])+
            $Cell(
                /// How many filters, which is the number of output channels.
                set filters: usize = 0,
                /// Size of the window: one number or one for each axis.
                into kernel_size: Sizes<$space> = Sizes::from(1),
            ) {
                $($(#[doc = $doc])+ $how $field: $ty = $default,)*
            } keeps {
                kernel: Weight,
                recurrent_kernel: Weight,
                bias: Weight,
                draws: Seed,
            }
        }

        $(#[doc = $layer_doc])+
        pub type $Layer = Recurrent<$Cell>;

        impl Recurrent<$Cell> {
            /// With so many filters of this size, one number or one for each axis, and Keras's defaults.
            pub fn new(filters: usize, kernel_size: impl Into<Sizes<$space>>) -> Self {
                Recurrent::of($Cell::new(filters, kernel_size))
            }

            $(recurrent!(@setter $how $field: $ty, $($doc)+);)*
        }

        impl Gated for $Cell {
            const LAYER: &'static str = stringify!($Layer);
            const CELL: &'static str = "conv_lstm_cell";
            const HIDDEN: &'static [&'static str] = &[];
        }

        impl $Cell {
            fn window(&self) -> Window<'_> {
                Window {
                    taps: &self.kernel_size,
                    strides: &self.strides,
                    dilation: &self.dilation_rate,
                    padding: &self.padding,
                    data_format: &self.data_format,
                    filters: self.filters,
                }
            }
        }

        impl Layer for $Cell {
            fn build(&self, step: &Dims, w: &mut Weights) -> Result<()> {
                let channels = self.window().channels(step)?;
                let shape = |from| [&self.kernel_size[..], &[from, GATES * self.filters]].concat();
                let kernel = Declare::of(
                    &self.kernel_initializer,
                    &self.kernel_regularizer,
                    &self.kernel_constraint,
                );
                w.add(&self.kernel, "kernel", &shape(channels)[..], kernel)?;
                let recurrent = Declare::of(
                    &self.recurrent_initializer,
                    &self.recurrent_regularizer,
                    &self.recurrent_constraint,
                );
                let recurrent_shape = shape(self.filters);
                w.add(&self.recurrent_kernel, "recurrent_kernel", &recurrent_shape[..], recurrent)?;
                if self.use_bias {
                    let first = self.bias_initializer.clone();
                    let first = match self.unit_forget_bias {
                        true => ForgetLittle(first, self.filters).into(),
                        false => first,
                    };
                    let bias = Declare::of(&first, &self.bias_regularizer, &self.bias_constraint);
                    w.add(&self.bias, "bias", [GATES * self.filters], bias)?;
                }
                w.add_seed(&self.draws, self.seed)
            }

            fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
                Ok(self.call_many(&x.into(), cx)?.swap_remove(0))
            }

            fn call_many(&self, inputs: &Arguments<Tensor>, cx: &Call) -> Result<Outputs> {
                cell::call(self, inputs, cx)
            }

            fn cell(&self) -> Option<&dyn RnnCell> {
                Some(self)
            }
        }

        impl RnnCell for $Cell {
            fn state_count(&self) -> usize {
                2
            }

            fn state_shapes(&self, step: &Shape) -> Result<Vec<Shape>> {
                let shape = self.window().state(step)?;
                Ok(vec![shape.clone(), shape])
            }

            fn noise(&self, step: &Shape, dtype: DType, cx: &Call) -> Result<Noise> {
                let rates = Rates {
                    dropout: self.dropout,
                    recurrent_dropout: self.recurrent_dropout,
                    seed: &self.draws,
                };
                rates.noise(GATES, [step, &self.window().state(step)?], dtype, cx)
            }

            fn project(&self, steps: &Tensor, noise: &Noise) -> Result<Tensor> {
                let bias = self.use_bias.then_some(&self.bias);
                self.window().project(steps, &self.kernel, bias, noise)
            }

            fn step(
                &self,
                x: &Tensor,
                states: &[Tensor],
                noise: &Noise,
                _: &Call,
            ) -> Result<(Tensor, Vec<Tensor>)> {
                let window = self.window();
                let recurrent = window.recur(&states[0], &self.recurrent_kernel, noise)?;
                let all = ops::add(x, &recurrent)?;
                let axis = window.channel_axis()? as isize;
                let functions = [&self.activation, &self.recurrent_activation];
                lstm_step(&all, &states[1], axis, self.filters, functions)
            }
        }
    };
}

conv_lstm! {
    /// A step of [`ConvLSTM1D`], with states `[batch, places, filters]` and an input `[batch, size, channels]`.
    ConvLSTM1DCell,
    /// [`crate::layers::LSTM`] whose products are convolutions, over sequences of lines
    /// `[batch, time, size, channels]`.
    ///
    /// Paper: Shi et al., 2015.
    ConvLSTM1D, 1
}
conv_lstm! {
    /// A step of [`ConvLSTM2D`], with states `[batch, rows, columns, filters]` and an input
    /// `[batch, rows, columns, channels]`.
    ConvLSTM2DCell,
    /// [`crate::layers::LSTM`] whose products are convolutions, over sequences of images
    /// `[batch, time, rows, columns, channels]`.
    ///
    /// Paper: Shi et al., 2015.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::ConvLSTM2D};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(ConvLSTM2D::new(4, 3).padding("same").return_sequences(true));
    /// let y = layer.call(&ops::ones([1, 2, 5, 5, 3], Default::default())?, &Call::inference())?;
    /// assert_eq!(y.shape().to_string(), "(1, 2, 5, 5, 4)");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    ConvLSTM2D, 2
}
conv_lstm! {
    /// A step of [`ConvLSTM3D`], with states `[batch, a, b, c, filters]` and an input `[batch, a, b, c, channels]`.
    ConvLSTM3DCell,
    /// [`crate::layers::LSTM`] whose products are convolutions, over sequences of volumes
    /// `[batch, time, a, b, c, channels]`.
    ///
    /// Paper: Shi et al., 2015.
    ConvLSTM3D, 3
}
