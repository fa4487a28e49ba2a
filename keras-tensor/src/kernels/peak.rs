//! How much this machine can compute at most.

use std::time::Instant;

use super::simd::{Level, Loop, level, widest};
use super::threads;

/// Sums that are carried side by side: enough to hide how long one takes.
const SUMS: usize = 7;
const LANES: usize = 16;
const ROUNDS: usize = 200_000;
/// The best of so many counts: others may use the machine meanwhile.
const TRIES: usize = 5;

/// Multiplies and adds in registers, with one rounding where the machine has an instruction for that.
struct MultiplyAdd<const FUSED: bool>;

impl<const FUSED: bool> Loop for MultiplyAdd<FUSED> {
    type Output = f32;
    #[inline(always)]
    fn run(self) -> f32 {
        let mut sums = [[1.0f32; LANES]; SUMS];
        let (a, b) = std::hint::black_box((0.5f32, 0.25f32));
        for _ in 0..ROUNDS {
            for sums in &mut sums {
                for sum in sums {
                    *sum = match FUSED {
                        true => sum.mul_add(a, b),
                        false => *sum * a + b,
                    };
                }
            }
        }
        sums.iter().flatten().sum()
    }
}

/// Operations in float32 that all threads together carry out in a second when they do nothing but multiply and add.
///
/// It computes for some milliseconds to find out.
pub(crate) fn peak() -> f64 {
    let count = threads::limit();
    let has_fused = level() >= Level::Avx2 || cfg!(target_arch = "aarch64");
    let flops = (2 * LANES * SUMS * ROUNDS * count) as f64;
    let seconds = (0..TRIES).map(|_| {
        let start = Instant::now();
        threads::share(count, &|_| {
            std::hint::black_box(match has_fused {
                true => widest(MultiplyAdd::<true>),
                false => widest(MultiplyAdd::<false>),
            });
        });
        start.elapsed().as_secs_f64()
    });
    flops / seconds.fold(f64::MAX, f64::min)
}
