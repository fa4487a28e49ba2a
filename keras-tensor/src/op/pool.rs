//! Pooling, and its reverses.

use super::Spatial;
use super::conv::places;
use crate::{Error, Result, Shape, Tensor};

/// Attributes of [`super::Op::Pool`]: windows of `x` `[batch, ..space, channels]` are folded to one element each, with one
/// to three axes of space. Padding takes no part.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// What is computed.
    pub part: PoolPart,
    /// Sizes of the window.
    pub window: Spatial,
    /// Steps of the window.
    pub strides: Spatial,
    /// Places before and after each axis where the window finds nothing.
    pub padding: Spatial<(usize, usize)>,
    /// Sizes in space of the result, where inputs do not tell them.
    pub sizes: Spatial,
}

/// What a [`Pool`] computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolPart {
    /// The largest of each window of `x`.
    Max,
    /// From `x` and `h` of its shape: `h` where `x` is largest in each window, the first such place counting.
    Pick,
    /// From `x` and `g` of the output's shape, the reverse of `Pick`: each `g` goes to that place.
    Spread,
    /// The mean of each window of `x`.
    Mean,
    /// From `g` of the output's shape, the reverse of `Mean`.
    Share,
}

impl PoolPart {
    /// The name that errors and profiles show.
    pub(super) fn name(self) -> &'static str {
        match self {
            PoolPart::Max => "max_pool",
            PoolPart::Pick => "max_pool_pick",
            PoolPart::Spread => "max_pool_gradient",
            PoolPart::Mean => "average_pool",
            PoolPart::Share => "average_pool_gradient",
        }
    }

    /// How many inputs it takes.
    pub(super) fn inputs(self) -> usize {
        match self {
            PoolPart::Pick | PoolPart::Spread => 2,
            PoolPart::Max | PoolPart::Mean | PoolPart::Share => 1,
        }
    }
}

impl Pool {
    /// The same windows, for another part.
    pub fn with(&self, part: PoolPart, sizes: &[usize]) -> Self {
        Pool {
            part,
            sizes: sizes.into(),
            ..self.clone()
        }
    }

    /// How many places the window has along each axis of `x`.
    ///
    /// # Errors
    /// The window does not fit anywhere.
    pub fn places(&self, sizes: &[usize]) -> Result<Spatial> {
        let once = Spatial::from_elem(1, sizes.len());
        places(
            "pooling",
            sizes,
            &self.window,
            &once,
            &self.strides,
            &self.padding,
        )
    }
}

/// The shape of the result.
pub(super) fn infer(pool: &Pool, inputs: &[&Tensor]) -> Result<Shape> {
    let shapes: Vec<&[usize]> = inputs.iter().map(|t| &t.shape()[..]).collect();
    let wrong = |wanted: &str| Err(Error::shape(pool.part.name(), &shapes, wanted));
    let x = shapes[0];
    let Some(space) = x.len().checked_sub(2).filter(|n| (1..=3).contains(n)) else {
        return wrong("a batch, one to three axes of space, and channels");
    };
    let lists = [pool.window.len(), pool.strides.len(), pool.padding.len()];
    if lists.iter().any(|&n| n != space) || pool.strides.contains(&0) || pool.window.contains(&0) {
        return Err(Error::argument(
            pool.part.name(),
            format!("{pool:?}"),
            format!("positive windows and strides, for {space} axes of space"),
        ));
    }
    let mut ends = pool.padding.iter().zip(&pool.window);
    if ends.any(|(&(before, after), &window)| before >= window || after >= window) {
        return wrong("less padding than the window is wide, so that no window is empty");
    }
    let with_sizes = |sizes: &[usize]| -> Shape {
        let ends = (x[0], x[space + 1]);
        let inner = sizes.iter().copied();
        [ends.0].into_iter().chain(inner).chain([ends.1]).collect()
    };
    match pool.part {
        PoolPart::Max | PoolPart::Mean => Ok(with_sizes(&pool.places(&x[1..=space])?)),
        PoolPart::Pick if shapes[1] == x => Ok(with_sizes(&pool.places(&x[1..=space])?)),
        PoolPart::Pick => wrong("two tensors of one shape"),
        PoolPart::Spread if shapes[1] == &with_sizes(&pool.places(&x[1..=space])?)[..] => {
            Ok(x.into())
        }
        PoolPart::Spread => wrong("an input, and what its pooling makes"),
        PoolPart::Share => {
            if pool.sizes.len() != space || pool.places(&pool.sizes)?[..] != x[1..=space] {
                return wrong("what a pooling of this size makes");
            }
            Ok(with_sizes(&pool.sizes))
        }
    }
}
