//! How much this machine can compute at most.

use std::time::Instant;

use super::gemm::{Output, Product, Right, View, packed_size};
use super::threads;

/// A product whose factors and result lie in the nearest cache.
const SIZES: [usize; 3] = [28, 128, 32];
const ROUNDS: usize = 1_000;
/// The best of so many counts: others may use the machine meanwhile.
const TRIES: usize = 10;

/// Operations in float32 that all threads together carry out in a second when they do nothing but multiply and add.
///
/// It computes for some milliseconds to find out.
pub(crate) fn peak() -> f64 {
    let ([rows, depth, columns], count) = (SIZES, threads::limit());
    let left = vec![0.5f32; rows * depth];
    let right = vec![0.25f32; packed_size::<f32>(depth, columns)];
    let seconds = (0..TRIES).map(|_| {
        let start = Instant::now();
        threads::share(count, &|_| {
            let mut out = vec![0.0; rows * columns];
            for _ in 0..ROUNDS {
                Product {
                    depth,
                    left: &View::strided(&left, depth),
                    right: Right::Packed(&right),
                    add: false,
                    finish: None,
                }
                .compute(Output::new(&mut out, columns));
            }
            std::hint::black_box(out);
        });
        start.elapsed().as_secs_f64()
    });
    let flops = (2 * rows * depth * columns * ROUNDS * count) as f64;
    flops / seconds.fold(f64::MAX, f64::min)
}
