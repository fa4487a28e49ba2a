//! What all convolutions share: the window that moves over the input, its checks, and the way around it.

use keras_tensor::op::Fused;
use keras_tensor::ops::{self, ConvWindow, Operand, Padding};
use keras_tensor::{Error, Result, Tensor};

use crate::activations::Activation;
use crate::{DataFormat, Dims, Weight};

/// How a window moves over the input.
pub(super) struct Window<'a> {
    pub(super) taps: &'a [usize],
    pub(super) strides: &'a [usize],
    pub(super) dilation: &'a [usize],
    pub(super) padding: &'a str,
    pub(super) data_format: &'a DataFormat,
}

/// What follows the products of a convolution.
#[derive(Clone, Copy, Default)]
pub(super) struct End<'a> {
    pub(super) bias: Option<&'a dyn Operand>,
    pub(super) activation: Fused,
}

impl Window<'_> {
    pub(super) fn padding(&self) -> Result<Padding> {
        match self.padding.to_lowercase().as_str() {
            "valid" => Ok(Padding::Valid),
            "same" => Ok(Padding::Same),
            "causal" if self.taps.len() == 1 => Ok(Padding::Causal),
            _ => {
                let wanted = "\"valid\" or \"same\", or in one dimension \"causal\"";
                Err(Error::argument(
                    "padding",
                    format!("{:?}", self.padding),
                    wanted,
                ))
            }
        }
    }

    /// Checks the window, and tells how many channels an input of this shape has.
    pub(super) fn channels(&self, input: &Dims) -> Result<usize> {
        self.padding()?;
        for (name, sizes) in [
            ("kernel_size", self.taps),
            ("strides", self.strides),
            ("dilation_rate", self.dilation),
        ] {
            if sizes.contains(&0) {
                return Err(Error::argument(
                    name,
                    format!("{sizes:?}"),
                    "at least 1 everywhere",
                ));
            }
        }
        if self.strides.iter().any(|&n| n > 1) && self.dilation.iter().any(|&n| n > 1) {
            return Err(Error::argument(
                "strides and dilation_rate",
                format!("{:?} and {:?}", self.strides, self.dilation),
                "only one of them above 1",
            ));
        }
        if input.len() != self.taps.len() + 2 {
            return Err(Error::argument(
                "input shape",
                input,
                format!(
                    "{} axes: batch, {} of space, channels",
                    self.taps.len() + 2,
                    self.taps.len()
                ),
            ));
        }
        let first = self.data_format.is_channels_first()?;
        input.axis(if first { 1 } else { -1 })
    }

    /// `work` with channels last, which adds the bias and applies activations that kernels know; others come after it.
    pub(super) fn around(
        &self,
        x: &Tensor,
        bias: Option<&Weight>,
        activation: &Activation,
        work: &mut dyn FnMut(&Tensor, End) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let fused = activation.fused()?;
        let end = End {
            bias: bias.map(|bias| bias as &dyn Operand),
            activation: fused.unwrap_or_default(),
        };
        let y = self.data_format.channels_last(x, &mut |x| work(x, end))?;
        match fused {
            Some(_) => Ok(y),
            None => activation.call(&y),
        }
    }

    /// The convolution itself, channels last.
    pub(super) fn convolve(
        &self,
        x: &Tensor,
        kernel: impl Operand,
        groups: usize,
        end: End,
    ) -> Result<Tensor> {
        let window = ConvWindow {
            strides: self.strides,
            padding: self.padding()?,
            dilation: self.dilation,
            groups,
        };
        ops::conv_fused(x, kernel, window, end.bias, end.activation)
    }

    /// The convolution of each channel with filters of its own: kernel `[..taps, channels, multiplier]`.
    pub(super) fn convolve_each(&self, x: &Tensor, kernel: &Weight, end: End) -> Result<Tensor> {
        let kernel = kernel.tensor()?;
        let [taps @ .., channels, multiplier] = &kernel.shape()[..] else {
            return Err(Error::shape(
                "kernel",
                &[kernel.shape()],
                "an axis of channels",
            ));
        };
        let (channels, ends) = (*channels, [1, channels * multiplier]);
        let shape = taps.iter().copied().chain(ends).collect();
        self.convolve(x, ops::reshape_to(&*kernel, shape)?, channels, end)
    }
}
