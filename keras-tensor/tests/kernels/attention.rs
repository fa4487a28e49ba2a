//! Attention in tiles against what it stands for.

use keras_tensor::op::Attention;
use keras_tensor::random::Philox;
use keras_tensor::{DType, Op, Result, Tensor, apply, apply_one, ops};

use super::errors::refused;

fn noise(shape: &[usize], seed: u64, dtype: DType) -> Tensor {
    let mut values = vec![0.0; shape.iter().product()];
    Philox::from_seed(seed, 0).uniform_f64(&mut values);
    values.iter_mut().for_each(|v| *v = *v * 4.0 - 2.0);
    Tensor::from_f64(&values, shape, dtype).unwrap()
}

/// The result and the gradients, in small ops.
fn in_small_ops(op: &Attention, given: &[Tensor], outer: &Tensor) -> Result<Vec<Tensor>> {
    let [query, key, value] = [&given[0], &given[1], &given[2]];
    let (queries, keys) = (query.shape()[1], key.shape()[1]);
    let mask = ops::attention_mask(given.get(3), op.is_causal, queries, keys)?;
    let weights = ops::attention_weights(query, key, mask.as_ref(), op.scale)?;
    let result = ops::einsum("bnts,bsnh->btnh", &[&weights, value])?;
    let of_weights = ops::einsum("btnh,bsnh->bnts", &[outer, value])?;
    let dots = ops::expand_dims(ops::sum(ops::multiply(&weights, &of_weights)?, -1)?, -1)?;
    let mut of_scores = ops::multiply(&weights, ops::subtract(&of_weights, &dots)?)?;
    if let Some(mask) = &mask {
        of_scores = ops::where_(mask, &of_scores, 0.0)?;
    }
    let of_scores = ops::multiply(&of_scores, op.scale)?;
    Ok(vec![
        result,
        ops::einsum("bnts,bsnh->btnh", &[&of_scores, key])?,
        ops::einsum("bnts,btnh->bsnh", &[&of_scores, query])?,
        ops::einsum("bnts,btnh->bsnh", &[&weights, outer])?,
    ])
}

fn in_tiles(op: &Attention, given: &[Tensor], outer: &Tensor) -> Result<Vec<Tensor>> {
    let mut inputs: Vec<&Tensor> = given.iter().collect();
    let result = apply_one(Op::Attention(*op), &inputs)?;
    inputs.extend([&result, outer]);
    let gradients = apply(Op::AttentionGrad(*op), &inputs)?;
    Ok(std::iter::once(result).chain(gradients).collect())
}

#[test]
fn tiles_find_what_small_ops_find() {
    // Batch, queries, keys, heads, dim and value_dim: one tile, several of queries, several of keys.
    let sizes = [
        [2, 3, 5, 2, 4, 3],
        [1, 300, 70, 2, 8, 5],
        [2, 33, 1100, 1, 4, 16],
        [1, 140, 1030, 3, 5, 4],
        [9, 130, 130, 1, 3, 3],
    ];
    for [batch, queries, keys, heads, dim, value_dim] in sizes {
        let masks = [
            None,
            Some([batch, 1, 1, keys]),
            Some([1, heads, queries, keys]),
            Some([batch, heads, queries, 1]),
        ];
        for (number, shape) in masks.into_iter().enumerate() {
            let is_causal = number % 2 == 1 || number == 0 && queries == 140;
            let op = Attention {
                scale: 0.4,
                is_causal,
                has_mask: shape.is_some(),
            };
            for (dtype, tolerance) in [(DType::F64, 1e-11), (DType::F32, 1e-4)] {
                let mut given = vec![
                    noise(&[batch, queries, heads, dim], 1, dtype),
                    noise(&[batch, keys, heads, dim], 2, dtype),
                    noise(&[batch, keys, heads, value_dim], 3, dtype),
                ];
                if let Some(shape) = shape {
                    let draws = noise(&shape, 4, DType::F64);
                    given.push(ops::greater(&draws, 0.3).unwrap());
                }
                let outer = noise(&[batch, queries, heads, value_dim], 5, dtype);
                let got = in_tiles(&op, &given, &outer).unwrap();
                let wanted = in_small_ops(&op, &given, &outer).unwrap();
                for (got, wanted) in got.iter().zip(&wanted) {
                    assert_eq!(got.shape(), wanted.shape());
                    let (got, wanted) = (got.to_f64_vec().unwrap(), wanted.to_f64_vec().unwrap());
                    let most = wanted.iter().fold(1.0f64, |a, b| a.max(b.abs()));
                    for (a, b) in got.iter().zip(&wanted) {
                        assert!(
                            (a - b).abs() <= tolerance * most,
                            "{op:?} {shape:?}: {a} {b}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn half_precision_is_computed_in_float32() {
    let given: Vec<Tensor> = (0..3)
        .map(|i| noise(&[2, 6, 2, 4], i, DType::F16))
        .collect();
    let y = ops::dot_product_attention(&given[0], &given[1], &given[2], None, None, true).unwrap();
    assert_eq!(y.dtype(), DType::F16);
    let wide: Vec<Tensor> = given
        .iter()
        .map(|t| ops::cast(t, DType::F32).unwrap())
        .collect();
    let z = ops::dot_product_attention(&wide[0], &wide[1], &wide[2], None, None, true).unwrap();
    let z = ops::cast(z, DType::F16).unwrap();
    assert_eq!(y.to_f64_vec().unwrap(), z.to_f64_vec().unwrap());
}

#[test]
fn what_does_not_fit_is_said() {
    let op = Attention {
        scale: 1.0,
        is_causal: false,
        has_mask: true,
    };
    let x = |shape: &[usize]| noise(shape, 1, DType::F32);
    let may = |shape: &[usize]| ops::greater(x(shape), 0.0).unwrap();
    let (query, key, mask) = (x(&[2, 3, 4, 5]), x(&[2, 7, 4, 5]), may(&[2, 1, 3, 7]));
    let run = |op: &Attention, all: &[&Tensor]| apply_one(Op::Attention(*op), all);
    assert!(run(&op, &[&query, &key, &key, &mask]).is_ok());
    let wanted = "[batch, queries, heads, dim]";
    refused(
        run(&op, &[&query, &key, &key]),
        &["attention", "3 inputs", "4 inputs"],
    );
    refused(
        run(&op, &[&query, &x(&[2, 7, 3, 5]), &key, &mask]),
        &["attention", "(2, 7, 3, 5)", wanted],
    );
    refused(
        run(&op, &[&query, &key, &x(&[2, 6, 4, 5]), &mask]),
        &["attention", "(2, 6, 4, 5)", wanted],
    );
    refused(
        run(&op, &[&query, &key, &key, &may(&[2, 4, 3, 6])]),
        &["attention", "(2, 4, 3, 6)", "bools"],
    );
    refused(
        run(&op, &[&query, &key, &key, &x(&[2, 1, 3, 7])]),
        &["attention", "bools"],
    );
    refused(
        run(&op, &[&x(&[]), &key, &key, &mask]),
        &["attention", wanted],
    );
    let outer = x(&[2, 3, 4, 5]);
    let grad = |outer: &Tensor| {
        let inputs = [&query, &key, &key, &mask, &outer.clone(), outer];
        apply(Op::AttentionGrad(op), &inputs)
    };
    assert!(grad(&outer).is_ok());
    refused(grad(&x(&[2, 3, 5, 4])), &["attention", wanted]);
}
