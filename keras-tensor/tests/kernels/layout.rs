//! Moving elements: against ndarray, and there and back.

use keras_tensor::op::{Arange, Axes, Fill, OneHot, Pad, ScatterAdd, Slice};
use keras_tensor::{DType, Op, Shape, Tensor, ops};
use ndarray::{ArrayD, Axis, IxDyn, SliceInfoElem};
use proptest::prelude::*;
use std::ops::Range;

use crate::{
    array, assert_near, assert_same, config, numbers, pair, run, shape, shape_and_axis, tensor,
    values,
};

fn dtypes() -> impl Iterator<Item = DType> {
    numbers().chain([DType::Bool])
}

/// Widths before and after each axis.
fn widths(rank: usize, seed: u64) -> Vec<(usize, usize)> {
    let v = values(2 * rank, DType::U8, seed);
    v.chunks(2)
        .map(|w| (w[0] as usize % 3, w[1] as usize % 3))
        .collect()
}

/// Places along an axis of `size` elements, some counted from the end.
fn places(shape: &[usize], size: usize, seed: u64) -> Vec<i64> {
    let v = values(shape.iter().product(), DType::I64, seed);
    v.iter()
        .map(|&v| (v as i64).rem_euclid(2 * size as i64) - size as i64)
        .collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn transpose_and_back(shape in shape(), seed in any::<u64>()) {
        let mut order: Axes = (0..shape.len()).collect();
        let keys = values(shape.len(), DType::I64, seed);
        order.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
        let mut back = order.clone();
        order.iter().enumerate().for_each(|(to, &from)| back[from] = to);
        for dtype in dtypes() {
            let x = tensor(&shape, dtype, seed);
            let y = run(Op::Transpose(order.clone()), &[&x]);
            assert_near(&y, &array(&x).permuted_axes(IxDyn(&order)).as_standard_layout().into_owned(), "transpose");
            assert_same(&run(Op::Transpose(back.clone()), &[&y]), &x, "and back");
        }
    }

    #[test]
    fn transpose_of_matrices_larger_than_a_tile(rows in 0..70usize, columns in 0..70usize, seed in any::<u64>()) {
        let x = tensor(&[2, rows, columns], DType::F32, seed);
        let y = run(Op::Transpose([0, 2, 1][..].into()), &[&x]);
        assert_near(&y, &array(&x).permuted_axes(IxDyn(&[0, 2, 1])).as_standard_layout().into_owned(), "transpose");
    }

    #[test]
    fn reshape_and_broadcast((a, b) in pair(), seed in any::<u64>()) {
        let whole = Shape::from(&a[..]).broadcast(&Shape::from(&b[..]), "").unwrap();
        for dtype in dtypes() {
            let x = tensor(&b, dtype, seed);
            let wanted = array(&x).broadcast(IxDyn(&whole)).unwrap().to_owned();
            assert_near(&run(Op::Broadcast(whole.clone()), &[&x]), &wanted, "broadcast");
            let flat = run(Op::Reshape([x.size()].into()), &[&x]);
            prop_assert_eq!(flat.to_f64_vec().unwrap(), x.to_f64_vec().unwrap());
            assert_same(&run(Op::Reshape(b[..].into()), &[&flat]), &x, "reshape");
        }
    }

    #[test]
    fn slice_undoes_pad(shape in shape(), seed in any::<u64>()) {
        let widths = widths(shape.len(), seed);
        let (before, after): (Shape, Shape) = (widths.iter().map(|w| w.0).collect(), widths.iter().map(|w| w.1).collect());
        let whole: Vec<usize> = (0..shape.len()).map(|i| before[i] + shape[i] + after[i]).collect();
        for dtype in dtypes() {
            let x = tensor(&shape, dtype, seed);
            let padded = run(Op::Pad(Pad { before: before.clone(), after: after.clone(), value: 1.0 }), &[&x]);
            let mut wanted = ArrayD::from_elem(IxDyn(&whole), 1.0);
            let inside: Vec<SliceInfoElem> =
                (0..shape.len()).map(|i| (before[i]..before[i] + shape[i]).into()).collect();
            wanted.slice_mut(&inside[..]).assign(&array(&x));
            assert_near(&padded, &wanted, "pad");
            let cut = run(Op::Slice(Slice { begin: before.clone(), size: shape[..].into() }), &[&padded]);
            assert_same(&cut, &x, "slice of pad");
        }
    }

    #[test]
    fn concat_undoes_slices((shape, axis) in shape_and_axis(), cut in 0..5usize, seed in any::<u64>()) {
        let cut = cut.min(shape[axis]);
        for dtype in dtypes() {
            let x = tensor(&shape, dtype, seed);
            let first = ops::slice_axis(&x, axis as isize, 0, cut).unwrap();
            let rest = ops::slice_axis(&x, axis as isize, cut, shape[axis] - cut).unwrap();
            let whole = array(&x);
            let part = |places: Range<usize>| whole.slice_axis(Axis(axis), places.into()).to_owned();
            assert_near(&first, &part(0..cut), "head");
            assert_near(&rest, &part(cut..shape[axis]), "tail");
            assert_same(&run(Op::Concat(axis), &[&first, &rest]), &x, "concat");
            let twice = run(Op::Concat(axis), &[&x, &first, &x]);
            let wanted = ndarray::concatenate(Axis(axis), &[whole.view(), part(0..cut).view(), whole.view()]).unwrap();
            assert_near(&twice, &wanted, "concat of three");
        }
    }

    #[test]
    fn take_and_scatter_add((shape, axis) in shape_and_axis(), at in prop::collection::vec(0..4usize, 0..3), seed in any::<u64>()) {
        let size = shape[axis];
        let at = if size == 0 { vec![0] } else { at };
        let places = places(&at, size.max(1), seed);
        let resolved: Vec<usize> = places.iter().map(|&p| (if p < 0 { p + size as i64 } else { p }) as usize).collect();
        let expanded = [&shape[..axis], &at, &shape[axis + 1..]].concat();
        for index in [DType::I8, DType::I32, DType::I64] {
            let places = Tensor::new(&places, &at[..]).unwrap().to_dtype(index).unwrap();
            for dtype in dtypes() {
                let x = tensor(&shape, dtype, seed);
                let wanted = array(&x).select(Axis(axis), &resolved).to_shape(IxDyn(&expanded)).unwrap().into_owned();
                assert_near(&run(Op::Gather(axis), &[&x, &places]), &wanted, "take");
                if dtype == DType::Bool {
                    continue;
                }
                let x = tensor(&expanded, dtype, seed);
                let flat = [&shape[..axis], &[resolved.len()], &shape[axis + 1..]].concat();
                let parts = array(&x).into_shape_with_order(IxDyn(&flat)).unwrap();
                let mut wanted = ArrayD::zeros(IxDyn(&shape));
                for (i, &place) in resolved.iter().enumerate() {
                    let mut to = wanted.index_axis_mut(Axis(axis), place);
                    to += &parts.index_axis(Axis(axis), i);
                }
                let op = Op::ScatterAdd(ScatterAdd { axis, size });
                assert_near(&run(op, &[&x, &places]), &wanted.mapv(|v| crate::stored(v, dtype)), "scatter_add");
            }
        }
    }

    #[test]
    fn one_hot_rows(shape in shape(), classes in 0..6usize, seed in any::<u64>()) {
        for index in [DType::U8, DType::I32, DType::I64] {
            let x = tensor(&shape, index, seed);
            for dtype in dtypes() {
                let got = run(Op::OneHot(OneHot { classes, dtype }), &[&x]);
                let rows = x.to_f64_vec().unwrap();
                let wanted: Vec<f64> = rows
                    .iter()
                    .flat_map(|&v| (0..classes).map(move |c| (c as f64 == v) as u8 as f64))
                    .collect();
                prop_assert_eq!(got.dtype(), dtype);
                prop_assert_eq!(got.shape(), &[&shape[..], &[classes]].concat());
                prop_assert_eq!(got.to_f64_vec().unwrap(), wanted);
            }
        }
    }

    #[test]
    fn new_tensors(shape in shape(), start in -5..5i32, count in 0..9usize) {
        for dtype in numbers() {
            let fill = Fill { value: 3.0, shape: shape[..].into(), dtype };
            assert_near(&run(Op::Fill(fill), &[]), &ArrayD::from_elem(IxDyn(&shape), 3.0), "fill");
            let start = if dtype.is_float() || matches!(dtype, DType::I8 | DType::I16 | DType::I32 | DType::I64) { start } else { start.abs() };
            let arange = Arange { start: start as f64, step: 2.0, count, dtype };
            let wanted: Vec<f64> = (0..count).map(|i| start as f64 + 2.0 * i as f64).collect();
            prop_assert_eq!(run(Op::Arange(arange), &[]).to_f64_vec().unwrap(), wanted);
        }
    }
}

