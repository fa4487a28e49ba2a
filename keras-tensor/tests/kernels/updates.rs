//! Steps of optimizers: one of each kind, and gradients that are only rows.

use keras_tensor::op::{Adagrad, Adam, Adamax, Lion, Nadam, Rmsprop, ScatterAdd, Sgd, Update};
use keras_tensor::{DType, Op, SmallVec, Tensor, apply, apply_owned, scattered, threads};

use crate::{assert_same, tensor};

/// Every kind of update.
pub(crate) fn updates(nesterov: bool) -> Vec<Update> {
    let (learning_rate, beta_1, beta_2, epsilon) = (0.1, 0.9, 0.99, 1e-7);
    let (correction, momentum, gradient) = (0.1, [0.9, 0.2], [0.1, 0.2]);
    let of_momentum = |momentum: f64| {
        let sgd = Sgd {
            learning_rate,
            momentum,
            nesterov,
        };
        let rmsprop = Rmsprop {
            learning_rate,
            rho: 0.9,
            momentum,
            epsilon,
        };
        [Update::Sgd(sgd), Update::Rmsprop(rmsprop)]
    };
    let others = [
        Update::Adam(Adam {
            alpha: 0.1,
            beta_1,
            beta_2,
            epsilon,
        }),
        Update::Nadam(Nadam {
            learning_rate,
            beta_1,
            beta_2,
            momentum,
            gradient,
            correction,
            epsilon,
        }),
        Update::Adamax(Adamax {
            learning_rate,
            beta_1,
            beta_2,
            correction,
            epsilon,
        }),
        Update::Adagrad(Adagrad {
            learning_rate,
            epsilon,
        }),
        Update::Lion(Lion {
            learning_rate,
            beta_1,
            beta_2,
        }),
    ];
    [0.0, 0.9]
        .into_iter()
        .flat_map(of_momentum)
        .chain(others)
        .collect()
}

#[test]
fn a_step_against_rows_is_one_against_the_whole() {
    // A few rows of few columns, many, and rows wider than what is made at a time.
    for (size, width, count) in [(5, 3, 4), (700, 33, 300), (9, 1300, 5), (4, 0, 2)] {
        for dtype in [DType::F32, DType::F64] {
            let values = tensor(&[count, width], dtype, 1);
            let places: Vec<i32> = (0..count).map(|i| (i * i % size) as i32).collect();
            let places = Tensor::new(&places, [count]).unwrap();
            let add = Op::ScatterAdd(ScatterAdd { axis: 0, size });
            let whole = apply(add, &[&values, &places]).unwrap().remove(0);
            for update in updates(true) {
                let state = |i: u64| keras_tensor::ops::abs(tensor(&[size, width], dtype, i));
                let states: Vec<Tensor> = (2..2 + update.states() as u64)
                    .map(|i| state(i).unwrap())
                    .collect();
                let weight = tensor(&[size, width], dtype, 9);
                let inputs = |gradient: &Tensor| -> SmallVec<[Tensor; 4]> {
                    let first = [weight.clone(), gradient.clone()];
                    first.into_iter().chain(states.clone()).collect()
                };
                let op = Op::Update(update);
                let wanted = apply_owned(op.clone(), inputs(&whole)).unwrap();
                let rows = scattered(&values, &places, size).unwrap();
                for threads in [1, 2] {
                    let got = threads::limited(threads, || {
                        apply_owned(op.clone(), inputs(&rows)).unwrap()
                    });
                    for (got, wanted) in got.iter().zip(&wanted) {
                        assert_same(got, wanted, &format!("{update:?} of {size} rows"));
                    }
                }
            }
        }
    }
}

#[test]
fn averages_of_gradients_that_became_zero_become_zero() {
    let of = |value: f32| Tensor::new(&[value; 20], [20]).unwrap();
    for update in updates(true) {
        let mut held: SmallVec<[Tensor; 4]> = [of(1.0), of(0.0)].into_iter().collect();
        held.extend((0..update.states()).map(|_| of(1e-30)));
        for step in 0..2000 {
            let next = apply_owned(Op::Update(update), held.clone()).unwrap();
            held[0] = next[0].clone();
            for (kept, next) in held[2..].iter_mut().zip(&next[1..]) {
                let value = next.to_vec::<f32>().unwrap()[19];
                assert!(!value.is_subnormal(), "{update:?}, step {step}: {value:e}");
                *kept = next.clone();
            }
        }
    }
}
