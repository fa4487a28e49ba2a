//! Folds, running sums and places of extremes.

use keras_tensor::op::{ArgReduce, ArgSort, CumSum, Fold, Reduce};
use keras_tensor::{DType, Op, Tensor, apply_one, ops};
use ndarray::{ArrayD, Axis};
use proptest::prelude::*;

use crate::{
    FLOATS, array, assert_near, config, numbers, run, shape, shape_and_axis, stored, tensor,
};

/// Folds one axis after the other.
fn folded(
    x: &ArrayD<f64>,
    axes: &[usize],
    keep: bool,
    start: f64,
    f: fn(f64, f64) -> f64,
) -> ArrayD<f64> {
    let mut x = x.clone();
    for &axis in axes.iter().rev() {
        x = x.fold_axis(Axis(axis), start, |&a, &b| f(a, b));
        if keep {
            x = x.insert_axis(Axis(axis));
        }
    }
    x
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn folds_over_any_axes(shape in shape(), mask in any::<u8>(), keep_dims in any::<bool>(), seed in any::<u64>()) {
        let axes: Vec<usize> = (0..shape.len()).filter(|i| mask >> i & 1 == 1).collect();
        let count: usize = axes.iter().map(|&a| shape[a]).product();
        let reduce = |fold| Op::Reduce(Reduce { fold, axes: axes[..].into(), keep_dims });
        for dtype in numbers() {
            let x = tensor(&shape, dtype, seed);
            let model = |start, f| folded(&array(&x), &axes, keep_dims, start, f);
            let check = |fold, wanted: ArrayD<f64>| {
                assert_near(&run(reduce(fold), &[&x]), &wanted, &format!("{fold:?} of {dtype} over {axes:?}"));
            };
            let total = model(0.0, |a, b| a + b);
            check(Fold::Sum, total.mapv(|v| stored(v, dtype)));
            if dtype.is_float() {
                check(Fold::Mean, total.mapv(|v| v / count as f64));
            }
            if count > 0 {
                check(Fold::Max, model(f64::NEG_INFINITY, f64::max));
                check(Fold::Min, model(f64::INFINITY, f64::min));
            }
        }
        // Factors whose product f64 holds.
        let x = ops::add(tensor(&shape, DType::Bool, seed).to_dtype(DType::F64).unwrap(), 1.0).unwrap();
        let wanted = folded(&array(&x), &axes, keep_dims, 1.0, |a, b| a * b);
        assert_near(&run(reduce(Fold::Prod), &[&x]), &wanted, "prod");
        let x = tensor(&shape, DType::Bool, seed);
        assert_near(&run(reduce(Fold::All), &[&x]), &folded(&array(&x), &axes, keep_dims, 1.0, f64::min), "all");
        assert_near(&run(reduce(Fold::Any), &[&x]), &folded(&array(&x), &axes, keep_dims, 0.0, f64::max), "any");
    }

    #[test]
    fn running_sums((shape, axis) in shape_and_axis(), reverse in any::<bool>(), seed in any::<u64>()) {
        for dtype in numbers() {
            let x = tensor(&shape, dtype, seed);
            let mut wanted = array(&x);
            for mut lane in wanted.lanes_mut(Axis(axis)) {
                if reverse {
                    lane.invert_axis(Axis(0));
                }
                for i in 1..lane.len() {
                    lane[i] = stored(lane[i] + lane[i - 1], dtype);
                }
            }
            assert_near(&run(Op::CumSum(CumSum { axis, reverse }), &[&x]), &wanted, dtype.name());
        }
    }

    #[test]
    fn places_of_extremes((shape, axis) in shape_and_axis(), seed in any::<u64>()) {
        prop_assume!(shape[axis] > 0);
        for dtype in numbers() {
            let x = tensor(&shape, dtype, seed);
            for largest in [true, false] {
                let wanted = array(&x).map_axis(Axis(axis), |lane| {
                    let better = |a: f64, b: f64| if largest { a > b } else { a < b };
                    (1..lane.len()).fold(0, |best, i| if better(lane[i], lane[best]) { i } else { best }) as f64
                });
                let got = run(Op::ArgReduce(ArgReduce { largest, axis }), &[&x]);
                assert_near(&got, &wanted, dtype.name());
            }
        }
    }

    #[test]
    fn sorting((shape, axis) in shape_and_axis(), descending in any::<bool>(), seed in any::<u64>()) {
        for dtype in numbers() {
            let x = tensor(&shape, dtype, seed);
            let mut wanted = array(&x);
            for mut lane in wanted.lanes_mut(Axis(axis)) {
                let mut order: Vec<usize> = (0..lane.len()).collect();
                order.sort_by(|&a, &b| {
                    let ordering = lane[a].total_cmp(&lane[b]);
                    (if descending { ordering.reverse() } else { ordering }).then(a.cmp(&b))
                });
                lane.iter_mut().zip(order).for_each(|(to, place)| *to = place as f64);
            }
            let got = run(Op::ArgSort(ArgSort { axis, descending }), &[&x]);
            prop_assert_eq!(got.dtype(), DType::I32);
            assert_near(&got, &wanted, dtype.name());
        }
    }

    #[test]
    fn the_k_largest(rows in 0..4usize, n in 1..6usize, seed in any::<u64>()) {
        for dtype in FLOATS {
            let x = tensor(&[rows, n], dtype, seed);
            for k in 0..=n {
                let (values, places) = ops::top_k(&x, k).unwrap();
                prop_assert_eq!(values.shape(), &[rows, k]);
                let (x, values, places) = (array(&x), array(&values), array(&places));
                for row in 0..rows {
                    let mut sorted: Vec<f64> = x.index_axis(Axis(0), row).iter().copied().collect();
                    sorted.sort_by(|a, b| b.total_cmp(a));
                    for j in 0..k {
                        prop_assert_eq!(values[[row, j]], sorted[j]);
                        prop_assert_eq!(x[[row, places[[row, j]] as usize]], sorted[j]);
                    }
                }
            }
        }
    }
}

