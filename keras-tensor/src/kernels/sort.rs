//! Sorting along an axis.

use std::cmp::Ordering;

use super::{Lanes, with_fold};
use crate::op::ArgSort;
use crate::{DType, Result, Tensor};

/// The places that would sort each lane; equal elements keep their order, NaN comes last.
pub(super) fn argsort(a: &ArgSort, x: &Tensor) -> Result<Tensor> {
    let lanes = Lanes::new(x.shape(), a.axis);
    with_fold!(x.dtype(), T => {
        let source = x.raw::<T>();
        Tensor::build(DType::I32, x.shape().clone(), |out: &mut [i32]| {
            let mut order: Vec<i32> = Vec::with_capacity(lanes.axis);
            for o in 0..lanes.outer {
                for i in 0..lanes.inner {
                    let at = |j: usize| (o * lanes.axis + j) * lanes.inner + i;
                    order.clear();
                    order.extend(0..lanes.axis as i32);
                    order.sort_by(|&p, &q| {
                        let ordering = compare(&source[at(p as usize)], &source[at(q as usize)]);
                        if a.descending { ordering.reverse() } else { ordering }
                    });
                    for (j, &place) in order.iter().enumerate() {
                        out[at(j)] = place;
                    }
                }
            }
        })
    })
}

#[allow(clippy::eq_op)]
fn compare<T: PartialOrd>(a: &T, b: &T) -> Ordering {
    // What is not equal to itself is NaN.
    a.partial_cmp(b).unwrap_or_else(|| (a != a).cmp(&(b != b)))
}
