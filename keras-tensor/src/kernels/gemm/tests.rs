//! Products against a naive one.

use num_traits::Float;
use proptest::prelude::*;
use std::iter::repeat;

use super::super::simd::{Level, level};
use super::micro::{After, Kernel, Kernels, Reachable, Tile, WIDE};
use super::pack::Runs;
use super::*;
use crate::op::Fused;
use crate::random::Philox;

fn noise(size: usize, seed: u64) -> Vec<f64> {
    let mut values = vec![0.0; size];
    Philox::from_seed(seed, 0).uniform_f64(&mut values);
    values.iter().map(|v| v * 2.0 - 1.0).collect()
}

fn naive(m: usize, k: usize, n: usize, a: &View<f64>, b: &View<f64>) -> Vec<f64> {
    let place = |i| (i / n, i % n);
    (0..m * n)
        .map(place)
        .map(|(r, c)| (0..k).map(|p| a.at(r, p) * b.at(p, c)).sum())
        .collect()
}

/// A left factor that cannot be read from where it lies.
struct Hidden<'a>(View<'a, f64>);

impl Left<f64> for Hidden<'_> {
    fn pack(&self, rows: Range<usize>, depth: Range<usize>, step: usize, to: &mut [f64]) {
        self.0.pack(rows, depth, step, to);
    }
}

impl Made<f64> for Hidden<'_> {
    fn pack(&self, columns: Range<usize>, width: usize, depth: Range<usize>, to: &mut [f64]) {
        for (p, to) in depth.zip(to.chunks_exact_mut(width)) {
            let row = columns.clone().map(|c| self.0.at(p, c)).chain(repeat(0.0));
            to.iter_mut().zip(row).for_each(|(to, v)| *to = v);
        }
    }
}

/// How a product is asked for; `right` counts the kinds of right factors.
#[derive(Clone, Copy, Debug)]
struct How {
    swap: [bool; 2],
    is_hidden: bool,
    right: usize,
    add: bool,
    /// Whether what stands in the output is the residual, where that can be.
    is_over: bool,
    /// A sigmoid stands for no epilogue at all.
    activation: Fused,
    threads: usize,
    /// Where the factors begin, so that they are aligned to nothing.
    begin: usize,
}

fn check((m, k, n): (usize, usize, usize), how: How) {
    let (a, b) = (noise(how.begin + m * k, 1), noise(how.begin + k * n, 2));
    let of = |swap, rows, columns| if swap { rows } else { columns };
    let a = View::new(&a[how.begin..], of(how.swap[0], m, k), how.swap[0]);
    let b = View::new(&b[how.begin..], of(how.swap[1], k, n), how.swap[1]);
    let before = noise(m * n, 3);
    let mut out = before.clone();
    let mut room = vec![f64::NAN; packed_size::<f64>(k, n)];
    let hidden = Hidden(a);
    let made = Hidden(b);
    let right = match how.right {
        0 => Right::View(b),
        1 => Right::Made(&made),
        _ => {
            pack(&b, k, n, &mut room);
            Right::Packed(&room)
        }
    };
    let (scale, bias) = (vec![2.0; n], noise(n, 4));
    let over = how.is_over && !how.add && how.activation == Fused::Relu && keeps_output::<f64>(k);
    let residual = if over {
        before.clone()
    } else {
        noise(m * n, 5)
    };
    let epilogue = Epilogue {
        scale: Some(&scale),
        bias: Some(&bias),
        residual: Some(&*residual).filter(|_| !over),
        over,
        activation: how.activation,
    };
    let product = Product {
        depth: k,
        left: if how.is_hidden { &hidden } else { &a },
        right,
        add: how.add,
        finish: Some(&epilogue).filter(|_| how.activation != Fused::Sigmoid),
    };
    threads::limited(how.threads, || product.compute(Output::new(&mut out, n)));
    let expected = naive(m, k, n, &a, &b);
    for (i, (found, expected)) in out.iter().zip(expected).enumerate() {
        let expected = if how.add {
            expected + before[i]
        } else {
            expected
        };
        let finished = expected * 2.0 + bias[i % n] + residual[i];
        let expected = match how.activation {
            Fused::Relu => finished.max(0.0),
            Fused::Tanh => finished.tanh(),
            _ => expected,
        };
        let error = (found - expected).abs();
        assert!(
            error < 1e-11 * (k + 1) as f64,
            "{m} {k} {n} {how:?} at {i}: {found}, not {expected}"
        );
    }
}

