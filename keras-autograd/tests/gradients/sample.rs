//! Random shapes, axes and values.

use keras_tensor::op::Axes;
use keras_tensor::random::Philox;
use keras_tensor::{Tensor, ops};
use proptest::prelude::*;

/// What values may be; all stay away from places without a derivative.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Domain {
    /// In a range.
    Between(f64, f64),
    /// Of either sign, with a magnitude in a range.
    Magnitude(f64, f64),
    /// All different, in steps of 0.1 that begin at an offset; in random order.
    Distinct(f64),
    /// Any of `offset + 0.2 * k`, so that two offsets never give equal values.
    Grid(f64),
}

/// How a tensor came to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    Fresh,
    Transposed,
    RowView,
}

/// Everything about a case that is random.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) shape: Vec<usize>,
    pub(crate) dims: [usize; 3],
    /// Axes of the first and the second operand that have size 1 instead; how many leading ones the second lacks.
    pub(crate) ones: (u8, u8),
    pub(crate) dropped: usize,
    pub(crate) axis: usize,
    pub(crate) mask: u8,
    pub(crate) flags: [bool; 3],
    pub(crate) origin: Origin,
    pub(crate) seed: u64,
}

pub(crate) fn samples() -> impl Strategy<Value = Sample> {
    let size = prop_oneof![1 => Just(0usize), 2 => Just(1), 6 => 2..4usize];
    let shape = prop::collection::vec(size.clone(), 0..5);
    let dims = [size.clone(), size.clone(), size];
    let origin = prop_oneof![
        Just(Origin::Fresh),
        Just(Origin::Transposed),
        Just(Origin::RowView)
    ];
    let places = (0..4usize, any::<u8>(), any::<[bool; 3]>());
    let operands = (any::<(u8, u8)>(), 0..3usize);
    (shape, dims, operands, places, origin, any::<u64>()).prop_map(
        |(shape, dims, (ones, dropped), (axis, mask, flags), origin, seed)| Sample {
            shape,
            dims,
            ones,
            dropped,
            axis,
            mask,
            flags,
            origin,
            seed,
        },
    )
}

impl Sample {
    fn uniform(&self, count: usize, stream: u64) -> Vec<f64> {
        let mut values = vec![0.0; count];
        Philox::from_seed(self.seed, stream).uniform_f64(&mut values);
        values
    }

    fn values(&self, count: usize, domain: Domain, stream: u64) -> Vec<f64> {
        let u = self.uniform(count, stream);
        match domain {
            Domain::Between(low, high) => u.iter().map(|u| low + u * (high - low)).collect(),
            Domain::Magnitude(low, high) => u
                .iter()
                .map(|u| 2.0 * u - 1.0)
                .map(|u| u.signum() * (low + u.abs() * (high - low)))
                .collect(),
            Domain::Distinct(offset) => u
                .iter()
                .map(|u0| u.iter().filter(|u1| *u1 < u0).count() as f64)
                .map(|rank| offset + 0.1 * (rank - count as f64 / 2.0))
                .collect(),
            Domain::Grid(offset) => u
                .iter()
                .map(|u| offset + 0.2 * (u * 10.0).floor() - 1.0)
                .collect(),
        }
    }

    /// A tensor of the domain, made in the sample's way.
    pub(crate) fn tensor(&self, shape: &[usize], domain: Domain, stream: u64) -> Tensor {
        let new = |shape: &[usize]| {
            let values = self.values(shape.iter().product(), domain, stream);
            Tensor::new(&values, shape).unwrap()
        };
        match self.origin {
            Origin::Transposed => {
                let reversed: Vec<usize> = shape.iter().rev().copied().collect();
                ops::transpose(new(&reversed), None).unwrap()
            }
            Origin::RowView if !shape.is_empty() => {
                let mut longer = shape.to_vec();
                longer[0] += 2;
                ops::slice_axis(new(&longer), 0, 1, shape[0]).unwrap()
            }
            _ => new(shape),
        }
    }

    /// Two shapes that broadcast.
    pub(crate) fn pair(&self) -> (Vec<usize>, Vec<usize>) {
        self.pair_of(&self.shape)
    }

    /// Two shapes that broadcast to one like `shape`.
    pub(crate) fn pair_of(&self, shape: &[usize]) -> (Vec<usize>, Vec<usize>) {
        let with_ones = |mask: u8| -> Vec<usize> {
            let at = |(i, &n): (usize, &usize)| if mask >> i & 1 == 1 { 1 } else { n };
            shape.iter().enumerate().map(at).collect()
        };
        let small = with_ones(self.ones.1)[self.dropped.min(shape.len())..].to_vec();
        let large = with_ones(self.ones.0 & self.ones.1.rotate_left(3));
        if self.flags[0] {
            (large, small)
        } else {
            (small, large)
        }
    }

    /// The shape, with at least one axis.
    pub(crate) fn with_axes(&self) -> Vec<usize> {
        if self.shape.is_empty() {
            vec![self.dims[0]]
        } else {
            self.shape.clone()
        }
    }

    /// One axis of a shape.
    pub(crate) fn axis_of(&self, shape: &[usize]) -> usize {
        self.axis % shape.len()
    }

    /// Some axes of a shape.
    pub(crate) fn axes_of(&self, shape: &[usize]) -> Axes {
        (0..shape.len())
            .filter(|i| self.mask >> i & 1 == 1)
            .collect()
    }

    /// An order of the axes of a shape.
    pub(crate) fn order_of(&self, shape: &[usize]) -> Axes {
        let keys = self.uniform(shape.len(), 90);
        let mut order: Axes = (0..shape.len()).collect();
        order.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
        order
    }

    /// Integers below `size`, some counted from the end; none if there is nothing to name.
    pub(crate) fn places(&self, size: usize) -> Tensor {
        let shape = if size == 0 {
            vec![0]
        } else {
            self.dims[..self.mask as usize % 3].to_vec()
        };
        let u = self.uniform(shape.iter().product(), 91);
        let place = |u: &f64| (u * 2.0 * size as f64).floor() as i32 - size as i32;
        let places: Vec<i32> = u.iter().map(place).collect();
        Tensor::new(&places, shape).unwrap()
    }

    /// Truth values.
    pub(crate) fn condition(&self, shape: &[usize]) -> Tensor {
        let values: Vec<bool> = self
            .uniform(shape.iter().product(), 92)
            .iter()
            .map(|u| *u < 0.5)
            .collect();
        Tensor::new(&values, shape).unwrap()
    }

    /// Widths up to 2, two for each axis.
    pub(crate) fn widths(&self, rank: usize) -> Vec<(usize, usize)> {
        let u = self.uniform(2 * rank, 93);
        u.chunks(2)
            .map(|w| ((w[0] * 3.0) as usize, (w[1] * 3.0) as usize))
            .collect()
    }
}
