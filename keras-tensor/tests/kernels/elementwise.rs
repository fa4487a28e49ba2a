//! Functions of elements, broadcasting, casts, and values that are not finite.

use keras_tensor::op::{Binary, Clip, Fused, Unary};
use keras_tensor::{DType, Op, Shape, Tensor, ops};
use ndarray::{ArrayD, IxDyn, Zip};
use proptest::prelude::*;

use crate::{
    FLOATS, INTEGERS, array, assert_near, config, numbers, pair, run, shape, stored, tensor,
};

/// What an op means for floats; bools are 0 and 1.
fn float_model(op: Binary, a: f64, b: f64) -> f64 {
    let truth = |t: bool| t as u8 as f64;
    match op {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Pow => a.powf(b),
        Binary::Max => a.max(b),
        Binary::Min => a.min(b),
        Binary::Mod => a - (a / b).floor() * b,
        Binary::FloorDiv => (a / b).floor(),
        Binary::Equal => truth(a == b),
        Binary::NotEqual => truth(a != b),
        Binary::Less => truth(a < b),
        Binary::LessEqual => truth(a <= b),
        Binary::Greater => truth(a > b),
        Binary::GreaterEqual => truth(a >= b),
        Binary::And => truth(a != 0.0 && b != 0.0),
        Binary::Or => truth(a != 0.0 || b != 0.0),
        Binary::Xor => truth((a != 0.0) != (b != 0.0)),
    }
}

