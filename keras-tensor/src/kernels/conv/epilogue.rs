//! What becomes of a convolution's sums where they are stored.

use num_traits::Float;

use super::super::elementary::Elementary;
use super::super::elementwise::Number;
use crate::op::Fused;

/// `activation(sum * scale + bias + residual)`, each part where it is given.
pub(in crate::kernels) struct Epilogue<'a, T> {
    /// A factor for each channel.
    pub(in crate::kernels) scale: Option<&'a [T]>,
    /// A summand for each channel.
    pub(in crate::kernels) bias: Option<&'a [T]>,
    /// A summand for each element of the output.
    pub(in crate::kernels) residual: Option<&'a [T]>,
    /// What is applied at the end.
    pub(in crate::kernels) activation: Fused,
}

impl<T> Epilogue<'_, T> {
    /// Sums stay as they are.
    pub(in crate::kernels) const NOTHING: Self = Epilogue {
        scale: None,
        bias: None,
        residual: None,
        activation: Fused::Linear,
    };

    /// What becomes of the channels from one on, counted from there.
    pub(in crate::kernels) fn from(&self, channel: usize) -> Self {
        Epilogue {
            scale: self.scale.map(|s| &s[channel..]),
            bias: self.bias.map(|b| &b[channel..]),
            residual: self.residual.map(|r| &r[channel..]),
            activation: self.activation,
        }
    }

    /// Whether sums stay as they are.
    pub(in crate::kernels) fn is_nothing(&self) -> bool {
        let parts = [self.scale, self.bias, self.residual];
        parts.iter().all(Option::is_none) && self.activation == Fused::Linear
    }
}

impl<T: Number + Float + Elementary> Epilogue<'_, T> {
    /// Finishes a part of a row: sums of the channels from `channel` on, which stand in the whole output from `at` on.
    #[inline(always)]
    pub(in crate::kernels) fn finish(&self, row: &mut [T], at: usize, channel: usize) {
        if let Some(scale) = self.scale {
            for (y, &scale) in row.iter_mut().zip(&scale[channel..]) {
                *y = Number::mul(*y, scale);
            }
        }
        if let Some(bias) = self.bias {
            for (y, &bias) in row.iter_mut().zip(&bias[channel..]) {
                *y = Number::add(*y, bias);
            }
        }
        if let Some(residual) = self.residual {
            for (y, &residual) in row.iter_mut().zip(&residual[at..]) {
                *y = Number::add(*y, residual);
            }
        }
        let row = row.iter_mut();
        match self.activation {
            Fused::Linear => {}
            Fused::Relu => row.for_each(|y| *y = Number::max(*y, T::ZERO)),
            Fused::Relu6 => {
                let six = T::from_f64(6.0);
                row.for_each(|y| *y = Number::min(Number::max(*y, T::ZERO), six));
            }
            Fused::Sigmoid => row.for_each(|y| *y = Elementary::sigmoid(*y)),
            Fused::Tanh => row.for_each(|y| *y = Elementary::tanh(*y)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_row() {
        let scale = [1.0f32, 2.0, 3.0, 4.0];
        let bias = [0.5f32, -20.0, 0.25, 1.0];
        let residual: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let mut epilogue = Epilogue {
            scale: Some(&scale),
            bias: Some(&bias),
            residual: Some(&residual),
            activation: Fused::Relu,
        };
        // Channels 1 and 2 of the last of three places.
        let mut row = [3.0, 5.0];
        epilogue.finish(&mut row, 9, 1);
        assert_eq!(row, [0.0, 25.25]);
        epilogue.activation = Fused::Linear;
        let mut row = [3.0, 5.0];
        epilogue.finish(&mut row, 9, 1);
        assert_eq!(row, [-5.0, 25.25]);
        for (activation, wanted) in [
            (Fused::Tanh, f32::tanh(0.5)),
            (Fused::Sigmoid, 1.0 / (1.0 + f32::exp(-0.5))),
        ] {
            let mut row = [0.5];
            let epilogue = Epilogue {
                activation,
                ..Epilogue::NOTHING
            };
            epilogue.finish(&mut row, 0, 0);
            assert!((row[0] - wanted).abs() < 1e-7);
        }
        let mut row = [f32::NAN];
        epilogue.activation = Fused::Relu;
        epilogue.finish(&mut row, 0, 0);
        assert!(row[0].is_nan());
    }
}
