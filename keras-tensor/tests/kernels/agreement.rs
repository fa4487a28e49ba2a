//! What all ops have in common: one shape rule for meta tensors and real ones, and the same bits in place.

use keras_tensor::op::{
    self, Arange, ArgReduce, ArgSort, Binary, Clip, CumSum, Distribution, Fill, Fold, Fused,
    MatMul, Normalize, OneHot, Over, Pad, Random, Reduce, ScatterAdd, Slice, Unary,
};
use keras_tensor::{DType, Error, Op, Shape, SmallVec, Tensor, apply, apply_owned};
use proptest::prelude::*;

use crate::updates::updates;
use crate::{assert_same, config, numbers, pair, shape_and_axis, tensor};

const FOLDS: [Fold; 7] = [
    Fold::Sum,
    Fold::Mean,
    Fold::Max,
    Fold::Min,
    Fold::Prod,
    Fold::All,
    Fold::Any,
];

/// With values that are not finite among the floats.
fn rough(shape: &[usize], dtype: DType, seed: u64) -> Tensor {
    let t = tensor(shape, dtype, seed);
    if !dtype.is_float() {
        return t;
    }
    let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0];
    let rough: Vec<f64> = (t.to_f64_vec().unwrap().iter().enumerate())
        .map(|(i, v)| {
            let lot = (seed >> (i % 57)) & 31;
            *special.get(lot as usize).unwrap_or(v)
        })
        .collect();
    Tensor::from_f64(&rough, shape, dtype).unwrap()
}

/// Shape and dtype, data, and data written over: all agree, or all refuse.
fn agree(op: &Op, inputs: &[&Tensor]) {
    let what = format!("{op:?} of {inputs:?}");
    let metas: Vec<Tensor> = inputs.iter().map(|t| t.to_meta()).collect();
    let metas: Vec<&Tensor> = metas.iter().collect();
    let inferred = op::infer(op, inputs);
    let eager = apply(op.clone(), inputs);
    // Copies that nobody else holds, so that they may be written over.
    let owned: SmallVec<[Tensor; 4]> = inputs
        .iter()
        .map(|t| Tensor::from_f64(&t.to_f64_vec().unwrap(), t.shape(), t.dtype()).unwrap())
        .collect();
    let in_place = apply_owned(op.clone(), owned);
    match (inferred, eager) {
        (Ok(specs), Ok(outputs)) => {
            let in_place = in_place.expect(&what);
            let symbolic = if inputs.is_empty() {
                keras_tensor::observe::meta_scope(|| apply(op.clone(), &[]))
            } else {
                apply(op.clone(), &metas)
            }
            .expect(&what);
            assert_eq!(
                (specs.len(), in_place.len()),
                (outputs.len(), outputs.len())
            );
            for (i, out) in outputs.iter().enumerate() {
                let wanted = (out.dtype(), out.shape());
                assert_eq!((specs[i].dtype, &specs[i].shape), wanted, "{what}");
                assert_eq!((symbolic[i].dtype(), symbolic[i].shape()), wanted, "{what}");
                assert!(symbolic[i].is_meta(), "{what}");
                assert_same(&in_place[i], out, &what);
                let truths = out.dtype() != DType::Bool
                    || out
                        .to_f64_vec()
                        .unwrap()
                        .iter()
                        .all(|&v| v == 0.0 || v == 1.0);
                assert!(truths, "{what}: a bool is neither 0 nor 1");
            }
        }
        (Err(_), Err(_)) => {
            assert!(
                in_place.is_err() && apply(op.clone(), &metas).is_err(),
                "{what}"
            );
        }
        // A place that is not there shows only in the data.
        (Ok(_), Err(Error::Data { .. })) => assert!(in_place.is_err(), "{what}"),
        (a, b) => panic!("{what}: inferred {a:?}, computed {b:?}"),
    }
}

