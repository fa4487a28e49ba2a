//! The same bits at any number of threads.

use keras_tensor::op::{Fold, Normalize, Over};
use keras_tensor::ops::Padding;
use keras_tensor::random::Philox;
use keras_tensor::{DType, Distribution, Op, Result, Tensor, apply, apply_one, ops, threads};

fn noise(shape: &[usize], seed: u64) -> Tensor {
    let mut values = vec![0.0; shape.iter().product()];
    Philox::from_seed(seed, 0).uniform_f64(&mut values);
    values.iter_mut().for_each(|v| *v = *v * 2.0 - 1.0);
    Tensor::from_f64(&values, shape, DType::F32).unwrap()
}

/// The bits of results computed by so many threads.
fn bits(threads: usize, work: &(dyn Fn() -> Result<Vec<Tensor>> + Sync)) -> Vec<Vec<u32>> {
    let results = threads::limited(threads, work).unwrap();
    results
        .iter()
        .map(|t| t.to_vec::<f32>().unwrap())
        .map(|v| v.iter().map(|v| v.to_bits()).collect())
        .collect()
}

#[test]
fn large_results_do_not_depend_on_threads() {
    let (a, b) = (noise(&[301, 257], 1), noise(&[257, 203], 2));
    let long = noise(&[3, 100_003], 3);
    let other = noise(&[3, 100_003], 4);
    let bias = noise(&[203], 5);
    // Windows of a sample that are laid out in several parts.
    let (image, window) = (noise(&[2, 150, 90, 8], 7), noise(&[3, 3, 8, 5], 8));
    // Attention of several tiles.
    let heads = noise(&[1, 700, 4, 16], 10);
    let work = || {
        let product = ops::matmul(&a, &b)?;
        let normalized = |shape: &[usize], over: Over| -> Result<Vec<Tensor>> {
            let (x, g) = (noise(shape, 10), noise(shape, 11));
            let weights = match over {
                Over::Batch(axis) => &shape[axis..axis + 1],
                Over::Sample(axis) | Over::Squares(axis) => &shape[axis..],
            };
            let w = noise(weights, 12);
            let n = Normalize::new(over, 0.1);
            let mut all = apply(Op::Normalize(n), &[&x, &w, &w])?;
            let inputs = [&x, &w, &all[1], &all[2], &g];
            all.extend(apply(Op::NormalizeGrad(n), &inputs)?);
            Ok(all.into_iter().collect())
        };
        let batched = ops::matmul(ops::reshape(&a, &[7, 43, 257])?, &b)?;
        let dense = ops::dense(&a, &b, Some(&bias), keras_tensor::op::Fused::Tanh)?;
        let seed = Tensor::new(&[3u32, 4], [2])?;
        let even = Distribution::Uniform {
            low: -1.0,
            high: 2.0,
        };
        let mut all = vec![
            apply_one(Op::Dropout(0.3), &[&long, &seed])?,
            ops::random(even, [70_003], DType::F32, &seed)?,
            ops::dot_product_attention(&heads, &heads, &heads, None, None, false)?,
            ops::conv(&image, &window, &[1, 1], Padding::Same, &[1, 1], 1)?,
            ops::conv_transpose(
                noise(&[2, 75, 45, 5], 9),
                &window,
                &[150, 90],
                &[2, 2],
                Padding::Same,
                &[1, 1],
            )?,
            ops::matmul_transposed(&product, &b, false, true)?,
            ops::matmul_transposed(&a, &a, true, false)?,
            product,
            batched,
            dense,
            ops::add(ops::exp(&long)?, &other)?,
            ops::multiply(&long, noise(&[100_003], 6))?,
            ops::cast(ops::cast(&long, DType::F16)?, DType::F32)?,
            ops::sum(&long, None)?,
            ops::sum(&long, [0])?,
            ops::reduce(&long, Fold::Mean, [1], true)?,
            ops::max(&long, [1])?,
            ops::softmax(&long, -1)?,
            ops::softmax_cross_entropy(&long, ops::square(&other)?)?,
            ops::softmax(&a, -1)?,
        ];
        all.extend(normalized(&[2000, 130], Over::Batch(1))?);
        all.extend(normalized(&[5, 70, 40, 40], Over::Batch(1))?);
        all.extend(normalized(&[1000, 257], Over::Sample(1))?);
        Ok(all)
    };
    let one = bits(1, &work);
    for threads in [2, 3, 4, 8] {
        assert_eq!(bits(threads, &work), one, "with {threads} threads");
    }
}
