//! The linear maps of Winograd's convolution with windows of three taps, on vectors of channels.

use super::super::super::vector::{Vector, Width};

/// A linear map of some places in a row.
pub(super) trait Linear<const A: usize, const B: usize> {
    fn of<V: Vector<Element = f32>>(width: Width<V>, x: [V; A]) -> [V; B];

    /// The map of each column, and then of each row.
    #[inline(always)]
    fn both<V: Vector<Element = f32>>(width: Width<V>, square: &[[V; A]; A]) -> [[V; B]; B] {
        let zero = V::zero(width);
        let mut lines = [[zero; A]; B];
        for j in 0..A {
            let mut column = [zero; A];
            for i in 0..A {
                column[i] = square[i][j];
            }
            let column = Self::of(width, column);
            for i in 0..B {
                lines[i][j] = column[i];
            }
        }
        let mut out = [[zero; B]; B];
        for i in 0..B {
            out[i] = Self::of(width, lines[i]);
        }
        out
    }
}

/// The maps for `M` outputs of three taps from `N` inputs, `N = M + 2`, by `N` products (Lavin and Gray, 2015). Their sizes
/// tell them apart: the input (`N` to `N`), the kernel (3 to `N`) and the output's gradient (`M` to `N`) are made ready for
/// products, which give outputs (`N` to `M`) and the kernel's gradient (`N` to 3).
pub(super) trait Transforms<const N: usize, const M: usize>:
    Linear<N, N> + Linear<3, N> + Linear<M, N> + Linear<N, M> + Linear<N, 3>
{
}

/// Two outputs: rounding errors stay those of plain sums.
pub(super) struct Two;

/// Four outputs: fewer products, with rounding errors some times as large.
pub(super) struct Four;

impl Transforms<4, 2> for Two {}
impl Transforms<6, 4> for Four {}

impl Linear<4, 4> for Two {
    #[inline(always)]
    fn of<V: Vector<Element = f32>>(_: Width<V>, [a, b, c, d]: [V; 4]) -> [V; 4] {
        [a.minus(c), b.plus(c), c.minus(b), b.minus(d)]
    }
}

impl Linear<3, 4> for Two {
    #[inline(always)]
    fn of<V: Vector<Element = f32>>(width: Width<V>, [a, b, c]: [V; 3]) -> [V; 4] {
        let half = V::splat(width, 0.5);
        let sides = a.plus(c);
        [a, sides.plus(b).times(half), sides.minus(b).times(half), c]
    }
}

impl Linear<4, 2> for Two {
    #[inline(always)]
    fn of<V: Vector<Element = f32>>(_: Width<V>, [a, b, c, d]: [V; 4]) -> [V; 2] {
        [a.plus(b).plus(c), b.minus(c).minus(d)]
    }
}

impl Linear<2, 4> for Two {
    #[inline(always)]
    fn of<V: Vector<Element = f32>>(width: Width<V>, [a, b]: [V; 2]) -> [V; 4] {
        [a, a.plus(b), a.minus(b), V::zero(width).minus(b)]
    }
}

impl Linear<4, 3> for Two {
    #[inline(always)]
    fn of<V: Vector<Element = f32>>(width: Width<V>, [a, b, c, d]: [V; 4]) -> [V; 3] {
        let half = V::splat(width, 0.5);
        let sides = b.plus(c).times(half);
        [a.plus(sides), b.minus(c).times(half), sides.plus(d)]
    }
}

impl Linear<6, 6> for Four {
    #[inline(always)]
    fn of<V: Vector<Element = f32>>(width: Width<V>, [a, b, c, d, e, f]: [V; 6]) -> [V; 6] {
        let [two, four, five] = [2.0, -4.0, -5.0].map(|v| V::splat(width, v));
        let (even, odd) = (e.plus_product(c, four), d.plus_product(b, four));
        let (near, far) = (e.minus(c), d.minus(b).times(two));
        [
            e.plus_product(c, five).minus(a.times(four)),
            even.plus(odd),
            even.minus(odd),
            near.plus(far),
            near.minus(far),
            f.plus_product(d, five).minus(b.times(four)),
        ]
    }
}

