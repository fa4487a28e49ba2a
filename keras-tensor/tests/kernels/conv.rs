//! Convolutions whose windows do not fit at once, against plain loops.

use keras_tensor::op::{Conv, ConvFused, ConvPart, Fused, Spatial};
use keras_tensor::random::Philox;
use keras_tensor::{DType, Op, Tensor, ops};

use crate::{array, assert_near, run};

fn noise(shape: &[usize], seed: u64) -> Tensor {
    let mut values = vec![0.0; shape.iter().product()];
    Philox::from_seed(seed, 0).uniform_f64(&mut values);
    Tensor::from_f64(&values, shape, DType::F64).unwrap()
}

/// A convolution over images: sizes of the image, channels of a group, filters of a group, groups.
struct Images {
    batch: usize,
    sizes: [usize; 2],
    of_group: usize,
    filters: usize,
    groups: usize,
}

const TAPS: [usize; 2] = [3, 2];
const STRIDES: [usize; 2] = [1, 2];
const BEFORE: [usize; 2] = [1, 0];

impl Images {
    fn conv(&self) -> Conv {
        Conv {
            part: ConvPart::Output,
            strides: STRIDES[..].into(),
            padding: Spatial::from_slice(&[(BEFORE[0], 1), (BEFORE[1], 1)]),
            dilation: [1, 1][..].into(),
            groups: self.groups,
            sizes: Spatial::new(),
        }
    }

    /// Visits every product of the sum: `visit(element of y, of x, of kernel)`.
    fn for_each(&self, places: &[usize], mut visit: impl FnMut(usize, usize, usize)) {
        let (channels, filters) = (self.of_group * self.groups, self.filters * self.groups);
        let range = |n: usize| 0..n;
        for b in range(self.batch) {
            for (i, j) in range(places[0]).flat_map(|i| range(places[1]).map(move |j| (i, j))) {
                for (s, t) in range(TAPS[0]).flat_map(|s| range(TAPS[1]).map(move |t| (s, t))) {
                    let row = (i * STRIDES[0] + s).checked_sub(BEFORE[0]);
                    let column = (j * STRIDES[1] + t).checked_sub(BEFORE[1]);
                    let (Some(row), Some(column)) = (row, column) else {
                        continue;
                    };
                    if row >= self.sizes[0] || column >= self.sizes[1] {
                        continue;
                    }
                    for (f, c) in
                        range(filters).flat_map(|f| range(self.of_group).map(move |c| (f, c)))
                    {
                        let channel = f / self.filters * self.of_group + c;
                        let y = ((b * places[0] + i) * places[1] + j) * filters + f;
                        let x = ((b * self.sizes[0] + row) * self.sizes[1] + column) * channels;
                        let k = ((s * TAPS[1] + t) * self.of_group + c) * filters + f;
                        visit(y, x + channel, k);
                    }
                }
            }
        }
    }

    fn check(&self) {
        let conv = self.conv();
        let (channels, filters) = (self.of_group * self.groups, self.filters * self.groups);
        let places = conv.places(&self.sizes, &TAPS).unwrap();
        let x = noise(&[self.batch, self.sizes[0], self.sizes[1], channels], 1);
        let kernel = noise(&[TAPS[0], TAPS[1], self.of_group, filters], 2);
        let g = noise(&[self.batch, places[0], places[1], filters], 3);
        let [xs, ks, gs] = [&x, &kernel, &g].map(|t| t.to_f64_vec().unwrap());
        let mut wanted = [&g, &x, &kernel].map(|t| vec![0.0; t.size()]);
        self.for_each(&places, |y, x, k| {
            wanted[0][y] += xs[x] * ks[k];
            wanted[1][x] += gs[y] * ks[k];
            wanted[2][k] += xs[x] * gs[y];
        });
        let parts = [
            (conv.clone(), [&x, &kernel]),
            (conv.with(ConvPart::Input, &self.sizes), [&g, &kernel]),
            (conv.with(ConvPart::Kernel, &TAPS), [&x, &g]),
        ];
        for ((conv, inputs), wanted) in parts.into_iter().zip(wanted) {
            let part = conv.part;
            let got = run(Op::Conv(conv), &inputs).to_f64_vec().unwrap();
            assert_eq!(got.len(), wanted.len());
            for (i, (g, w)) in got.iter().zip(&wanted).enumerate() {
                assert!(
                    (g - w).abs() <= 1e-9 * (1.0 + w.abs()),
                    "{part:?} {i}: {g}, not {w}"
                );
            }
        }
    }
}

