//! What becomes of a convolution's sums where they are stored.

use num_traits::Float;

use super::super::elementary::Elementary;
use super::super::elementwise::Number;
use super::super::vector::{Vector, Width};
use crate::Element;
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

    /// The same for single floats, which these are.
    pub(in crate::kernels) fn single(&self) -> Epilogue<'_, f32>
    where
        T: Element,
    {
        Epilogue {
            scale: self.scale.map(bytemuck::cast_slice),
            bias: self.bias.map(bytemuck::cast_slice),
            residual: self.residual.map(bytemuck::cast_slice),
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
    /// Whether the activation is more than bounds: [`Epilogue::curve`] applies it.
    pub(in crate::kernels) fn is_curved(&self) -> bool {
        matches!(self.activation, Fused::Sigmoid | Fused::Tanh)
    }

    /// Applies an activation that is more than bounds to a part of a row.
    #[inline(always)]
    pub(in crate::kernels) fn curve(&self, row: &mut [T]) {
        match self.activation {
            Fused::Sigmoid => row.iter_mut().for_each(|y| *y = Elementary::sigmoid(*y)),
            Fused::Tanh => row.iter_mut().for_each(|y| *y = Elementary::tanh(*y)),
            Fused::Linear | Fused::Relu | Fused::Relu6 => {}
        }
    }

    /// Finishes a vector of sums, of the channels from `channel` on, that stands in the whole output at `at`, up to
    /// [`Epilogue::curve`].
    #[inline(always)]
    pub(in crate::kernels) fn of_vector<V: Vector<Element = T>>(
        &self,
        width: Width<V>,
        sums: V,
        at: usize,
        channel: usize,
    ) -> V {
        let mut y = sums;
        if let Some(scale) = self.scale {
            y = y.times(V::load(width, &scale[channel..]));
        }
        if let Some(bias) = self.bias {
            y = y.plus(V::load(width, &bias[channel..]));
        }
        if let Some(residual) = self.residual {
            y = y.plus(V::load(width, &residual[at..]));
        }
        if matches!(self.activation, Fused::Relu | Fused::Relu6) {
            y = y.at_least(V::zero(width));
        }
        if self.activation == Fused::Relu6 {
            y = y.at_most(V::splat(width, T::from_f64(6.0)));
        }
        y
    }

    /// Finishes a part of a row: sums of the channels from `channel` on, which stand in the whole output from `at` on.
    #[inline(always)]
    pub(in crate::kernels) fn finish(&self, row: &mut [T], at: usize, channel: usize) {
        let count = row.len();
        // Of these activations, bounds are all.
        let (low, high) = match self.activation {
            Fused::Relu => (T::ZERO, T::HIGHEST),
            Fused::Relu6 => (T::ZERO, T::from_f64(6.0)),
            Fused::Linear | Fused::Sigmoid | Fused::Tanh => (T::LOWEST, T::HIGHEST),
        };
        let bounded = |y: T| Number::min(Number::max(y, low), high);
        let bias = self.bias.map(|b| &b[channel..][..count]);
        match (self.scale, bias) {
            (Some(scale), Some(bias)) => {
                let scale = &scale[channel..][..count];
                let of = |i: usize, y: T| Number::add(Number::mul(y, scale[i]), bias[i]);
                self.with_residual(row, at, of, bounded);
            }
            (None, Some(bias)) => {
                self.with_residual(row, at, |i, y| Number::add(y, bias[i]), bounded)
            }
            (scale, None) => {
                if let Some(scale) = scale {
                    for (y, &scale) in row.iter_mut().zip(&scale[channel..]) {
                        *y = Number::mul(*y, scale);
                    }
                }
                self.with_residual(row, at, |_, y| y, bounded);
            }
        }
        self.curve(row);
    }

    /// `bounded(of(i, y) + residual)` of each element `y` of a part of a row.
    #[inline(always)]
    fn with_residual(
        &self,
        row: &mut [T],
        at: usize,
        of: impl Fn(usize, T) -> T,
        bounded: impl Fn(T) -> T,
    ) {
        match self.residual {
            Some(residual) => {
                let residual = residual[at..].iter();
                for (i, (y, &residual)) in row.iter_mut().zip(residual).enumerate() {
                    *y = bounded(Number::add(of(i, *y), residual));
                }
            }
            None => {
                for (i, y) in row.iter_mut().enumerate() {
                    *y = bounded(of(i, *y));
                }
            }
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
