//! Softmax and cross-entropy, and normalization.

use keras_tensor::op::{Fused, Normalize, Over};
use keras_tensor::{DType, Op, SmallVec, Tensor, apply, apply_owned, ops};
use ndarray::{ArrayD, Axis, IxDyn};
use proptest::prelude::*;

use crate::{FLOATS, array, assert_near, config, run, shape_and_axis, tensor};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn softmax_sums_to_1((shape, axis) in shape_and_axis(), scale in 0..12i32, seed in any::<u64>()) {
        for dtype in FLOATS {
            // Logits up to 10,000, which no exponential holds.
            let x = ops::multiply(tensor(&shape, dtype, seed), 2f64.powi(scale)).unwrap();
            let y = run(Op::Softmax(axis), &[&x]);
            let mut wanted = array(&x);
            for mut lane in wanted.lanes_mut(Axis(axis)) {
                let top = lane.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
                lane.mapv_inplace(|v| (v - top).exp());
                let total = lane.sum();
                lane.mapv_inplace(|v| v / total);
            }
            assert_near(&y, &wanted, "softmax");
            if dtype == DType::F64 && shape[axis] > 0 {
                for total in array(&y).sum_axis(Axis(axis)) {
                    prop_assert!((total - 1.0).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn cross_entropy((shape, _) in shape_and_axis(), scale in 0..12i32, seed in any::<u64>()) {
        let last = Axis(shape.len() - 1);
        for dtype in [DType::F32, DType::F64] {
            let x = ops::multiply(tensor(&shape, dtype, seed), 2f64.powi(scale)).unwrap();
            let t = ops::abs(tensor(&shape, dtype, seed ^ 1)).unwrap();
            let mut logarithms = array(&x);
            for mut lane in logarithms.lanes_mut(last) {
                let top = lane.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
                let total: f64 = lane.iter().map(|v| (v - top).exp()).sum();
                lane.mapv_inplace(|v| v - top - total.ln());
            }
            let wanted = -(&logarithms * &array(&t)).sum_axis(last);
            assert_near(&run(Op::SoftmaxCrossEntropy, &[&x, &t]), &wanted, "cross-entropy");
            assert_near(&ops::log_softmax(&x, -1).unwrap(), &logarithms, "log_softmax");
        }
    }
}

/// `x` seen as `[outer, features, inner]`: places of elements that are normalized together, and of what scales each.
fn groups(shape: &[usize], over: Over) -> Vec<Vec<(usize, usize)>> {
    let product = |part: &[usize]| part.iter().product::<usize>();
    match over {
        Over::Batch(axis) => {
            let (outer, n, inner) = (
                product(&shape[..axis]),
                shape[axis],
                product(&shape[axis + 1..]),
            );
            let place = |o, f, i| (o * n + f) * inner + i;
            let of = |f| (0..outer).flat_map(move |o| (0..inner).map(move |i| (place(o, f, i), f)));
            (0..n).map(|f| of(f).collect()).collect()
        }
        Over::Sample(axis) | Over::Squares(axis) => {
            let (rows, n) = (product(&shape[..axis]), product(&shape[axis..]));
            (0..rows)
                .map(|r| (0..n).map(|i| (r * n + i, i)).collect())
                .collect()
        }
    }
}

/// Op and gradient op against plain loops in float64.
fn check_normalization(shape: &[usize], over: Over, dtype: DType, shift: f64, seed: u64) {
    let epsilon = 0.5;
    let x = ops::add(tensor(shape, dtype, seed), shift).unwrap();
    let weights = match over {
        Over::Batch(axis) => &shape[axis..axis + 1],
        Over::Sample(axis) | Over::Squares(axis) => &shape[axis..],
    };
    let [gamma, beta] = [1, 2].map(|i| tensor(weights, dtype, seed ^ i));
    let outer = tensor(shape, dtype, seed ^ 3);
    let values = |t: &Tensor| t.to_f64_vec().unwrap();
    let [x_, gamma_, beta_, outer_] = [&x, &gamma, &beta, &outer].map(values);
    let [mut y, mut by_x] = [x_.clone(), x_.clone()];
    let [mut by_gamma, mut by_beta] = [vec![0.0; gamma_.len()], vec![0.0; gamma_.len()]];
    let (mut means, mut variances) = (vec![], vec![]);
    for group in groups(shape, over) {
        let n = group.len() as f64;
        let total =
            |f: &dyn Fn(usize, usize) -> f64| group.iter().map(|&(e, w)| f(e, w)).sum::<f64>();
        let mean = match over {
            Over::Squares(_) => 0.0,
            _ => total(&|e, _| x_[e]) / n,
        };
        let variance = total(&|e, _| (x_[e] - mean).powi(2)) / n;
        let deviation = (variance + epsilon).sqrt();
        let normal = |e: usize| (x_[e] - mean) / deviation;
        let level = match over {
            Over::Squares(_) => 0.0,
            _ => total(&|e, w| outer_[e] * gamma_[w]) / n,
        };
        let slope = total(&|e, w| outer_[e] * gamma_[w] * normal(e)) / n;
        for &(e, w) in &group {
            y[e] = gamma_[w] * normal(e) + beta_[w];
            by_x[e] = (outer_[e] * gamma_[w] - level - normal(e) * slope) / deviation;
            by_gamma[w] += outer_[e] * normal(e);
            by_beta[w] += outer_[e];
        }
        means.push(mean);
        variances.push(variance);
    }
    let near = |got: &Tensor, wanted: &[f64], what: &str| {
        let wanted = ArrayD::from_shape_vec(IxDyn(got.shape()), wanted.to_vec()).unwrap();
        assert_near(got, &wanted, &format!("{what} over {over:?} of {shape:?}"));
    };
    let n = Normalize::new(over, epsilon);
    let results = apply(Op::Normalize(n), &[&x, &gamma, &beta]).unwrap();
    near(&results[0], &y, "normalized");
    near(&results[1], &means, "mean");
    near(&results[2], &variances, "variance");
    let inputs = [&x, &gamma, &results[1], &results[2], &outer];
    let gradients = apply(Op::NormalizeGrad(n), &inputs).unwrap();
    near(&gradients[0], &by_x, "gradient by x");
    near(&gradients[1], &by_gamma, "gradient by gamma");
    near(&gradients[2], &by_beta, "gradient by beta");
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn normalization((shape, axis) in shape_and_axis(), seed in any::<u64>()) {
        for dtype in [DType::F32, DType::F64] {
            for over in [Over::Batch(axis), Over::Sample(axis), Over::Squares(axis)] {
                check_normalization(&shape, over, dtype, 0.0, seed);
            }
        }
    }

    #[test]
    fn what_follows_normalization((shape, axis) in shape_and_axis(), seed in any::<u64>()) {
        for dtype in [DType::F32, DType::F64] {
            check_what_follows(&shape, axis, dtype, seed);
        }
    }

    #[test]
    fn scale_and_shift((shape, axis) in shape_and_axis(), seed in any::<u64>()) {
        for dtype in FLOATS {
            let x = tensor(&shape, dtype, seed);
            let [scale, shift] = [1, 2].map(|i| tensor(&shape[axis..axis + 1], dtype, seed ^ i));
            let mut wanted = array(&x);
            for (f, mut feature) in wanted.axis_iter_mut(Axis(axis)).enumerate() {
                let (scale, shift) = (array(&scale)[f], array(&shift)[f]);
                feature.mapv_inplace(|v| v * scale + shift);
            }
            assert_near(&run(Op::ScaleShift(axis), &[&x, &scale, &shift]), &wanted, "scale and shift");
        }
    }
}

/// Normalization with a residual and an activation, against ops one after the other: the same bits, and gradients, too.
fn check_what_follows(shape: &[usize], axis: usize, dtype: DType, seed: u64) {
    let [x, residual, outer] = [0, 1, 2].map(|i| tensor(shape, dtype, seed ^ i));
    let [gamma, beta] = [3, 4].map(|i| tensor(&shape[axis..axis + 1], dtype, seed ^ i));
    let plain = Normalize::new(Over::Batch(axis), 0.1);
    let alone = apply(Op::Normalize(plain), &[&x, &gamma, &beta]).unwrap();
    let (mean, variance) = (&alone[1], &alone[2]);
    let same = |got: &Tensor, wanted: &Tensor, what: &str| {
        let [got, wanted] = [got, wanted].map(|t| t.to_f64_vec().unwrap());
        assert_eq!(got, wanted, "{what} of {shape:?} over {axis}");
    };
    for activation in [Fused::Linear, Fused::Relu, Fused::Relu6] {
        let n = Normalize {
            activation,
            ..plain
        };
        let y = ops::activation(&alone[0], activation).unwrap();
        let got = apply(Op::Normalize(n), &[&x, &gamma, &beta]).unwrap();
        same(&got[0], &y, "activation");
        let got = apply(Op::Normalize(n), &[&x, &gamma, &beta, &residual]).unwrap();
        let sum = ops::add(&alone[0], &residual).unwrap();
        same(
            &got[0],
            &ops::activation(sum, activation).unwrap(),
            "residual",
        );

        let before = ops::activation_grad(&outer, &y, activation).unwrap();
        let inputs = [&x, &gamma, mean, variance, &before];
        let wanted = apply(Op::NormalizeGrad(plain), &inputs).unwrap();
        let mut inputs = vec![&x, &gamma, mean, variance, &outer];
        inputs.extend((activation != Fused::Linear).then_some(&beta));
        let apart = apply(Op::NormalizeGrad(n), &inputs).unwrap();
        let mut owned: SmallVec<[Tensor; 4]> = inputs.into_iter().cloned().collect();
        // Memory of its own, which the gradient by `x` may take.
        owned[4] = ops::add(&outer, 0.0).unwrap();
        let over = apply_owned(Op::NormalizeGrad(n), owned).unwrap();
        for (i, wanted) in wanted.iter().enumerate() {
            same(&apart[i], wanted, "gradient");
            same(&over[i], wanted, "gradient in place");
        }
    }
}

#[test]
fn nothing_curved_follows_normalization_and_nothing_at_all_that_of_samples() {
    let (x, w) = (tensor(&[4, 3], DType::F32, 1), tensor(&[3], DType::F32, 2));
    for (over, activation) in [
        (Over::Batch(1), Fused::Tanh),
        (Over::Sample(1), Fused::Relu),
    ] {
        let n = Normalize {
            activation,
            ..Normalize::new(over, 0.1)
        };
        let error = apply(Op::Normalize(n), &[&x, &w, &w]).unwrap_err();
        assert!(error.to_string().contains("over a batch"), "{error}");
    }
}

#[test]
fn normalization_in_several_parts() {
    for (shape, over) in [
        (&[70, 3, 5, 130][..], Over::Batch(3)),
        (&[3000, 24], Over::Batch(1)),
        (&[5, 70, 40, 40], Over::Batch(1)),
        (&[2, 1, 70_000], Over::Batch(1)),
        (&[600, 300], Over::Sample(1)),
        (&[3, 5, 2500], Over::Sample(2)),
        (&[3, 5, 2500], Over::Squares(1)),
    ] {
        check_normalization(shape, over, DType::F64, 0.0, 5);
        if let Over::Batch(axis) = over {
            check_what_follows(shape, axis, DType::F32, 5);
        }
    }
}

#[test]
fn means_far_from_0_leave_the_variance_its_digits() {
    for (shape, over) in [
        (&[4000, 70][..], Over::Batch(1)),
        (&[4, 7, 1000], Over::Batch(1)),
        (&[3, 5000], Over::Sample(1)),
    ] {
        let x = ops::add(tensor(shape, DType::F32, 3), 4096.0).unwrap();
        let wide = ops::cast(&x, DType::F64).unwrap();
        let op = Op::Normalize(Normalize::new(over, 0.0));
        let variance = |x: &Tensor| {
            let weights = match over {
                Over::Batch(axis) => &shape[axis..axis + 1],
                Over::Sample(axis) | Over::Squares(axis) => &shape[axis..],
            };
            let one = ops::ones(weights, x.dtype()).unwrap();
            apply(op.clone(), &[x, &one, &one]).unwrap()[2]
                .to_f64_vec()
                .unwrap()
        };
        for (got, wanted) in variance(&x).iter().zip(variance(&wide)) {
            assert!((got / wanted - 1.0).abs() < 1e-4, "{got}, wanted {wanted}");
        }
    }
}

#[test]
fn the_statistics_of_nothing() {
    let x = Tensor::new(&[0.0f32; 0], [0, 3]).unwrap();
    let w = Tensor::new(&[1.0f32; 3], [3]).unwrap();
    let op = Op::Normalize(Normalize::new(Over::Batch(1), 1.0));
    let results = apply(op, &[&x, &w, &w]).unwrap();
    assert!(results[1].to_f64_vec().unwrap().iter().all(|v| v.is_nan()));
}

#[test]
fn large_logits_lose_no_digits() {
    let x = Tensor::new(&[10_000.0f32, 10_000.5, 9_999.0], [3]).unwrap();
    let exact: Vec<f64> = vec![0.0, 0.5, -1.0];
    let total: f64 = exact.iter().map(|v| v.exp()).sum::<f64>().ln();
    let got = ops::log_softmax(&x, -1).unwrap().to_f64_vec().unwrap();
    for (g, v) in got.iter().zip(&exact) {
        assert!((g - (v - total)).abs() < 1e-6, "{g}, wanted {}", v - total);
    }
    let hot = Tensor::new(&[0.0f32, 1.0, 0.0], [3]).unwrap();
    let loss = ops::softmax_cross_entropy(&x, &hot)
        .unwrap()
        .item()
        .unwrap();
    assert!((loss - (total - 0.5)).abs() < 1e-6, "{loss}");
}

#[test]
fn masked_logits() {
    let low = f32::NEG_INFINITY;
    let x = Tensor::new(&[low, 0.0, 0.0], [3]).unwrap();
    let y = ops::softmax(&x, -1).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [0.0, 0.5, 0.5]);
    let hot = Tensor::new(&[0.0f32, 1.0, 0.0], [3]).unwrap();
    let loss = ops::softmax_cross_entropy(&x, &hot)
        .unwrap()
        .item()
        .unwrap();
    assert!((loss - 2f64.ln()).abs() < 1e-6, "{loss}");
    let logarithms = ops::log_softmax(&x, -1).unwrap().to_vec::<f32>().unwrap();
    assert_eq!(logarithms[0], low);
    let nothing = Tensor::new(&[low, low], [2]).unwrap();
    let total = ops::logsumexp(&nothing, None, false).unwrap();
    assert_eq!(total.item().unwrap(), f64::NEG_INFINITY);
    let broken = Tensor::new(&[f32::NAN, 0.0], [2]).unwrap();
    let y = ops::softmax(&broken, -1).unwrap();
    assert!(y.to_vec::<f32>().unwrap().iter().all(|v| v.is_nan()));
}
