//! Convolutions of each channel by itself, against plain loops, and the same bits at any number of threads.

use keras_tensor::op::{Conv, ConvFused, ConvPart, Fused, Spatial};
use keras_tensor::random::Philox;
use keras_tensor::{DType, Op, Tensor, apply_one, threads};
use proptest::prelude::*;

use crate::{config, run};

fn noise(shape: &[usize], seed: u64, dtype: DType) -> Tensor {
    let mut values = vec![0.0; shape.iter().product()];
    Philox::from_seed(seed, 0).uniform_f64(&mut values);
    values.iter_mut().for_each(|v| *v -= 0.5);
    Tensor::from_f64(&values, shape, dtype).unwrap()
}

/// A window along one axis.
#[derive(Clone, Copy, Debug)]
struct Axis {
    size: usize,
    taps: usize,
    stride: usize,
    dilation: usize,
    padding: (usize, usize),
}

impl Axis {
    /// Where a tap lies, if inside.
    fn at(&self, place: usize, tap: usize) -> Option<usize> {
        let at = (place * self.stride + tap * self.dilation).checked_sub(self.padding.0)?;
        (at < self.size).then_some(at)
    }

    fn places(&self) -> Option<usize> {
        let all = self.size + self.padding.0 + self.padding.1;
        let rest = all.checked_sub((self.taps - 1) * self.dilation + 1)?;
        Some(rest / self.stride + 1)
    }
}

fn axis() -> impl Strategy<Value = Axis> {
    let window = (
        prop_oneof![1..5usize, Just(3usize), Just(5)],
        1..4usize,
        1..3usize,
    );
    let around = prop_oneof![Just((0usize, 0usize)), Just((1, 1)), (0..4usize, 0..4usize)];
    (1..20usize, window, around)
        .prop_map(|(size, (taps, stride, dilation), padding)| Axis {
            size,
            taps,
            stride,
            dilation,
            padding,
        })
        .prop_filter("the window fits", |a| a.places().is_some())
}

fn channels() -> impl Strategy<Value = (usize, usize)> {
    prop_oneof![
        3 => (prop_oneof![Just(16usize), Just(17), Just(32), Just(40), Just(130), Just(300), 2..50usize], Just(1usize)),
        1 => (2..20usize, 2..4usize),
    ]
}