#[test]
fn long_sums_keep_their_digits() {
    let x = Tensor::new(&vec![0.1f32; 1 << 20], [1 << 20]).unwrap();
    let wanted = 0.1f32 as f64 * (1 << 20) as f64;
    let got = ops::sum(&x, None).unwrap().item().unwrap();
    assert!((got / wanted - 1.0).abs() < 1e-6, "{got}");
    let columns = ops::reshape(&x, &[1 << 18, 4]).unwrap();
    for got in ops::mean(&columns, [0]).unwrap().to_f64_vec().unwrap() {
        assert!((got / 0.1f32 as f64 - 1.0).abs() < 1e-6, "{got}");
    }
    let pages = ops::reshape(&x, &[2, 1 << 17, 4]).unwrap();
    for got in ops::mean(&pages, [0, 1]).unwrap().to_f64_vec().unwrap() {
        assert!((got / 0.1f32 as f64 - 1.0).abs() < 1e-6, "{got}");
    }
}

#[test]
fn sums_of_narrow_types_widen_as_in_keras() {
    let x = Tensor::new(&[true, true, false], [3]).unwrap();
    for (from, to) in [
        (DType::Bool, DType::I32),
        (DType::I8, DType::I32),
        (DType::U8, DType::U32),
        (DType::U16, DType::U32),
        (DType::I64, DType::I64),
        (DType::F16, DType::F16),
    ] {
        let x = x.to_dtype(from).unwrap();
        let sum = ops::sum(&x, None).unwrap();
        assert_eq!((sum.dtype(), sum.item().unwrap()), (to, 2.0), "{from}");
        assert_eq!(ops::prod(&x, None).unwrap().dtype(), to);
    }
    let running = ops::cumsum(&x, 0).unwrap();
    assert_eq!(running.to_vec::<i32>().unwrap(), [1, 2, 2]);
    let nan = Tensor::new(&[2.0f32, f32::NAN, 1.0], [3]).unwrap();
    let order = apply_one(
        Op::ArgSort(ArgSort {
            axis: 0,
            descending: false,
        }),
        &[&nan],
    )
    .unwrap();
    assert_eq!(order.to_vec::<i32>().unwrap(), [2, 0, 1]);
}
