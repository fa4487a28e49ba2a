//! What becomes of sums where they are stored.

use std::ops::Range;

use super::super::Real;
use super::super::elementary::Elementary;
use super::super::elementwise::bounds;
use super::super::vector::{Vector, VectorLoop, Width};
use super::micro::After;
use super::view::Output;
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
    /// Whether what stands in the output is such a summand; only where [`super::keeps_output`] until it is added.
    pub(in crate::kernels) over: bool,
    /// What is applied at the end.
    pub(in crate::kernels) activation: Fused,
}

impl<T> Epilogue<'_, T> {
    /// Sums stay as they are.
    pub(in crate::kernels) const NOTHING: Self = Epilogue {
        scale: None,
        bias: None,
        residual: None,
        over: false,
        activation: Fused::Linear,
    };

    /// What becomes of the channels from one on, counted from there.
    pub(in crate::kernels) fn from(&self, channel: usize) -> Self {
        Epilogue {
            scale: self.scale.map(|s| &s[channel..]),
            bias: self.bias.map(|b| &b[channel..]),
            residual: self.residual.map(|r| &r[channel..]),
            over: self.over,
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
            over: self.over,
            activation: self.activation,
        }
    }

    /// Whether sums stay as they are.
    pub(in crate::kernels) fn is_nothing(&self) -> bool {
        let parts = [self.scale, self.bias, self.residual];
        parts.iter().all(Option::is_none) && !self.over && self.activation == Fused::Linear
    }
}

impl<T: Real> Epilogue<'_, T> {
    /// Whether the activation is more than bounds: [`Epilogue::curve`] applies it.
    pub(in crate::kernels) fn is_curved(&self) -> bool {
        self.activation.is_curved()
    }

    /// Applies an activation that is more than bounds to a part of a row.
    #[inline(always)]
    pub(in crate::kernels) fn curve(&self, row: &mut [T]) {
        match self.activation {
            Fused::Sigmoid => row.iter_mut().for_each(|y| *y = T::sigmoid(*y)),
            Fused::Tanh => row.iter_mut().for_each(|y| *y = Elementary::tanh(*y)),
            Fused::Linear | Fused::Relu | Fused::Relu6 => {}
        }
    }

    /// All of it but [`Epilogue::curve`] for the innermost loop, for some rows and columns of the output, which are `tile`.
    pub(super) fn after(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        tile: &Output<T>,
    ) -> After<T> {
        let step = tile.step();
        let pointer = |values: Option<&[T]>, first: usize, end: usize| match values {
            Some(values) => values[first..end].as_ptr(),
            None => std::ptr::null(),
        };
        let corner = |row: usize, column: usize| row * step + column;
        let (first, last) = (
            corner(rows.start, columns.start),
            corner(rows.end - 1, columns.end),
        );
        After {
            scale: pointer(self.scale, columns.start, columns.end),
            bias: pointer(self.bias, columns.start, columns.end),
            residual: match self.over {
                true => tile.first,
                false => pointer(self.residual, first, last),
            },
            bounds: bounds(self.activation).map(|bound: T| bound.is_finite().then_some(bound)),
        }
    }

    /// Finishes a sum of a channel, where `there` stands in the output.
    pub(super) fn one(&self, sum: T, there: T, channel: usize) -> T {
        let residual = Some(&[there][..]);
        let epilogue = Epilogue { residual, ..*self };
        let [y] = epilogue.of_vector(Width::<[T; 1]>::default(), [sum], 0, channel);
        y
    }

    /// Finishes sums that stand in the output, the first one at `[row, column]` of the whole.
    pub(in crate::kernels) fn part(&self, out: &mut Output<T>, row: usize, column: usize) {
        let (columns, step) = (out.columns(), out.step());
        for r in 0..out.rows() {
            let at = (row + r) * step + column;
            self.finish(out.part(r, 0, columns), at, column);
        }
    }

    /// Finishes a part of a row: sums of the channels from `channel` on, which stand in the whole output from `at` on.
    pub(in crate::kernels) fn finish(&self, row: &mut [T], at: usize, channel: usize) {
        if !self.is_nothing() {
            T::with_vectors(FinishRow {
                epilogue: self,
                row,
                at,
                channel,
            });
        }
    }

    /// Finishes a vector of sums, of the channels from `channel` on, that stands in the whole output at `at`, up to
    /// [`Epilogue::curve`].
    #[inline(always)]
    fn of_vector<V: Vector<Element = T>>(
        &self,
        width: Width<V>,
        sums: V,
        at: usize,
        channel: usize,
    ) -> V {
        self.of_channels(width, channel).finish(width, sums, at)
    }

    /// What becomes of sums of the channels of a vector, from `channel` on.
    #[inline(always)]
    pub(in crate::kernels) fn of_channels<V: Vector<Element = T>>(
        &self,
        width: Width<V>,
        channel: usize,
    ) -> OfChannels<'_, V> {
        let [low, high] = bounds(self.activation);
        let of_channels = |values: Option<&[T]>, nothing: T| match values {
            Some(values) => V::load_at(width, values, channel),
            None => V::splat(width, nothing),
        };
        OfChannels {
            scale: of_channels(self.scale, T::ONE),
            // A sum with -0 is what was there, be it 0 or -0.
            bias: of_channels(self.bias, -T::ZERO),
            residual: self.residual,
            bounds: [V::splat(width, low), V::splat(width, high)],
        }
    }
}

/// An [`Epilogue`] for the channels of a vector.
pub(in crate::kernels) struct OfChannels<'a, V: Vector> {
    scale: V,
    bias: V,
    residual: Option<&'a [V::Element]>,
    bounds: [V; 2],
}

impl<V: Vector> OfChannels<'_, V> {
    /// Finishes sums that stand in the whole output at `at`, up to [`Epilogue::curve`].
    #[inline(always)]
    pub(in crate::kernels) fn finish(&self, width: Width<V>, sums: V, at: usize) -> V {
        let y = sums.times(self.scale).plus(self.bias);
        let y = match self.residual {
            Some(residual) => y.plus(V::load_at(width, residual, at)),
            None => y,
        };
        let [low, high] = self.bounds;
        y.at_least(low).at_most(high)
    }
}

struct FinishRow<'a, 'b, T> {
    epilogue: &'a Epilogue<'b, T>,
    row: &'a mut [T],
    at: usize,
    channel: usize,
}

impl<T: Real> VectorLoop<T> for FinishRow<'_, '_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector<Element = T>>(self, width: Width<V>) {
        let (epilogue, single) = (self.epilogue, Width::<[T; 1]>::default());
        let mut i = 0;
        while i + V::LANES <= self.row.len() {
            let sums = V::load(width, &self.row[i..]);
            let y = epilogue.of_vector(width, sums, self.at + i, self.channel + i);
            y.store(&mut self.row[i..]);
            i += V::LANES;
        }
        for (i, y) in self.row.iter_mut().enumerate().skip(i) {
            [*y] = epilogue.of_vector(single, [*y], self.at + i, self.channel + i);
        }
        epilogue.curve(self.row);
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
            over: false,
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