fn check(batch: usize, axes: [Axis; 2], (channels, multiplier): (usize, usize), seed: u64) {
    let places = axes.map(|a| a.places().unwrap());
    let filters = channels * multiplier;
    let conv = Conv {
        part: ConvPart::Output,
        strides: axes.iter().map(|a| a.stride).collect(),
        padding: axes.iter().map(|a| a.padding).collect(),
        dilation: axes.iter().map(|a| a.dilation).collect(),
        groups: channels,
        sizes: Spatial::new(),
    };
    let sizes = axes.map(|a| a.size);
    let taps = axes.map(|a| a.taps);
    let [h, w] = sizes;
    for dtype in [DType::F64, DType::F32] {
        let x = noise(&[batch, h, w, channels], seed, dtype);
        let kernel = noise(&[taps[0], taps[1], 1, filters], seed ^ 1, dtype);
        let g = noise(&[batch, places[0], places[1], filters], seed ^ 2, dtype);
        let [xs, ks, gs] = [&x, &kernel, &g].map(|t| t.to_f64_vec().unwrap());
        let mut wanted = [&g, &x, &kernel].map(|t| vec![0.0; t.size()]);
        let mut norms = wanted.clone();
        for place in 0..batch * places[0] * places[1] {
            let (b, i, j) = (
                place / places[1] / places[0],
                place / places[1] % places[0],
                place % places[1],
            );
            for tap in 0..taps[0] * taps[1] {
                let (s, t) = (tap / taps[1], tap % taps[1]);
                let (Some(row), Some(column)) = (axes[0].at(i, s), axes[1].at(j, t)) else {
                    continue;
                };
                for f in 0..filters {
                    let at = [
                        place * filters + f,
                        ((b * h + row) * w + column) * channels + f / multiplier,
                        tap * filters + f,
                    ];
                    let [y, x, k] = at;
                    let products = [xs[x] * ks[k], gs[y] * ks[k], xs[x] * gs[y]];
                    for (part, product) in products.into_iter().enumerate() {
                        wanted[part][at[part]] += product;
                        norms[part][at[part]] += product.abs();
                    }
                }
            }
        }
        let parts = [
            (conv.clone(), [&x, &kernel]),
            (conv.with(ConvPart::Input, &sizes), [&g, &kernel]),
            (conv.with(ConvPart::Kernel, &taps), [&x, &g]),
        ];
        let tolerance = if dtype == DType::F64 { 1e-12 } else { 1e-5 };
        for (i, (conv, inputs)) in parts.into_iter().enumerate() {
            let what = format!("{dtype} {conv:?} of {inputs:?}");
            let got = run(Op::Conv(conv.clone()), &inputs);
            let values = got.to_f64_vec().unwrap();
            assert_eq!(values.len(), wanted[i].len());
            for (j, (g, w)) in values.iter().zip(&wanted[i]).enumerate() {
                let near = (g - w).abs() <= tolerance * (1e-3 + norms[i][j]);
                assert!(near, "{what}: element {j} is {g}, wanted {w}");
            }
            for count in [1, 3] {
                let again = threads::limited(count, || run(Op::Conv(conv.clone()), &inputs));
                assert_eq!(
                    again.to_f64_vec().unwrap(),
                    values,
                    "{what}: {count} threads"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn against_plain_loops(batch in 1..3usize, axes in [axis(), axis()], channels in channels(), seed in any::<u64>()) {
        check(batch, axes, channels, seed);
    }
}

#[test]
fn shapes_that_are_shared_among_threads() {
    let axis = |size, stride| Axis {
        size,
        taps: 3,
        stride,
        dilation: 1,
        padding: (1, 1),
    };
    check(1, [axis(30, 1), axis(31, 1)], (48, 1), 1);
    check(2, [axis(41, 2), axis(40, 2)], (40, 1), 2);
    check(9, [axis(7, 1), axis(7, 1)], (144, 1), 3);
    check(1, [axis(60, 1), axis(60, 1)], (20, 3), 4);
}

#[test]
fn windows_that_reach_far_beyond_the_border() {
    for taps in [3, 5] {
        for (size, stride, padding) in [
            (5, 1, (3, 0)),
            (4, 1, (12, 11)),
            (3, 2, (13, 14)),
            (2, 1, (4, 4)),
            (9, 2, (0, 9)),
        ] {
            let dilation = 1;
            let wide = Axis {
                size,
                taps,
                stride,
                dilation,
                padding,
            };
            check(
                1,
                [
                    Axis {
                        padding: (2, 2),
                        ..wide
                    },
                    wide,
                ],
                (37, 1),
                5,
            );
        }
    }
}

#[test]
fn what_follows_is_applied_where_results_are_stored() {
    for (channels, filters) in [(300, 300), (5, 5), (6, 12)] {
        let conv = Conv {
            part: ConvPart::Output,
            strides: [1, 1][..].into(),
            padding: Spatial::from_slice(&[(1, 1), (1, 1)]),
            dilation: [1, 1][..].into(),
            groups: channels,
            sizes: Spatial::new(),
        };
        let x = noise(&[2, 9, 11, channels], 1, DType::F32);
        let kernel = noise(&[3, 3, 1, filters], 2, DType::F32);
        let [scale, bias] = [3, 4].map(|seed| noise(&[filters], seed, DType::F32));
        let residual = noise(&[2, 9, 11, filters], 5, DType::F32);
        let plain = apply_one(Op::Conv(conv.clone()), &[&x, &kernel]).unwrap();
        let fused = ConvFused {
            conv,
            has_scale: true,
            has_bias: true,
            has_residual: true,
            activation: Fused::Relu6,
        };
        let inputs = [&x, &kernel, &scale, &bias, &residual];
        let got = run(Op::ConvFused(fused), &inputs).to_vec::<f32>().unwrap();
        let [plain, scale, bias, residual] =
            [&plain, &scale, &bias, &residual].map(|t| t.to_vec::<f32>().unwrap());
        for (i, got) in got.iter().enumerate() {
            let c = i % filters;
            let wanted = (plain[i] * scale[c] + bias[c] + residual[i]).clamp(0.0, 6.0);
            assert_eq!(*got, wanted, "element {i}");
        }
    }
}
