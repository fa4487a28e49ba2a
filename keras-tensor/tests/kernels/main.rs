//! Every kernel against ndarray or a plain loop, over random shapes and dtypes.
//!
//! `PROPTEST_CASES` says how many samples each property gets, `PROPTEST_RNG_SEED` which ones.

mod agreement;
mod attention;
mod chain;
mod conv;
mod depthwise;
mod determinism;
mod elementwise;
mod errors;
mod layout;
mod networks;
mod pool;
mod products;
mod reduce;
mod updates;

use keras_tensor::random::Philox;
use keras_tensor::{DType, Op, Tensor, apply_one};
use ndarray::{ArrayD, IxDyn};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

const FLOATS: [DType; 4] = [DType::F32, DType::F64, DType::F16, DType::BF16];
const INTEGERS: [DType; 8] = [
    DType::I8,
    DType::I16,
    DType::I32,
    DType::I64,
    DType::U8,
    DType::U16,
    DType::U32,
    DType::U64,
];

fn numbers() -> impl Iterator<Item = DType> {
    FLOATS.into_iter().chain(INTEGERS)
}

fn config() -> Config {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    Config {
        cases: number("PROPTEST_CASES").map_or(48, |n| n as u32),
        rng_seed: RngSeed::Fixed(number("PROPTEST_RNG_SEED").unwrap_or(1)),
        failure_persistence: None,
        ..Config::default()
    }
}

fn size() -> impl Strategy<Value = usize> + Clone {
    prop_oneof![1 => Just(0usize), 2 => Just(1), 7 => 2..5usize]
}

fn shape() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(size(), 0..5)
}

/// A shape with at least one axis, and one of its axes.
fn shape_and_axis() -> impl Strategy<Value = (Vec<usize>, usize)> {
    prop::collection::vec(size(), 1..5).prop_flat_map(|s| {
        let rank = s.len();
        (Just(s), 0..rank)
    })
}

/// Shapes that broadcast: one with axes of size 1, one without some leading axes and with others of size 1.
fn pair() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    (shape(), any::<(u8, u8)>(), 0..3usize, any::<bool>()).prop_map(
        |(shape, ones, dropped, swapped)| {
            let with_ones = |mask: u8| -> Vec<usize> {
                let at = |(i, &n): (usize, &usize)| if mask >> i & 1 == 1 { 1 } else { n };
                shape.iter().enumerate().map(at).collect()
            };
            let small = with_ones(ones.0)[dropped.min(shape.len())..].to_vec();
            let large = with_ones(ones.1 & ones.0.rotate_left(3));
            if swapped {
                (small, large)
            } else {
                (large, small)
            }
        },
    )
}

/// Quarters from -5 to 5 for floats, integers from -20 or 0 to 20, truth values: all exact in every dtype.
fn values(count: usize, dtype: DType, seed: u64) -> Vec<f64> {
    let mut u = vec![0.0; count];
    Philox::from_seed(seed, 0).uniform_f64(&mut u);
    let value = |u: f64| match dtype {
        DType::Bool => (u < 0.5) as u8 as f64,
        d if d.is_float() => (u * 41.0).floor() / 4.0 - 5.0,
        DType::U8 | DType::U16 | DType::U32 | DType::U64 => (u * 21.0).floor(),
        _ => (u * 41.0).floor() - 20.0,
    };
    u.into_iter().map(value).collect()
}

fn tensor(shape: &[usize], dtype: DType, seed: u64) -> Tensor {
    let values = values(shape.iter().product(), dtype, seed);
    Tensor::from_f64(&values, shape, dtype).unwrap()
}

fn array(t: &Tensor) -> ArrayD<f64> {
    ArrayD::from_shape_vec(IxDyn(t.shape()), t.to_f64_vec().unwrap()).unwrap()
}

/// Carries out an op after recycled memory was filled with NaN, which must not shine through.
fn run(op: Op, inputs: &[&Tensor]) -> Tensor {
    let size = inputs.iter().map(|t| t.size()).max().unwrap_or(1);
    for count in [1, size, 2 * size] {
        drop(vec![
            Tensor::new(&vec![f64::NAN; count], [count]).unwrap(),
            Tensor::new(&vec![f32::NAN; count], [count]).unwrap(),
        ]);
    }
    apply_one(op, inputs).unwrap()
}

/// The nearest value that a dtype holds; integers wrap.
fn stored(v: f64, dtype: DType) -> f64 {
    match dtype {
        DType::F32 => v as f32 as f64,
        DType::F64 => v,
        DType::F16 => half::f16::from_f64(v).to_f64(),
        DType::BF16 => half::bf16::from_f64(v).to_f64(),
        DType::I8 => v as i64 as i8 as f64,
        DType::I16 => v as i64 as i16 as f64,
        DType::I32 => v as i64 as i32 as f64,
        DType::I64 => v as i64 as f64,
        DType::U8 => v as i64 as u8 as f64,
        DType::U16 => v as i64 as u16 as f64,
        DType::U32 => v as i64 as u32 as f64,
        DType::U64 => v as i64 as u64 as f64,
        DType::Bool => (v != 0.0) as u8 as f64,
    }
}

/// How far a few rounding errors of a dtype lie apart, relative to the value.
fn tolerance(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => 1e-12,
        DType::F32 => 1e-5,
        DType::F16 => 2e-3,
        DType::BF16 => 2e-2,
        _ => 0.0,
    }
}

/// Equal shapes, and values that are equal, both NaN, or as near as the dtype allows.
fn assert_near(got: &Tensor, wanted: &ArrayD<f64>, what: &str) {
    assert_eq!(got.shape(), wanted.shape(), "{what}");
    let tolerance = tolerance(got.dtype());
    for (i, (g, w)) in array(got).iter().zip(wanted).enumerate() {
        let near =
            g == w || (g.is_nan() && w.is_nan()) || (g - w).abs() <= tolerance * w.abs().max(1.0);
        assert!(near, "{what}: element {i} is {g}, wanted {w}");
    }
}

/// Equal shapes, dtypes and bits, NaN counting as one value.
fn assert_same(got: &Tensor, wanted: &Tensor, what: &str) {
    assert_eq!(got.dtype(), wanted.dtype(), "{what}");
    assert_eq!(got.shape(), wanted.shape(), "{what}");
    let bits = |t: &Tensor| -> Vec<u64> {
        let bit = |v: &f64| if v.is_nan() { f64::NAN } else { *v }.to_bits();
        t.to_f64_vec().unwrap().iter().map(bit).collect()
    };
    assert_eq!(bits(got), bits(wanted), "{what}");
}
