//! How much this machine can compute at most.

use std::hint::black_box;
use std::time::Instant;

use super::threads;
use super::vector::{Vector, VectorLoop, Vectors, Width};

/// Sums that do not wait for each other: more than a machine has under way at a time.
const SUMS: usize = 12;
const ROUNDS: usize = 20_000;
/// The best of so many counts: others may use the machine meanwhile.
const TRIES: usize = 10;

/// Operations in float32 that all threads together carry out in a second when they do nothing but multiply and add in
/// registers.
///
/// It computes for some milliseconds to find out.
pub(crate) fn peak() -> f64 {
    let count = threads::limit();
    let flops = (f32::with_vectors(MultiplyAndAdd) * count) as f64;
    let seconds = (0..TRIES).map(|_| {
        let start = Instant::now();
        threads::share(count, &|_| {
            f32::with_vectors(MultiplyAndAdd);
        });
        start.elapsed().as_secs_f64()
    });
    flops / seconds.fold(f64::MAX, f64::min)
}

/// Tells how many operations it carried out.
struct MultiplyAndAdd;

impl VectorLoop<f32> for MultiplyAndAdd {
    type Output = usize;
    #[inline(always)]
    fn run<V: Vector<Element = f32>>(self, width: Width<V>) -> usize {
        let [scale, bias] = black_box([0.999, 0.001]);
        let (scale, bias) = (V::splat(width, scale), V::splat(width, bias));
        let mut sums = [V::zero(width); SUMS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = bias.plus_product(*sum, scale);
            }
        }
        black_box(sums);
        2 * V::LANES * SUMS * ROUNDS
    }
}
