//! The rules of pooling. Every part is linear in its last input, and where the largest element lies does not change.

use keras_tensor::op::{Pool, PoolPart};
use keras_tensor::{Op, Result, apply_one};

use super::{Given, Grads, Needs};

pub(super) fn needs(part: PoolPart, input: Needs, nothing: Needs) -> Needs {
    match part {
        PoolPart::Max | PoolPart::Pick | PoolPart::Spread => input,
        PoolPart::Mean | PoolPart::Share => nothing,
    }
}

pub(super) fn pool(pool: &Pool, given: &Given) -> Result<Grads> {
    let (x, g) = (&given.inputs[0], given.gradient);
    let sizes = &x.shape()[1..x.rank() - 1];
    let with = |part| Op::Pool(pool.with(part, sizes));
    let reverse = match pool.part {
        PoolPart::Max | PoolPart::Pick => apply_one(with(PoolPart::Spread), &[x, g])?,
        PoolPart::Spread => apply_one(with(PoolPart::Pick), &[x, g])?,
        PoolPart::Mean => apply_one(with(PoolPart::Share), &[g])?,
        PoolPart::Share => apply_one(with(PoolPart::Mean), &[g])?,
    };
    Ok(match pool.part {
        PoolPart::Pick | PoolPart::Spread => Grads::from_iter([None, Some(reverse)]),
        PoolPart::Max | PoolPart::Mean | PoolPart::Share => Grads::from_iter([Some(reverse)]),
    })
}