fn dtypes() -> impl Iterator<Item = DType> {
    numbers().chain([DType::Bool])
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn functions_of_elements((a, b) in pair(), seed in any::<u64>()) {
        let whole = Shape::from(&a[..]).broadcast(&Shape::from(&b[..]), "").unwrap();
        for dtype in dtypes() {
            let (x, y) = (rough(&a, dtype, seed), rough(&b, dtype, seed ^ 1));
            for op in Binary::ALL {
                agree(&Op::Binary(op), &[&x, &y]);
            }
            for op in Unary::ALL {
                agree(&Op::Unary(op), &[&x]);
            }
            agree(&Op::Clip(Clip { min: -1.5, max: 2.0 }), &[&x]);
            let z = rough(&a, dtype, seed ^ 2);
            for activation in Fused::ALL {
                agree(&Op::ActivationGrad(activation), &[&x, &z]);
            }
            agree(&Op::Select, &[&tensor(&whole, DType::Bool, seed), &x, &y]);
            agree(&Op::Select, &[&x, &x, &y]);
            for to in dtypes() {
                agree(&Op::Cast(to), &[&x]);
            }
            agree(&Op::Detach, &[&x]);
            agree(&Op::Broadcast(whole.clone()), &[&x]);
            agree(&Op::Reshape([x.size(), 1].into()), &[&x]);
            let fill = Fill { value: 1.0, shape: a[..].into(), dtype };
            agree(&Op::Fill(fill), &[]);
        }
    }

    #[test]
    fn functions_along_axes((shape, axis) in shape_and_axis(), mask in any::<u8>(), flags in any::<[bool; 2]>(), seed in any::<u64>()) {
        for dtype in dtypes() {
            let x = rough(&shape, dtype, seed);
            for fold in FOLDS {
                let axes = (0..shape.len()).filter(|i| mask >> i & 1 == 1).collect();
                agree(&Op::Reduce(Reduce { fold, axes, keep_dims: flags[0] }), &[&x]);
            }
            agree(&Op::ArgReduce(ArgReduce { largest: flags[0], axis }), &[&x]);
            agree(&Op::CumSum(CumSum { axis, reverse: flags[0] }), &[&x]);
            agree(&Op::ArgSort(ArgSort { axis, descending: flags[0] }), &[&x]);
            agree(&Op::Softmax(axis), &[&x]);
            let key = Tensor::new(&[seed as u32, 0], [2]).unwrap();
            agree(&Op::Dropout(0.4), &[&x, &key]);
            let other = rough(&shape, dtype, seed ^ 1);
            agree(&Op::SoftmaxCrossEntropy, &[&x, &other]);
            agree(&Op::SoftmaxGrad(axis), &[&x, &other]);
            let rows = tensor(&shape[..shape.len() - 1], dtype, seed);
            agree(&Op::SoftmaxCrossEntropyGrad, &[&x, &other, &rows]);
            let features = tensor(&shape[axis..axis + 1], dtype, seed);
            agree(&Op::ScaleShift(axis), &[&x, &features, &features]);
            for over in [Over::Batch(axis), Over::Sample(axis), Over::Squares(axis)] {
                let n = Normalize::new(over, 0.5);
                let (weights, means) = match over {
                    Over::Batch(_) => (features.clone(), features.clone()),
                    _ => (tensor(&shape[axis..], dtype, seed), tensor(&shape[..axis], dtype, seed)),
                };
                agree(&Op::Normalize(n), &[&x, &weights, &weights]);
                agree(&Op::NormalizeGrad(n), &[&x, &weights, &means, &means, &other]);
            }
            agree(&Op::Transpose((0..shape.len()).rev().collect()), &[&x]);
            agree(&Op::Concat(axis), &[&x, &x, &x]);
            let half: Shape = shape.iter().map(|n| n / 2).collect();
            agree(&Op::Slice(Slice { begin: half.clone(), size: half.clone() }), &[&x]);
            agree(&Op::Pad(Pad { before: half.clone(), after: half, value: 1.0 }), &[&x]);
            for index in dtypes() {
                let places = tensor(&shape[axis..axis + 1], index, seed);
                agree(&Op::Gather(axis), &[&x, &places]);
                agree(&Op::ScatterAdd(ScatterAdd { axis, size: 21 }), &[&x, &places]);
                agree(&Op::OneHot(OneHot { classes: 3, dtype }), &[&places]);
            }
        }
    }

    #[test]
    fn products_and_updates((a, b) in pair(), [m, k, n] in [crate::size(), crate::size(), crate::size()], flags in any::<[bool; 2]>(), seed in any::<u64>()) {
        for dtype in dtypes() {
            let t = |shape: &[usize], i: u64| rough(shape, dtype, seed ^ i);
            let op = MatMul { transpose_a: flags[0], transpose_b: flags[1] };
            agree(&Op::MatMul(op), &[&t(&[&a[..], &[m, k]].concat(), 0), &t(&[&b[..], &[k, n]].concat(), 1)]);
            let (x, kernel, bias) = (t(&[&a[..], &[k]].concat(), 0), t(&[k, n], 1), t(&[n], 2));
            for activation in Fused::ALL {
                agree(&Op::Dense(activation), &[&x, &kernel, &bias]);
                agree(&Op::Dense(activation), &[&x, &kernel]);
            }
            let state: Vec<Tensor> = (0..4).map(|i| t(&a, i)).collect();
            let state: Vec<&Tensor> = state.iter().collect();
            for update in updates(flags[0]) {
                (2..=4).for_each(|n| agree(&Op::Update(update), &state[..n]));
            }
            agree(&Op::Arange(Arange { start: 1.0, step: 2.0, count: m, dtype }), &[]);
            let key = Tensor::new(&[seed as u32, 0], [2]).unwrap();
            for distribution in [
                Distribution::Uniform { low: 0.0, high: 1.0 },
                Distribution::Normal { mean: 0.0, stddev: 1.0 },
                Distribution::TruncatedNormal { mean: 0.0, stddev: 1.0 },
                Distribution::Integers { low: 0, high: 2 },
            ] {
                agree(&Op::Random(Random { distribution, shape: a[..].into(), dtype }), &[&key]);
                agree(&Op::Random(Random { distribution, shape: a[..].into(), dtype }), &[&x]);
            }
        }
    }
}
