//! Functions of elements and of what belongs to their feature.

use crate::kernels::Lanes;
use crate::kernels::arrays::{copies, of_each, parts};
use crate::kernels::elementwise::Number;
use crate::kernels::fold::LANES;
use crate::kernels::shares::{SHARE, for_shares};
use crate::kernels::simd::{Loop, vectorized};

use super::with_space;
use crate::Result;

/// Elements that a row of features is repeated to, so that the innermost loop is long.
const LONG: usize = 512;

/// `out = f(out, elements of inputs, parameters)`: elements at the same place, and parameters of its feature.
///
/// `inputs` and `out` are `[outer, features, inner]`, each of `parameters` is `[features]`.
pub(super) fn along<T: Number, const I: usize, const K: usize>(
    lanes: &Lanes,
    inputs: [&[T]; I],
    parameters: [&[T]; K],
    out: &mut [T],
    f: impl Fn(T, [T; I], [T; K]) -> T + Copy + Sync,
) -> Result<()> {
    let (features, inner) = (lanes.axis, lanes.inner);
    if out.is_empty() {
        return Ok(());
    }
    if inner > 1 {
        for_shares(out, inner * (SHARE / inner).max(1), &|start, out| {
            let inputs = parts(&inputs, start..start + out.len());
            let first = start / inner % features;
            vectorized(Lane {
                inputs,
                parameters,
                out,
                inner,
                first,
                f,
            });
        });
        return Ok(());
    }
    let row = features * (LONG / features).max(1);
    let mut work = |parameters: [&[T]; K]| {
        for_shares(out, row * (SHARE / row).max(1), &|start, out| {
            let inputs = parts(&inputs, start..start + out.len());
            vectorized(Rows {
                inputs,
                parameters,
                out,
                f,
            });
        });
    };
    if row == features {
        work(parameters);
        return Ok(());
    }
    with_space(row * K, |space: &mut [T]| {
        for (long, short) in space.chunks_exact_mut(row).zip(parameters) {
            let parts = long.chunks_exact_mut(features);
            parts.for_each(|part| part.copy_from_slice(short));
        }
        let mut long = space.chunks_exact(row);
        work([(); K].map(|()| long.next().expect("there is one for each")));
        Ok(())
    })
}

/// Elements, and the parameters of the place that each has in a row.
struct Rows<'a, T, F, const I: usize, const K: usize> {
    inputs: [&'a [T]; I],
    parameters: [&'a [T]; K],
    out: &'a mut [T],
    f: F,
}

impl<T, F, const I: usize, const K: usize> Loop for Rows<'_, T, F, I, K>
where
    T: Number,
    F: Fn(T, [T; I], [T; K]) -> T,
{
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let row = self.parameters[0].len();
        for (r, out) in self.out.chunks_mut(row).enumerate() {
            let size = out.len();
            let whole = size - size % LANES;
            let inputs = parts(&self.inputs, r * row..r * row + size);
            // Copies of a few elements: no slice can be suspected of being another one.
            for start in (0..whole).step_by(LANES) {
                let given: [[T; LANES]; I] = copies(&inputs, start);
                let parameters: [[T; LANES]; K] = copies(&self.parameters, start);
                let mut lanes = [T::ZERO; LANES];
                lanes.copy_from_slice(&out[start..start + LANES]);
                for (i, lane) in lanes.iter_mut().enumerate() {
                    let (x, p) = (of_each(&given, i), of_each(&parameters, i));
                    *lane = (self.f)(*lane, x, p);
                }
                out[start..start + LANES].copy_from_slice(&lanes);
            }
            for (i, out) in out.iter_mut().enumerate().skip(whole) {
                let (x, p) = (of_each(&inputs, i), of_each(&self.parameters, i));
                *out = (self.f)(*out, x, p);
            }
        }
    }
}

/// Elements of lanes, each of which has parameters of its own.
struct Lane<'a, T, F, const I: usize, const K: usize> {
    inputs: [&'a [T]; I],
    parameters: [&'a [T]; K],
    out: &'a mut [T],
    inner: usize,
    /// The feature of the first lane.
    first: usize,
    f: F,
}

impl<T, F, const I: usize, const K: usize> Loop for Lane<'_, T, F, I, K>
where
    T: Number,
    F: Fn(T, [T; I], [T; K]) -> T,
{
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (inner, features) = (self.inner, self.parameters[0].len());
        for (l, out) in self.out.chunks_exact_mut(inner).enumerate() {
            let parameters = of_each(&self.parameters, (self.first + l) % features);
            let inputs = parts(&self.inputs, l * inner..(l + 1) * inner);
            for (i, out) in out.iter_mut().enumerate() {
                *out = (self.f)(*out, of_each(&inputs, i), parameters);
            }
        }
    }
}