#[test]
fn a_sample_of_many_windows_is_done_in_parts() {
    // A matrix of windows of 1.1 million elements a sample: several parts, the last of which is not full.
    Images {
        batch: 2,
        sizes: [150, 201],
        of_group: 12,
        filters: 3,
        groups: 1,
    }
    .check();
    Images {
        batch: 2,
        sizes: [150, 201],
        of_group: 8,
        filters: 2,
        groups: 2,
    }
    .check();
}

#[test]
fn samples_of_few_windows_are_done_together() {
    Images {
        batch: 70,
        sizes: [20, 25],
        of_group: 3,
        filters: 4,
        groups: 1,
    }
    .check();
    Images {
        batch: 70,
        sizes: [20, 25],
        of_group: 3,
        filters: 2,
        groups: 2,
    }
    .check();
}

#[test]
fn one_place_of_very_many_taps_is_a_part() {
    // One row of the matrix of windows is larger than what is laid out at a time.
    Images {
        batch: 1,
        sizes: [2, 4],
        of_group: 50_000,
        filters: 1,
        groups: 1,
    }
    .check();
}

#[test]
fn a_block_of_the_shared_axis_begins_within_a_row_of_the_window() {
    // Two blocks of 150, of rows of 100: places away from the border are read from where they lie.
    Images {
        batch: 2,
        sizes: [12, 41],
        of_group: 50,
        filters: 5,
        groups: 1,
    }
    .check();
}

#[test]
fn groups_of_one_tap_are_convolutions_of_their_channels() {
    let (x, kernel) = (noise(&[2, 9, 40, 6], 1), noise(&[1, 1, 3, 8], 2));
    let conv = |x: &Tensor, kernel: &Tensor, groups| {
        ops::conv(x, kernel, &[2, 2], ops::Padding::Valid, &[1, 1], groups).unwrap()
    };
    let part = |t: &Tensor, group: usize, of_group: usize| {
        ops::slice_axis(t, -1, group * of_group, of_group).unwrap()
    };
    let parts = [0, 1].map(|group| conv(&part(&x, group, 3), &part(&kernel, group, 4), 1));
    let wanted = ops::concatenate(&parts.each_ref(), -1).unwrap();
    let found = conv(&x, &kernel, 2);
    assert_near(&found, &array(&wanted), "two groups");
}

#[test]
fn what_follows_a_convolution_is_what_ops_compute_one_by_one() {
    let moved = |shape: &[usize], seed| {
        let values = ops::subtract(noise(shape, seed), 0.5).unwrap();
        ops::cast(values, DType::F32).unwrap()
    };
    // Many rows of few filters, few rows of many, one channel at a time, groups.
    for (size, of_group, filters, groups) in [
        (70, 3, 8, 1),
        (3, 5, 3000, 1),
        (9, 1, 1, 6),
        (9, 1, 2, 6),
        (7, 2, 3, 2),
    ] {
        let images = Images {
            batch: 2,
            sizes: [size, size],
            of_group,
            filters,
            groups,
        };
        let conv = images.conv();
        let x = moved(&[2, size, size, of_group * groups], 1);
        let kernel = moved(&[TAPS[0], TAPS[1], of_group, filters * groups], 2);
        let sums = run(Op::Conv(conv.clone()), &[&x, &kernel]);
        let (scale, bias) = (moved(&[filters * groups], 3), moved(&[filters * groups], 4));
        let residual = ops::multiply(moved(sums.shape(), 5), 20.0).unwrap();
        for which in 0..8 {
            let [has_scale, has_bias, has_residual] = [1, 2, 4].map(|bit| which & bit != 0);
            let mut inputs = vec![&x, &kernel];
            let mut wanted = sums.clone();
            if has_scale {
                inputs.push(&scale);
                wanted = ops::multiply(&wanted, &scale).unwrap();
            }
            if has_bias {
                inputs.push(&bias);
                wanted = ops::add(&wanted, &bias).unwrap();
            }
            if has_residual {
                inputs.push(&residual);
                wanted = ops::add(&wanted, &residual).unwrap();
            }
            for activation in Fused::ALL {
                let fused = ConvFused {
                    conv: conv.clone(),
                    activation,
                    has_scale,
                    has_bias,
                    has_residual,
                };
                let what = format!("{fused:?}");
                let got = run(Op::ConvFused(fused), &inputs);
                assert_near(
                    &got,
                    &array(&ops::activation(&wanted, activation).unwrap()),
                    &what,
                );
            }
        }
    }
}