impl Linear<3, 6> for Four {
    #[inline(always)]
    fn of<V: Vector<Element = f32>>(width: Width<V>, [a, b, c]: [V; 3]) -> [V; 6] {
        let factor = |v: f32| V::splat(width, v);
        let (quarter, sixth) = (factor(0.25), factor(1.0 / 6.0));
        let near = a.plus(c).times(factor(-1.0 / 6.0));
        let far = a.times(factor(1.0 / 24.0)).plus(c.times(sixth));
        let (side, half) = (b.times(sixth), b.times(factor(1.0 / 12.0)));
        [
            a.times(quarter),
            near.minus(side),
            near.plus(side),
            far.plus(half),
            far.minus(half),
            c,
        ]
    }
}

impl Linear<6, 4> for Four {
    #[inline(always)]
    fn of<V: Vector<Element = f32>>(width: Width<V>, [a, b, c, d, e, f]: [V; 6]) -> [V; 4] {
        let [two, four, eight] = [2.0, 4.0, 8.0].map(|v| V::splat(width, v));
        let (near, far) = (b.plus(c), d.plus(e));
        let (side, edge) = (b.minus(c), d.minus(e));
        [
            a.plus(near).plus(far),
            side.plus_product(edge, two),
            near.plus_product(far, four),
            side.plus_product(edge, eight).plus(f),
        ]
    }
}

impl Linear<4, 6> for Four {
    #[inline(always)]
    fn of<V: Vector<Element = f32>>(width: Width<V>, [a, b, c, d]: [V; 4]) -> [V; 6] {
        let [two, four] = [2.0, 4.0].map(|v| V::splat(width, v));
        let (near, side) = (a.plus(c), b.plus(d));
        let far = a.plus_product(c, four);
        let edge = b.plus_product(d, four).times(two);
        [
            a,
            near.plus(side),
            near.minus(side),
            far.plus(edge),
            far.minus(edge),
            d,
        ]
    }
}

impl Linear<6, 3> for Four {
    #[inline(always)]
    fn of<V: Vector<Element = f32>>(width: Width<V>, [a, b, c, d, e, f]: [V; 6]) -> [V; 3] {
        let factor = |v: f32| V::splat(width, v);
        let near = b.plus(c).times(factor(-1.0 / 6.0));
        let side = c.minus(b).times(factor(1.0 / 6.0));
        let (far, edge) = (d.plus(e), d.minus(e));
        [
            near.plus_product(far, factor(1.0 / 24.0))
                .plus_product(a, factor(0.25)),
            side.plus_product(edge, factor(1.0 / 12.0)),
            near.plus_product(far, factor(1.0 / 6.0)).plus(f),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::super::vector::{VectorLoop, Vectors};
    use super::*;
    use std::array::from_fn;

    struct Check<S, const N: usize, const M: usize>(std::marker::PhantomData<S>);

    impl<S: Transforms<N, M>, const N: usize, const M: usize> VectorLoop<f32> for Check<S, N, M> {
        type Output = ();
        fn run<V: Vector<Element = f32>>(self, width: Width<V>) {
            let number = |i: usize| (i * i % 7) as f32 - 2.5 + i as f32 * 0.25;
            let x: [f32; N] = from_fn(number);
            let k: [f32; 3] = from_fn(|i| number(i + 11));
            let g: [f32; M] = from_fn(|i| number(i + 5));
            let all = |v: f32| V::splat(width, v);
            let first = |v: V| {
                let mut room = [0.0; 16];
                v.store(&mut room);
                room[0]
            };
            let products = |a: [V; N], b: [V; N]| from_fn(|i| a[i].times(b[i]));
            let input = <S as Linear<N, N>>::of(width, x.map(all));
            let outputs = products(input, <S as Linear<3, N>>::of(width, k.map(all)));
            for (i, &found) in <S as Linear<N, M>>::of(width, outputs).iter().enumerate() {
                let wanted: f32 = (0..3).map(|t| x[i + t] * k[t]).sum();
                assert!((first(found) - wanted).abs() < 1e-4, "output {i} of {M}");
            }
            let taps = products(input, <S as Linear<M, N>>::of(width, g.map(all)));
            for (t, &found) in <S as Linear<N, 3>>::of(width, taps).iter().enumerate() {
                let wanted: f32 = (0..M).map(|i| x[i + t] * g[i]).sum();
                assert!((first(found) - wanted).abs() < 1e-4, "tap {t} for {M}");
            }
        }
    }

    #[test]
    fn outputs_and_gradients_of_three_taps() {
        f32::with_vectors(Check::<Two, 4, 2>(Default::default()));
        f32::with_vectors(Check::<Four, 6, 4>(Default::default()));
    }
}