fn model(op: Binary, dtype: DType, a: f64, b: f64) -> f64 {
    if dtype.is_float() || op.gives_bool() {
        return float_model(op, a, b);
    }
    let divided = matches!(op, Binary::Div | Binary::Mod | Binary::FloorDiv);
    match op {
        _ if divided && b == 0.0 => 0.0,
        Binary::Div => (a / b).trunc(),
        Binary::Pow if b < 0.0 => (a == 1.0) as u8 as f64,
        Binary::Pow => (0..b as u32).fold(1i64, |p, _| p.wrapping_mul(a as i64)) as f64,
        _ => float_model(op, a, b),
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn pairs_broadcast_as_in_ndarray((a, b) in pair(), seed in any::<u64>()) {
        let whole = Shape::from(&a[..]).broadcast(&Shape::from(&b[..]), "").unwrap();
        for dtype in numbers() {
            let (x, mut y) = (tensor(&a, dtype, seed), tensor(&b, dtype, seed ^ 1));
            for op in Binary::ALL {
                if op == Binary::Pow {
                    // Small powers, so that narrow integers wrap and f64 holds the 64-bit ones.
                    y = ops::modulo(&y, ops::cast(5, dtype).unwrap()).unwrap();
                }
                if dtype.is_float() && matches!(op, Binary::Mod | Binary::FloorDiv) {
                    // Division by 0 is left to the test of special values.
                    y = ops::maximum(&y, ops::cast(0.75, dtype).unwrap()).unwrap();
                }
                let wanted = Zip::from(array(&x).broadcast(IxDyn(&whole)).unwrap())
                    .and(array(&y).broadcast(IxDyn(&whole)).unwrap())
                    .map_collect(|&a, &b| stored(model(op, dtype, a, b), dtype));
                let got = run(Op::Binary(op), &[&x, &y]);
                prop_assert_eq!(got.dtype() == DType::Bool, op.gives_bool());
                assert_near(&got, &wanted, &format!("{op:?} of {dtype}"));
            }
        }
    }

    #[test]
    fn bools_combine(( a, b) in pair(), seed in any::<u64>()) {
        let whole = Shape::from(&a[..]).broadcast(&Shape::from(&b[..]), "").unwrap();
        let (x, y) = (tensor(&a, DType::Bool, seed), tensor(&b, DType::Bool, seed ^ 1));
        let closed = [Binary::Mul, Binary::Max, Binary::Min];
        for op in Binary::ALL.into_iter().filter(|b| b.gives_bool() || closed.contains(b)) {
            let wanted = Zip::from(array(&x).broadcast(IxDyn(&whole)).unwrap())
                .and(array(&y).broadcast(IxDyn(&whole)).unwrap())
                .map_collect(|&a, &b| float_model(op, a, b));
            let got = run(Op::Binary(op), &[&x, &y]);
            prop_assert_eq!(got.dtype(), DType::Bool);
            assert_near(&got, &wanted, &format!("{op:?}"));
        }
        let wanted = array(&x).mapv(|v| 1.0 - v);
        assert_near(&run(Op::Unary(Unary::Not), &[&x]), &wanted, "not");
    }

    #[test]
    fn functions_of_one_element(shape in shape(), seed in any::<u64>()) {
        for dtype in FLOATS {
            let x = tensor(&shape, dtype, seed);
            for op in Unary::ALL.into_iter().filter(|u| *u != Unary::Not) {
                let wanted = array(&x).mapv(|v| stored(unary_model(op, v), dtype));
                assert_near(&run(Op::Unary(op), &[&x]), &wanted, &format!("{op:?} of {dtype}"));
            }
        }
        for dtype in INTEGERS {
            let x = tensor(&shape, dtype, seed);
            for op in Unary::ALL.into_iter().filter(|u| u.keeps_integers()) {
                let wanted = array(&x).mapv(|v| stored(unary_model(op, v), dtype));
                assert_near(&run(Op::Unary(op), &[&x]), &wanted, &format!("{op:?} of {dtype}"));
            }
        }
    }

    #[test]
    fn clip_and_activation_grad(shape in shape(), seed in any::<u64>()) {
        for dtype in numbers() {
            let x = tensor(&shape, dtype, seed);
            let got = run(Op::Clip(Clip { min: 1.0, max: 3.0 }), &[&x]);
            assert_near(&got, &array(&x).mapv(|v| v.clamp(1.0, 3.0)), &format!("clip of {dtype}"));
        }
        for dtype in FLOATS {
            let (g, y) = (tensor(&shape, dtype, seed), tensor(&shape, dtype, seed ^ 1));
            for activation in Fused::ALL {
                let wanted = Zip::from(&array(&g)).and(&array(&y)).map_collect(|g, y| match activation {
                    Fused::Linear => *g,
                    Fused::Relu if *y > 0.0 => *g,
                    Fused::Relu6 if *y > 0.0 && *y < 6.0 => *g,
                    Fused::Relu | Fused::Relu6 => 0.0,
                    Fused::Sigmoid => g * y * (1.0 - y),
                    Fused::Tanh => g * (1.0 - y * y),
                });
                let got = run(Op::ActivationGrad(activation), &[&g, &y]);
                assert_near(&got, &wanted, &format!("{activation:?} of {dtype}"));
            }
        }
    }

    #[test]
    fn casts_between_all_dtypes(shape in shape(), seed in any::<u64>()) {
        let all = || numbers().chain([DType::Bool]);
        for from in all() {
            let x = tensor(&shape, from, seed);
            for to in all() {
                let signed = |v: f64| match (from.is_float(), to) {
                    // A float below what an integer type holds becomes its lowest value.
                    (true, DType::U8 | DType::U16 | DType::U32 | DType::U64) => v.max(0.0),
                    _ => v,
                };
                let wanted = array(&x).mapv(|v| stored(signed(v), to));
                let got = run(Op::Cast(to), &[&x]);
                prop_assert_eq!(got.dtype(), to);
                assert_near(&got, &wanted, &format!("{from} to {to}"));
            }
        }
    }

    #[test]
    fn where_chooses((a, b) in pair(), seed in any::<u64>(), dropped in 0..4usize) {
        let whole = Shape::from(&a[..]).broadcast(&Shape::from(&b[..]), "").unwrap();
        let condition = tensor(&whole[dropped.min(whole.rank())..], DType::Bool, seed);
        for dtype in numbers().chain([DType::Bool]) {
            let (x, y) = (tensor(&a, dtype, seed ^ 1), tensor(&b, dtype, seed ^ 2));
            let wanted: ArrayD<f64> = Zip::from(array(&condition).broadcast(IxDyn(&whole)).unwrap())
                .and(array(&x).broadcast(IxDyn(&whole)).unwrap())
                .and(array(&y).broadcast(IxDyn(&whole)).unwrap())
                .map_collect(|&c, &x, &y| if c != 0.0 { x } else { y });
            assert_near(&run(Op::Select, &[&condition, &x, &y]), &wanted, dtype.name());
        }
    }
}

fn unary_model(op: Unary, v: f64) -> f64 {
    match op {
        Unary::Neg => -v,
        Unary::Abs => v.abs(),
        Unary::Sign if v == 0.0 => 0.0,
        Unary::Sign => v.signum(),
        Unary::Square => v * v,
        Unary::Sqrt => v.sqrt(),
        Unary::Rsqrt => 1.0 / v.sqrt(),
        Unary::Reciprocal => 1.0 / v,
        Unary::Exp => v.exp(),
        Unary::Expm1 => v.exp_m1(),
        Unary::Log => v.ln(),
        Unary::Log1p => v.ln_1p(),
        Unary::Sin => v.sin(),
        Unary::Cos => v.cos(),
        Unary::Tan => v.tan(),
        Unary::Asin => v.asin(),
        Unary::Acos => v.acos(),
        Unary::Atan => v.atan(),
        Unary::Sinh => v.sinh(),
        Unary::Cosh => v.cosh(),
        Unary::Tanh => v.tanh(),
        Unary::Sigmoid => 1.0 / (1.0 + (-v).exp()),
        Unary::Relu => v.max(0.0),
        Unary::Softplus => (1.0 + v.exp()).ln(),
        Unary::Erf => erf(v),
        Unary::Floor => v.floor(),
        Unary::Ceil => v.ceil(),
        Unary::Round => v.round_ties_even(),
        Unary::IsNan => v.is_nan() as u8 as f64,
        Unary::IsFinite => v.is_finite() as u8 as f64,
        Unary::Not => (v == 0.0) as u8 as f64,
    }
}

/// The integral of the bell curve, by Simpson's rule.
fn erf(x: f64) -> f64 {
    let (n, f) = (2000, |t: f64| (-t * t).exp());
    let h = x / n as f64;
    let inner: f64 = (1..n)
        .map(|i| f(i as f64 * h) * if i % 2 == 1 { 4.0 } else { 2.0 })
        .sum();
    std::f64::consts::FRAC_2_SQRT_PI * h / 3.0 * (f(0.0) + inner + f(x))
}

#[test]
fn nan_wins_and_infinities_stay() {
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    for dtype in FLOATS {
        let x = Tensor::from_f64(&[nan, 1.0, inf, -inf, nan], [5], dtype).unwrap();
        let y = Tensor::from_f64(&[1.0, nan, 0.0, 0.0, nan], [5], dtype).unwrap();
        let check = |got: Tensor, wanted: [f64; 5]| {
            let wanted = ArrayD::from_shape_vec(IxDyn(&[5]), wanted.to_vec()).unwrap();
            assert_near(&got, &wanted, dtype.name());
        };
        check(ops::maximum(&x, &y).unwrap(), [nan, nan, inf, 0.0, nan]);
        check(ops::minimum(&x, &y).unwrap(), [nan, nan, 0.0, -inf, nan]);
        check(ops::relu(&x).unwrap(), [nan, 1.0, inf, 0.0, nan]);
        check(
            ops::clip(&x, -2.0, 2.0).unwrap(),
            [nan, 1.0, 2.0, -2.0, nan],
        );
        check(ops::sign(&x).unwrap(), [nan, 1.0, 1.0, -1.0, nan]);
        check(
            ops::softplus(&x).unwrap(),
            [nan, 1f64.exp().ln_1p(), inf, 0.0, nan],
        );
        check(
            ops::sigmoid(&x).unwrap(),
            [nan, 1.0 / (1.0 + (-1.0f64).exp()), 1.0, 0.0, nan],
        );
        check(ops::tanh(&x).unwrap(), [nan, 1f64.tanh(), 1.0, -1.0, nan]);
        check(ops::isnan(&x).unwrap(), [1.0, 0.0, 0.0, 0.0, 1.0]);
        check(ops::isfinite(&x).unwrap(), [0.0, 1.0, 0.0, 0.0, 0.0]);
        check(ops::divide(&x, &y).unwrap(), [nan, nan, inf, -inf, nan]);
        check(
            ops::divide_no_nan(&x, &y).unwrap(),
            [nan, nan, 0.0, 0.0, nan],
        );
        for extreme in [ops::max(&x, None), ops::min(&x, None), ops::sum(&x, None)] {
            assert!(extreme.unwrap().item().unwrap().is_nan(), "{dtype}");
        }
    }
}

#[test]
fn functions_keep_their_precision_far_from_0() {
    let x = Tensor::new(&[-80.0f32, -1e-6, 1e-6, 80.0], [4]).unwrap();
    let near = |got: Tensor, wanted: [f64; 4]| {
        for (g, w) in got.to_f64_vec().unwrap().into_iter().zip(wanted) {
            assert!((g - w).abs() <= 1e-6 * w.abs(), "{g}, wanted {w}");
        }
    };
    let small = 1e-6f32 as f64;
    near(
        ops::expm1(&x).unwrap(),
        [-1.0, (-small).exp_m1(), small.exp_m1(), 80f64.exp_m1()],
    );
    near(
        ops::log1p(ops::abs(&x).unwrap()).unwrap(),
        [81f64.ln(), small.ln_1p(), small.ln_1p(), 81f64.ln()],
    );
    near(ops::tanh(&x).unwrap(), [-1.0, -small, small, 1.0]);
    let ln2 = std::f64::consts::LN_2;
    let last = ops::softplus(&x).unwrap().to_f64_vec().unwrap();
    assert_eq!(last[3], 80.0);
    assert!((0.0..1e-34).contains(&last[0]) && (last[1] - ln2).abs() < 1e-6);
}
