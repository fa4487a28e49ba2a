//! Pooling and its reverses against plain loops, with many ties, and the same bits at any number of threads.

use keras_tensor::op::{Pool, PoolPart, Spatial};
use keras_tensor::random::Philox;
use keras_tensor::{DType, Op, Tensor, threads};
use proptest::prelude::*;

use crate::{config, run};

/// Few different values, so that many are equal.
fn steps(shape: &[usize], seed: u64) -> Tensor {
    let mut values = vec![0.0; shape.iter().product()];
    Philox::from_seed(seed, 0).uniform_f64(&mut values);
    values
        .iter_mut()
        .for_each(|v| *v = (*v * 5.0).floor() - 2.0);
    Tensor::from_f64(&values, shape, DType::F32).unwrap()
}

#[derive(Clone, Copy, Debug)]
struct Axis {
    size: usize,
    window: usize,
    stride: usize,
    padding: (usize, usize),
}

fn axis() -> impl Strategy<Value = Axis> {
    (1..5usize, 1..4usize, 0..4usize, 0..4usize, 0..14usize).prop_map(
        |(window, stride, before, after, more)| Axis {
            size: window + more,
            window,
            stride,
            padding: (before % window, after % window),
        },
    )
}

fn check(batch: usize, axes: [Axis; 2], channels: usize, seed: u64) {
    let pool = |part, sizes: &[usize]| Pool {
        part,
        window: axes.iter().map(|a| a.window).collect(),
        strides: axes.iter().map(|a| a.stride).collect(),
        padding: axes.iter().map(|a| a.padding).collect(),
        sizes: sizes.into(),
    };
    let sizes = axes.map(|a| a.size);
    let places = pool(PoolPart::Max, &[]).places(&sizes).unwrap();
    let x = steps(&[batch, sizes[0], sizes[1], channels], seed);
    let h = steps(x.shape(), seed ^ 1);
    let g = steps(&[batch, places[0], places[1], channels], seed ^ 2);
    let [xs, hs, gs] = [&x, &h, &g].map(|t| t.to_f64_vec().unwrap());
    let [mut max, mut pick, mut mean] = [(); 3].map(|()| vec![0.0; gs.len()]);
    let [mut spread, mut share] = [(); 2].map(|()| vec![0.0; xs.len()]);
    for place in 0..batch * places[0] * places[1] {
        let (b, i, j) = (
            place / places[1] / places[0],
            place / places[1] % places[0],
            place % places[1],
        );
        let at = |axis: Axis, place: usize, tap: usize| {
            let at = (place * axis.stride + tap).checked_sub(axis.padding.0)?;
            (at < axis.size).then_some(at)
        };
        for c in 0..channels {
            let mut found = Vec::new();
            for s in 0..axes[0].window {
                for t in 0..axes[1].window {
                    if let (Some(row), Some(column)) = (at(axes[0], i, s), at(axes[1], j, t)) {
                        found.push(((b * sizes[0] + row) * sizes[1] + column) * channels + c);
                    }
                }
            }
            let y = place * channels + c;
            let largest = found.iter().map(|&e| xs[e]).fold(f64::MIN, f64::max);
            let first = *found.iter().find(|&&e| xs[e] == largest).unwrap();
            max[y] = largest;
            pick[y] = hs[first];
            spread[first] += gs[y];
            for &e in &found {
                mean[y] += xs[e] / found.len() as f64;
                share[e] += gs[y] / found.len() as f64;
            }
        }
    }
    let sizes = Spatial::from_slice(&sizes);
    let parts = [
        (PoolPart::Max, vec![&x], max, 0.0),
        (PoolPart::Pick, vec![&x, &h], pick, 0.0),
        (PoolPart::Mean, vec![&x], mean, 1e-5),
        (PoolPart::Spread, vec![&x, &g], spread, 0.0),
        (PoolPart::Share, vec![&g], share, 1e-5),
    ];
    for (part, inputs, wanted, tolerance) in parts {
        let op = Op::Pool(pool(part, &sizes));
        let what = format!("{op:?} of {inputs:?}");
        let got = run(op.clone(), &inputs).to_f64_vec().unwrap();
        assert_eq!(got.len(), wanted.len(), "{what}");
        for (i, (g, w)) in got.iter().zip(&wanted).enumerate() {
            assert!(
                (g - w).abs() <= tolerance,
                "{what}: element {i} is {g}, not {w}"
            );
        }
        for count in [1, 3] {
            let again = threads::limited(count, || run(op.clone(), &inputs));
            assert_eq!(again.to_f64_vec().unwrap(), got, "{what}: {count} threads");
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn against_plain_loops(batch in 1..3usize, axes in [axis(), axis()], channels in prop_oneof![1..6usize, Just(16), 17..40usize], seed in any::<u64>()) {
        check(batch, axes, channels, seed);
    }
}

#[test]
fn shapes_that_are_shared_among_threads() {
    let axis = |size, window, stride, before| Axis {
        size,
        window,
        stride,
        padding: (before, before),
    };
    check(1, [axis(50, 3, 2, 1), axis(50, 3, 2, 1)], 40, 1);
    check(3, [axis(40, 2, 2, 0), axis(41, 2, 2, 0)], 33, 2);
    check(1, [axis(30, 3, 1, 1), axis(30, 3, 1, 1)], 64, 3);
    check(2, [axis(7, 7, 7, 0), axis(7, 7, 7, 0)], 200, 4);
}
