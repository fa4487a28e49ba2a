//! A training step in steady state asks the system for no memory of ours. What the matrix-product crate packs is counted
//! apart: it allocates once for each product.

use keras::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Counts this thread's allocations.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator; counting allocates nothing.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|c| c.set(c.get() + 1));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Products in a step: forward, by each kernel (the two large ones in two halves), and by the input of each layer but the
/// first.
const PRODUCTS: usize = 5 + (5 + 2) + 4;

#[test]
fn a_step_allocates_nothing_of_ours() {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread()
        .build()
        .unwrap();
    pool.install(|| {
        let mut network = Sequential::new(layers![
            Input::new([784]),
            Dense::new(256).activation("relu"),
            Dense::new(128).activation("relu"),
            Dense::new(64).activation("relu"),
            Dense::new(32).activation("relu"),
            Dense::new(10),
        ]);
        let loss = CategoricalCrossentropy::new().from_logits(true);
        network
            .compile(Compile::new("adam", loss).metric("accuracy"))
            .unwrap();
        let x = ops::ones([32, 784], DType::F32).unwrap();
        let y = ops::one_hot(ops::arange(0, 32, DType::I32).unwrap(), 10, DType::F32).unwrap();
        let batch = Batch::new(x, Some(y), None);
        let mut logs = Logs::new();
        for _ in 0..100 {
            network.train_step(&batch, &mut logs).unwrap();
        }
        let before = COUNT.get();
        const STEPS: usize = 100;
        for _ in 0..STEPS {
            network.train_step(&batch, &mut logs).unwrap();
        }
        let ours = (COUNT.get() - before) as f64 / STEPS as f64 - PRODUCTS as f64;
        assert!(
            ours <= 0.0,
            "{ours} allocations a step besides those of {PRODUCTS} products"
        );
    });
}
