//! Softmax and cross-entropy.

use keras_tensor::{DType, Op, Tensor, ops};
use ndarray::Axis;
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