prop_compose! {
    fn how()(
        swap in any::<[bool; 2]>(),
        is_hidden in any::<bool>(),
        right in 0..3usize,
        add in any::<bool>(),
        is_over in any::<bool>(),
        activation in prop::sample::select(vec![Fused::Relu, Fused::Tanh, Fused::Sigmoid]),
        threads in 1..5usize,
        begin in 0..9usize,
    ) -> How {
        How { swap, is_hidden, right, add, is_over, activation, threads, begin }
    }
}

proptest! {
    #[test]
    fn small_products(m in 1..40usize, k in 0..40usize, n in 1..80usize, how in how()) {
        check((m, k, n), how);
    }

    #[test]
    fn single_rows(k in 0..700usize, n in 1..300usize, how in how()) {
        check((1, k, n), how);
    }

    #[test]
    fn middling_products(m in 1..200usize, k in 1..300usize, n in 1..200usize, how in how()) {
        check((m, k, n), how);
    }
}

#[test]
fn large_products() {
    let how = How {
        swap: [false, false],
        is_hidden: false,
        right: 0,
        add: false,
        is_over: false,
        activation: Fused::Sigmoid,
        threads: 3,
        begin: 0,
    };
    for shape in [
        (300, 600, 70),
        (3, 5000, 700),
        (700, 3, 130),
        (65, 1024, 1100),
        // The right factor is asked for ahead.
        (100, 1300, 300),
        // Columns of the left one begin at the same place of a cache's sets.
        (512, 700, 150),
        // A long sum with the wide factor on the left, and a wide factor on the right.
        (50, 2000, 20),
        (20, 300, 200),
        // Two blocks of the shared axis, each for half of the threads.
        (32, 392, 130),
        // A narrow panel for many rows.
        (150, 1500, 10),
    ] {
        for swap in [[false, false], [true, false], [false, true]] {
            let activation = Fused::Relu;
            check(shape, How { swap, ..how });
            check(
                shape,
                How {
                    swap,
                    activation,
                    ..how
                },
            );
            let add = true;
            check(shape, How { swap, add, ..how });
        }
    }
}

/// Halves of the shared axis, tiles of few panels, panels that are no whole vectors.
#[test]
fn results_are_the_same_bits_at_any_number_of_threads() {
    for (m, k, n) in [
        (32, 784, 256),
        (49, 300, 160),
        (49, 300, 232),
        (196, 64, 24),
        (150, 1500, 10),
    ] {
        let single = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect::<Vec<_>>();
        let [a, b, bias] =
            [(m * k, 1), (k * n, 2), (n, 3)].map(|(size, seed)| single(noise(size, seed)));
        let epilogue = Epilogue {
            bias: Some(&bias),
            activation: Fused::Relu6,
            ..Epilogue::NOTHING
        };
        let right = View::new(&b, n, false);
        let mut room = vec![f32::NAN; packed_size::<f32>(k, n)];
        pack(&right, k, n, &mut room);
        for right in [Right::View(right), Right::Packed(&room)] {
            let of = |count: usize| {
                let mut out = vec![f32::NAN; m * n];
                let product = Product {
                    depth: k,
                    left: &View::new(&a, k, false),
                    right,
                    add: false,
                    finish: Some(&epilogue),
                };
                threads::limited(count, || product.compute(Output::new(&mut out, n)));
                out
            };
            let alone = of(1);
            assert!(
                [2, 3, 8].iter().all(|&count| of(count) == alone),
                "{m} {k} {n}"
            );
        }
    }
}

#[test]
fn every_size_up_to_eight() {
    let how = How {
        swap: [false, false],
        is_hidden: false,
        right: 0,
        add: false,
        is_over: false,
        activation: Fused::Sigmoid,
        threads: 1,
        begin: 1,
    };
    for i in 0..512 {
        let shape = (i / 64 + 1, i / 8 % 8 + 1, i % 8 + 1);
        for swap in [[false, false], [true, false], [false, true], [true, true]] {
            check(shape, How { swap, ..how });
        }
    }
}

