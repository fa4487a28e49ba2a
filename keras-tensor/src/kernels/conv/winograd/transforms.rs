//! The linear maps of Winograd's convolution with windows of three taps, on vectors of channels.

use std::array::from_fn;
use std::ops::{Add, Mul, Sub};

use num_traits::Float;

/// Channels that are transformed at a time.
pub(super) const LANES: usize = 16;

/// Some channels of one place.
#[derive(Clone, Copy)]
pub(super) struct Lanes<T>(pub(super) [T; LANES]);

impl<T: Float> Lanes<T> {
    #[inline(always)]
    pub(super) fn zero() -> Self {
        Lanes([T::zero(); LANES])
    }

    /// As many channels as there are, and zeros.
    #[inline(always)]
    pub(super) fn load(from: &[T]) -> Self {
        match from.first_chunk() {
            Some(all) => Lanes(*all),
            None => Lanes(from_fn(|i| from.get(i).copied().unwrap_or(T::zero()))),
        }
    }

    /// As many channels as there is room for.
    #[inline(always)]
    pub(super) fn store(self, to: &mut [T]) {
        match to.first_chunk_mut() {
            Some(all) => *all = self.0,
            None => to.copy_from_slice(&self.0[..to.len()]),
        }
    }
}

impl<T: Float> Add for Lanes<T> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Lanes(from_fn(|i| self.0[i] + other.0[i]))
    }
}

impl<T: Float> Sub for Lanes<T> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Lanes(from_fn(|i| self.0[i] - other.0[i]))
    }
}

impl<T: Float> Mul<f64> for Lanes<T> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, factor: f64) -> Self {
        let factor = T::from(factor).expect("all floats hold about this");
        Lanes(from_fn(|i| self.0[i] * factor))
    }
}

/// `M` outputs of three taps from `N` inputs, `N = M + 2`, by `N` products (Lavin and Gray, 2015).
pub(super) trait Transforms<const N: usize, const M: usize> {
    fn of_input<T: Float>(x: [Lanes<T>; N]) -> [Lanes<T>; N];
    fn of_kernel<T: Float>(k: [Lanes<T>; 3]) -> [Lanes<T>; N];
    fn of_products<T: Float>(p: [Lanes<T>; N]) -> [Lanes<T>; M];
}

/// Two outputs: rounding errors stay those of plain sums.
pub(super) struct Two;

impl Transforms<4, 2> for Two {
    #[inline(always)]
    fn of_input<T: Float>([a, b, c, d]: [Lanes<T>; 4]) -> [Lanes<T>; 4] {
        [a - c, b + c, c - b, b - d]
    }

    #[inline(always)]
    fn of_kernel<T: Float>([a, b, c]: [Lanes<T>; 3]) -> [Lanes<T>; 4] {
        [a, (a + c + b) * 0.5, (a + c - b) * 0.5, c]
    }

    #[inline(always)]
    fn of_products<T: Float>([a, b, c, d]: [Lanes<T>; 4]) -> [Lanes<T>; 2] {
        [a + b + c, b - c - d]
    }
}

/// Four outputs: fewer products, with rounding errors some times as large.
pub(super) struct Four;

impl Transforms<6, 4> for Four {
    #[inline(always)]
    fn of_input<T: Float>([a, b, c, d, e, f]: [Lanes<T>; 6]) -> [Lanes<T>; 6] {
        let (even, odd) = (e - c * 4.0, d - b * 4.0);
        let (near, far) = (e - c, (d - b) * 2.0);
        [
            a * 4.0 - c * 5.0 + e,
            even + odd,
            even - odd,
            near + far,
            near - far,
            b * 4.0 - d * 5.0 + f,
        ]
    }

    #[inline(always)]
    fn of_kernel<T: Float>([a, b, c]: [Lanes<T>; 3]) -> [Lanes<T>; 6] {
        let (near, far) = ((a + c) * (-1.0 / 6.0), a * (1.0 / 24.0) + c * (1.0 / 6.0));
        let (side, half) = (b * (1.0 / 6.0), b * (1.0 / 12.0));
        [
            a * 0.25,
            near - side,
            near + side,
            far + half,
            far - half,
            c,
        ]
    }

    #[inline(always)]
    fn of_products<T: Float>([a, b, c, d, e, f]: [Lanes<T>; 6]) -> [Lanes<T>; 4] {
        let (near, far) = (b + c, d + e);
        let (side, edge) = (b - c, d - e);
        [
            a + near + far,
            side + edge * 2.0,
            near + far * 4.0,
            side + edge * 8.0 + f,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<V: Transforms<N, M>, const N: usize, const M: usize>() {
        let number = |i: usize| Lanes([(i * i % 7) as f64 - 2.5 + i as f64 * 0.25; LANES]);
        let x: [Lanes<f64>; N] = from_fn(number);
        let k: [Lanes<f64>; 3] = from_fn(|i| number(i + 11));
        let (input, kernel) = (V::of_input(x), V::of_kernel(k));
        let products = from_fn(|i| Lanes(from_fn(|l| input[i].0[l] * kernel[i].0[l])));
        for (i, found) in V::of_products(products).iter().enumerate() {
            let expected: f64 = (0..3).map(|t| x[i + t].0[0] * k[t].0[0]).sum();
            assert!((found.0[3] - expected).abs() < 1e-12, "output {i} of {M}");
        }
    }

    #[test]
    fn outputs_of_three_taps() {
        check::<Two, 4, 2>();
        check::<Four, 6, 4>();
    }
}
