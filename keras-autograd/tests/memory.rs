//! A training step in steady state asks the system for no memory, but for what the matrix-product crate packs into.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use keras_autograd::GradientTape;
use keras_tensor::op::{Binary, Fused};
use keras_tensor::{DType, Op, Result, Tensor, Variable, apply_owned, ops, smallvec};

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting what each thread asks for.
struct Counting;

// SAFETY: every call goes to the system's allocator as it came.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|c| c.set(c.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `rounds` of `work` ask the system for memory, after some rounds of warming up.
fn allocations(rounds: usize, mut work: impl FnMut() -> Result<()>) -> usize {
    for _ in 0..20 {
        work().unwrap();
    }
    let before = COUNT.get();
    for _ in 0..rounds {
        work().unwrap();
    }
    COUNT.get() - before
}

fn noise(shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|i| (i as f32).sin()).collect();
    Tensor::new(&values, shape).unwrap()
}

#[test]
fn counting_counts() {
    assert_eq!(
        allocations(10, || {
            drop(vec![0u8; 100]);
            Ok(())
        }),
        10
    );
}

#[test]
fn small_ops_reuse_memory() {
    let (x, y) = (noise(&[8, 16]), noise(&[16]));
    let count = allocations(10_000, || {
        let z = ops::add(&x, &y)?;
        let z = apply_owned(Op::Binary(Binary::Mul), smallvec![z, x.clone()])?.remove(0);
        let z = ops::transpose(ops::relu(z)?, None)?;
        let z = ops::concatenate(&[&z, &z], 0)?;
        let z = ops::slice_axis(ops::cast(z, DType::F64)?, 1, 2, 4)?;
        ops::softmax(ops::max(z, [1])?, -1)?;
        Ok(())
    });
    assert_eq!(count, 0);
}

#[test]
fn a_training_step_reuses_memory() {
    let (x, target) = (noise(&[8, 16]), ops::softmax(noise(&[8, 4]), -1).unwrap());
    let kernel = Variable::new(noise(&[16, 12]), "kernel");
    let bias = Variable::new(noise(&[12]), "bias");
    let last = Variable::new(noise(&[12, 4]), "last");
    let sources = [&kernel, &bias, &last];
    let mut gradients = Vec::new();
    let count = allocations(1000, || {
        let tape = GradientTape::new();
        let hidden = ops::relu(ops::add(ops::matmul(&x, &kernel)?, &bias)?)?;
        let hidden = ops::dense(hidden, &last, None, Fused::Tanh)?;
        let predicted = ops::softmax(&hidden, -1)?;
        let loss = ops::mean(ops::softmax_cross_entropy(&hidden, &target)?, None)?;
        let penalty = ops::sum(ops::square(ops::subtract(predicted, &target)?)?, [0, 1])?;
        let loss = ops::add(loss, penalty)?;
        tape.gradient_into(&loss, None, &sources, &mut gradients)?;
        assert!(gradients.iter().all(Option::is_some));
        gradients.clear();
        Ok(())
    });
    let (hidden, last) = (noise(&[8, 12]), noise(&[12, 4]));
    let (outer, inner) = (noise(&[8, 4]), noise(&[8, 12]));
    let products = allocations(1000, || {
        ops::matmul(&x, &kernel)?;
        ops::matmul(&hidden, &last)?;
        ops::matmul_transposed(&outer, &last, false, true)?;
        ops::matmul_transposed(&hidden, &outer, true, false)?;
        ops::matmul_transposed(&x, &inner, true, false)?;
        Ok(())
    });
    assert!(products <= 1000 * 5 * 2, "{products}");
    assert_eq!(count, products);
}