#[test]
fn without_memory() {
    let (a, b) = (noise(7 * 5, 1), noise(5 * 40, 2));
    let (a, b) = (View::new(&a, 5, false), View::new(&b, 40, false));
    let mut out = vec![f64::NAN; 7 * 40];
    let product = Product {
        depth: 5,
        left: &a,
        right: Right::View(b),
        add: false,
        finish: None,
    };
    let output = Output::new(&mut out, 40);
    let work = Work::new(&product, &output);
    work.slowly(0..7, 0..40);
    for (found, expected) in out.iter().zip(naive(7, 5, 40, &a, &b)) {
        assert!((found - expected).abs() < 1e-12);
    }
}

/// Every kernel of a width against the naive product, with rows that are further apart than they are long, and with fewer
/// columns than the tile has.
fn each_kernel<T: Float + Tiled>(kernels: &Kernels<T>) {
    let wide = [kernels.wide];
    let of_width = (1..).zip(kernels.by_width.iter().copied());
    let of_width = of_width.map(|(steps, all)| (steps * kernels.step, all));
    for (n, all) in of_width.chain([(2 * WIDE * kernels.lanes, &wide[..])]) {
        for (rows, kernel) in (1..).zip(all) {
            for depth in [0, 1, 2, 7] {
                for missing in 0..kernels.step {
                    one_kernel(*kernel, [rows, depth, n], kernels.lanes, missing);
                }
            }
        }
    }
}

fn one_kernel<T: Float>(
    kernel: Kernel<T>,
    [rows, depth, n]: [usize; 3],
    lanes: usize,
    missing: usize,
) {
    let noise = |size: usize, seed: u64| -> Vec<T> {
        let values = noise(size, seed).into_iter();
        values.map(|v| T::from(v).unwrap()).collect()
    };
    let [low, high] = [-0.5, 2.0].map(|bound| T::from(bound).unwrap());
    // Columns of the left factor come in runs of 1, 3, 3 and so on, with one element between them.
    let runs = Runs {
        first: 1,
        others: 3,
        between: 1,
    };
    let in_run = |p: usize| p + p.div_ceil(3);
    let (a, b) = (
        noise(rows * (depth + 6), 1),
        noise(depth.max(1) * (n + 5), 2),
    );
    let columns = n - missing;
    let epilogue = [noise(columns, 3), noise(columns, 4)];
    let residual = noise(rows * (n + 2), 5);
    let mut c = vec![T::one(); rows * (n + 2)];
    let tile = Tile {
        depth,
        a: a.as_ptr(),
        a_row: depth + 6,
        a_column: 1,
        a_runs: runs,
        b: b.as_ptr(),
        b_row: n + 5,
        b_panel: 2 * lanes,
        soon: b.as_ptr().wrapping_add(3 * (n + 5)),
        soon_row: n + 5,
        c: c.as_mut_ptr(),
        c_row: n + 2,
        missing,
        add: true,
        after: Some(After {
            scale: epilogue[0].as_ptr(),
            bias: epilogue[1].as_ptr(),
            residual: residual.as_ptr(),
            bounds: [Some(low), Some(high)],
        }),
    };
    // SAFETY: the slices have room for the strides, and the caller has seen that the machine has the vectors.
    #[allow(unsafe_code)]
    unsafe {
        kernel(&Reachable::promised(tile));
    }
    for (i, &found) in c.iter().enumerate() {
        let (r, column) = (i / (n + 2), i % (n + 2));
        let product = |p| a[r * (depth + 6) + in_run(p)] * b[p * (n + 5) + column];
        let sum = (0..depth).map(product).fold(T::one(), |a, b| a + b);
        let expected = match column < columns {
            true => (sum * epilogue[0][column] + epilogue[1][column] + residual[i])
                .max(low)
                .min(high),
            false => T::one(),
        };
        assert!(
            (found - expected).abs() < T::epsilon() * T::from(100).unwrap(),
            "{rows} rows, {depth} deep, {columns} columns, at {i}"
        );
    }
}

#[test]
fn kernels_of_all_widths() {
    for (width, (single, double)) in f32::widths().iter().zip(f64::widths()).enumerate() {
        if width <= level() as usize {
            each_kernel(single);
            each_kernel(double);
        }
    }
    assert!(level() >= Level::Portable);
}