#[test]
fn a_view_of_rows_is_read_and_not_written() {
    let x = Tensor::new(&[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [3, 2]).unwrap();
    let row = ops::slice_axis(&x, 0, 1, 1).unwrap();
    drop(ops::slice_axis(&x, 0, 2, 1).unwrap());
    let negative = keras_tensor::apply_owned(
        Op::Unary(keras_tensor::op::Unary::Neg),
        keras_tensor::smallvec![row.clone()],
    )
    .unwrap();
    assert_eq!(negative[0].to_vec::<f32>().unwrap(), [-3.0, -4.0]);
    let sole = ops::slice_axis(x.clone(), 0, 0, 2).unwrap();
    let negative = keras_tensor::apply_owned(
        Op::Unary(keras_tensor::op::Unary::Neg),
        keras_tensor::smallvec![sole],
    )
    .unwrap();
    assert_eq!(
        negative[0].to_vec::<f32>().unwrap(),
        [-1.0, -2.0, -3.0, -4.0]
    );
    assert_eq!(x.to_vec::<f32>().unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(row.to_vec::<f32>().unwrap(), [3.0, 4.0]);
}

#[test]
fn parts_are_added_to_a_table_of_several_shares() {
    let (size, width, count) = (3000, 40, 500);
    let places: Vec<i32> = (0..count).map(|i| (i * i * 7 + i) % size).collect();
    let parts: Vec<f64> = (0..count * width).map(f64::from).collect();
    let mut wanted = vec![0.0; (size * width) as usize];
    for (&place, part) in places.iter().zip(parts.chunks_exact(width as usize)) {
        let to = &mut wanted[(place * width) as usize..][..width as usize];
        to.iter_mut().zip(part).for_each(|(to, v)| *to += v);
    }
    let op = Op::ScatterAdd(ScatterAdd {
        axis: 0,
        size: size as usize,
    });
    let x = Tensor::new(&parts, [count as usize, width as usize]).unwrap();
    let places = Tensor::new(&places, [count as usize]).unwrap();
    assert_eq!(run(op, &[&x, &places]).to_f64_vec().unwrap(), wanted);
}
