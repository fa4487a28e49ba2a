//! Products of matrices against three loops.

use keras_tensor::op::{Fused, MatMul};
use keras_tensor::{DType, Op, Shape, Tensor};
use ndarray::{ArrayD, Dimension, IxDyn};
use proptest::prelude::*;

use crate::{FLOATS, array, assert_near, config, numbers, pair, run, size, stored, tensor};

/// `[.., m, k]` by `[.., k, n]`, whose leading axes are broadcast.
fn product(a: &ArrayD<f64>, b: &ArrayD<f64>) -> ArrayD<f64> {
    let (ra, rb) = (a.ndim(), b.ndim());
    let (m, k, n) = (a.shape()[ra - 2], a.shape()[ra - 1], b.shape()[rb - 1]);
    let batch = Shape::from(&a.shape()[..ra - 2])
        .broadcast(&Shape::from(&b.shape()[..rb - 2]), "")
        .unwrap();
    let whole = |rows, columns| IxDyn(&[&batch[..], &[rows, columns]].concat());
    let (a, b) = (
        a.broadcast(whole(m, k)).unwrap(),
        b.broadcast(whole(k, n)).unwrap(),
    );
    ArrayD::from_shape_fn(whole(m, n), |at| {
        let (mut left, mut right) = (at.clone(), at.clone());
        let rank = at.ndim();
        (0..k)
            .map(|p| {
                left[rank - 1] = p;
                right[rank - 2] = p;
                a[&left] * b[&right]
            })
            .sum()
    })
}

fn check(
    batch: (&[usize], &[usize]),
    (m, k, n): (usize, usize, usize),
    op: MatMul,
    dtype: DType,
    seed: u64,
) {
    let matrix = |batch: &[usize], rows: usize, columns: usize, swap: bool, seed: u64| {
        let last = if swap {
            [columns, rows]
        } else {
            [rows, columns]
        };
        let t = tensor(&[batch, &last].concat(), dtype, seed);
        let mut plain = array(&t);
        if swap {
            plain.swap_axes(batch.len(), batch.len() + 1);
        }
        (t, plain)
    };
    let (a, plain_a) = matrix(batch.0, m, k, op.transpose_a, seed);
    let (b, plain_b) = matrix(batch.1, k, n, op.transpose_b, seed ^ 1);
    let wanted = product(&plain_a, &plain_b).mapv(|v| stored(v, dtype));
    assert_near(
        &run(Op::MatMul(op), &[&a, &b]),
        &wanted,
        &format!("{op:?} of {dtype}"),
    );
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn small_products((a, b) in pair(), m in size(), k in size(), n in size(), flags in any::<[bool; 2]>(), seed in any::<u64>()) {
        for dtype in numbers() {
            let op = MatMul { transpose_a: flags[0], transpose_b: flags[1] };
            check((&a, &b), (m, k, n), op, dtype, seed);
        }
    }

    #[test]
    fn larger_products(m in 1..150usize, k in 1..100usize, n in 1..100usize, flags in any::<[bool; 2]>(), seed in any::<u64>()) {
        for dtype in [DType::F32, DType::F64, DType::I32] {
            let op = MatMul { transpose_a: flags[0], transpose_b: flags[1] };
            check((&[], &[]), (m, k, n), op, dtype, seed);
        }
    }

    #[test]
    fn dense_layers(batch in prop::collection::vec(size(), 0..4), k in size(), n in size(), biased in any::<bool>(), seed in any::<u64>()) {
        for dtype in FLOATS {
            let x = tensor(&[&batch[..], &[k]].concat(), dtype, seed);
            let (kernel, bias) = (tensor(&[k, n], dtype, seed ^ 1), tensor(&[n], dtype, seed ^ 2));
            let rows: usize = batch.iter().product();
            let flat = array(&x).into_shape_with_order(IxDyn(&[rows, k])).unwrap();
            let mut linear = product(&flat, &array(&kernel));
            if biased {
                linear += &array(&bias);
            }
            let linear = linear.into_shape_with_order(IxDyn(&[&batch[..], &[n]].concat())).unwrap();
            let inputs: &[&Tensor] = if biased { &[&x, &kernel, &bias] } else { &[&x, &kernel] };
            for activation in Fused::ALL {
                let wanted = linear.mapv(|v| match activation {
                    Fused::Linear => v,
                    Fused::Relu => v.max(0.0),
                    Fused::Relu6 => v.clamp(0.0, 6.0),
                    Fused::Sigmoid => 1.0 / (1.0 + (-v).exp()),
                    Fused::Tanh => v.tanh(),
                });
                assert_near(&run(Op::Dense(activation), inputs), &wanted.mapv(|v| stored(v, dtype)), &format!("{activation:?} of {dtype}"));
            }
        }
    }
}

#[test]
fn products_that_are_shared_among_threads() {
    for (transpose_a, transpose_b) in [(false, false), (true, false), (false, true), (true, true)] {
        let op = MatMul {
            transpose_a,
            transpose_b,
        };
        for rows in [128, 129, 192, 255] {
            check((&[], &[]), (rows, 90, 110), op, DType::F32, 5);
        }
    }
}
