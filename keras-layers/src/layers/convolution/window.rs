//! What all convolutions share: the window that moves over the input, its checks, and the way around it.

use keras_tensor::ops::{self, Operand, Padding};
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

    /// `work` with channels last, then bias and activation where channels were.
    pub(super) fn around(
        &self,
        x: &Tensor,
        bias: Option<&Weight>,
        activation: &Activation,
        work: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let with_bias = |y: Tensor| match bias {
            Some(bias) => ops::add(y, bias),
            None => Ok(y),
        };
        let y = if self.data_format.is_channels_first()? {
            let rank = self.taps.len() + 2;
            let to_last: Vec<usize> = [0].into_iter().chain(2..rank).chain([1]).collect();
            let to_first: Vec<usize> = [0, rank - 1].into_iter().chain(1..rank - 1).collect();
            let y = work(&ops::transpose(x, Some(&to_last))?)?;
            ops::transpose(with_bias(y)?, Some(&to_first))?
        } else {
            with_bias(work(x)?)?
        };
        activation.call(&y)
    }

    /// The convolution itself, channels last.
    pub(super) fn convolve(
        &self,
        x: &Tensor,
        kernel: impl Operand,
        groups: usize,
    ) -> Result<Tensor> {
        ops::conv(
            x,
            kernel,
            self.strides,
            self.padding()?,
            self.dilation,
            groups,
        )
    }

    /// The convolution of each channel with filters of its own: kernel `[..taps, channels, multiplier]`.
    pub(super) fn convolve_each(&self, x: &Tensor, kernel: &Weight) -> Result<Tensor> {
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
        self.convolve(x, ops::reshape_to(&*kernel, shape)?, channels)
    }
}
