//! A training step in steady state asks the system for no memory, and the process does not grow.

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

const SIZES: [usize; 6] = [784, 256, 128, 64, 32, 10];
const BATCH: usize = 32;

fn alone<R>(work: impl FnOnce() -> R) -> R {
    keras::config::threads::limited(1, work)
}

/// Allocations of one call of `work` in steady state.
fn allocations(mut work: impl FnMut()) -> f64 {
    const CALLS: usize = 100;
    (0..CALLS).for_each(|_| work());
    let before = COUNT.get();
    (0..CALLS).for_each(|_| work());
    (COUNT.get() - before) as f64 / CALLS as f64
}

fn network() -> Sequential {
    let hidden = |units| Dense::new(units).activation("relu");
    let mut network = Sequential::new(layers![
        Input::new([SIZES[0]]),
        hidden(SIZES[1]),
        hidden(SIZES[2]),
        hidden(SIZES[3]),
        hidden(SIZES[4]),
        Dense::new(SIZES[5]),
    ]);
    let loss = CategoricalCrossentropy::new().from_logits(true);
    let how = Compile::new("adam", loss).metric("accuracy");
    network.compile(how).unwrap();
    network
}

fn batch() -> Batch {
    let x = ops::ones([BATCH, SIZES[0]], DType::F32).unwrap();
    let classes = ops::arange(0, BATCH as i64, DType::I32).unwrap();
    let y = ops::one_hot(classes, SIZES[5], DType::F32).unwrap();
    Batch::new(x, Some(y), None)
}

#[test]
fn a_step_allocates_nothing() {
    alone(|| {
        let (mut network, batch, mut logs) = (network(), batch(), Logs::new());
        let step = allocations(|| network.train_step(&batch, &mut logs).unwrap());
        assert_eq!(step, 0.0, "allocations a step");
    });
}

/// Pages of this process that are in memory.
#[cfg(target_os = "linux")]
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    let kilobytes = line.split_whitespace().nth(1).unwrap();
    kilobytes.parse::<usize>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
#[test]
fn steps_do_not_grow_the_process() {
    alone(|| {
        let (mut network, batch, mut logs) = (network(), batch(), Logs::new());
        let mut steps = |count| {
            for _ in 0..count {
                network.train_step(&batch, &mut logs).unwrap();
            }
            resident_bytes()
        };
        let before = steps(100);
        let after = steps(1000);
        let grown = after.saturating_sub(before);
        assert!(grown < 1 << 20, "{grown} bytes more after 1,000 steps");
    });
}
