//! Every rule against differences, first and second order, over random shapes.
//!
//! `PROPTEST_CASES` says how many samples each op gets, `PROPTEST_RNG_SEED` which ones.

mod coverage;
mod sample;
mod special;
mod table;

use keras_autograd::check_grads;
use keras_tensor::{DType, Outputs, Result, Tensor, apply, ops};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

use table::Case;

fn config() -> Config {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    Config {
        cases: number("PROPTEST_CASES").map_or(64, |n| n as u32),
        rng_seed: RngSeed::Fixed(number("PROPTEST_RNG_SEED").unwrap_or(1)),
        failure_persistence: None,
        ..Config::default()
    }
}

/// The results of an op side by side, so that all of them are differentiated.
fn together(outputs: Outputs) -> Result<Tensor> {
    match &outputs[..] {
        [one] => Ok(one.clone()),
        all => {
            let flat = all.iter().map(|t| ops::reshape(t, &[-1]));
            let flat = flat.collect::<Result<Vec<_>>>()?;
            ops::concatenate(&flat.iter().collect::<Vec<_>>(), 0)
        }
    }
}

/// Checks the op of a case at random inputs; those that are not float64 are held constant.
fn check(case: &Case) {
    let done = TestRunner::new(config()).run(&sample::samples(), |sample| {
        let (op, inputs) = (case.make)(&sample);
        assert_eq!(coverage::entry(&op), Some(case.name));
        let (moving, constant): (Vec<Tensor>, Vec<Tensor>) = inputs
            .iter()
            .cloned()
            .partition(|t| t.dtype() == DType::F64);
        let run = |moved: &[Tensor]| {
            let (mut moved, mut constant) = (moved.iter(), constant.iter());
            let all: Vec<&Tensor> = inputs
                .iter()
                .map(|t| match t.dtype() {
                    DType::F64 => moved.next().unwrap(),
                    _ => constant.next().unwrap(),
                })
                .collect();
            together(apply(op.clone(), &all)?)
        };
        check_grads(run, &moving)
            .map_err(|e| TestCaseError::fail(format!("{}: {op:?} of {inputs:?}: {e}", case.name)))
    });
    if let Err(e) = done {
        panic!("{e}");
    }
}

#[test]
fn functions_of_one_element() {
    table::unary().iter().for_each(check);
}

#[test]
fn functions_of_pairs() {
    table::binary().iter().for_each(check);
}

#[test]
fn folds() {
    table::folds().iter().for_each(check);
}

#[test]
fn moving_elements() {
    table::layout().iter().for_each(check);
}

#[test]
fn networks() {
    table::networks().iter().for_each(check);
}

#[test]
fn every_entry_exists_once() {
    let all = [
        table::unary(),
        table::binary(),
        table::folds(),
        table::layout(),
        table::networks(),
    ];
    for name in coverage::names() {
        let count = all.iter().flatten().filter(|c| c.name == name).count();
        assert_eq!(count, 1, "entries of the table named {name}");
    }
}
