//! The same bits at any number of threads.

use keras_tensor::op::Fold;
use keras_tensor::ops::Padding;
use keras_tensor::random::Philox;
use keras_tensor::{DType, Result, Tensor, ops, threads};

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
        let batched = ops::matmul(ops::reshape(&a, &[7, 43, 257])?, &b)?;
        let dense = ops::dense(&a, &b, Some(&bias), keras_tensor::op::Fused::Tanh)?;
        Ok(vec![
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
        ])
    };
    let one = bits(1, &work);
    for threads in [2, 3, 4, 8] {
        assert_eq!(bits(threads, &work), one, "with {threads} threads");
    }
}
