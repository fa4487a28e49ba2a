//! Where the taps of a window lie.

use smallvec::SmallVec;
use std::ops::Range;

use crate::op::{Conv, Pool};

/// A convolution with three axes of space; those that it lacks have one element and one tap.
#[derive(Clone, Copy)]
pub(super) struct Geometry {
    /// Sizes of the input.
    pub(super) sizes: [usize; 3],
    /// How many places the window has.
    pub(super) places: [usize; 3],
    /// How many taps the window has.
    pub(super) taps: [usize; 3],
    pub(super) strides: [usize; 3],
    pub(super) dilation: [usize; 3],
    /// Places before the input that the window reaches.
    pub(super) before: [usize; 3],
}

fn three(values: impl Iterator<Item = usize>, rest: usize) -> [usize; 3] {
    let values: SmallVec<[usize; 3]> = values.collect();
    let missing = 3 - values.len();
    std::array::from_fn(|i| {
        if i < missing {
            rest
        } else {
            values[i - missing]
        }
    })
}

/// Which of so many elements in a row are there, where the first is at `first` of `size`.
pub(super) fn inside(first: isize, size: usize, count: usize) -> Range<usize> {
    let clipped = |at: isize| (at - first).clamp(0, count as isize) as usize;
    clipped(0)..clipped(size as isize)
}

impl Geometry {
    pub(super) fn new(conv: &Conv, sizes: &[usize], places: &[usize], taps: &[usize]) -> Self {
        Geometry {
            sizes: three(sizes.iter().copied(), 1),
            places: three(places.iter().copied(), 1),
            taps: three(taps.iter().copied(), 1),
            strides: three(conv.strides.iter().copied(), 1),
            dilation: three(conv.dilation.iter().copied(), 1),
            before: three(conv.padding.iter().map(|p| p.0), 0),
        }
    }

    /// The windows of a pooling.
    pub(super) fn of_pool(pool: &Pool, sizes: &[usize], places: &[usize]) -> Self {
        Geometry {
            sizes: three(sizes.iter().copied(), 1),
            places: three(places.iter().copied(), 1),
            taps: three(pool.window.iter().copied(), 1),
            strides: three(pool.strides.iter().copied(), 1),
            dilation: [1; 3],
            before: three(pool.padding.iter().map(|p| p.0), 0),
        }
    }

    /// The windows over the output in which the elements of the input gather its gradient, with taps in reverse; only where the
    /// window takes steps of one.
    pub(super) fn reversed(&self) -> Option<Self> {
        let mut before = [0; 3];
        for (i, before) in before.iter_mut().enumerate() {
            let reach = (self.taps[i] - 1) * self.dilation[i];
            *before = reach.checked_sub(self.before[i])?;
        }
        (self.strides == [1; 3]).then_some(Geometry {
            sizes: self.places,
            places: self.sizes,
            before,
            ..*self
        })
    }

    /// Places of the window in one sample.
    pub(super) fn count(&self) -> usize {
        self.places.iter().product()
    }

    /// Elements of one sample and one channel.
    pub(super) fn size(&self) -> usize {
        self.sizes.iter().product()
    }

    /// Taps of the window.
    pub(super) fn window(&self) -> usize {
        self.taps.iter().product()
    }

    /// Whether no two windows have an element in common.
    pub(super) fn is_apart(&self) -> bool {
        let reach = |axis: usize| (self.taps[axis] - 1) * self.dilation[axis] + 1;
        (0..3).all(|axis| reach(axis) <= self.strides[axis] || self.places[axis] == 1)
    }

    /// Whether the columns of the matrix of windows are the input itself.
    pub(super) fn is_pointwise(&self) -> bool {
        self.window() == 1
            && self.strides == [1; 3]
            && self.before == [0; 3]
            && self.sizes == self.places
    }

    /// Taps along an axis that lie inside of the input, for a place of the window, and where the first tap lies.
    pub(super) fn inside(&self, axis: usize, place: usize) -> (Range<usize>, isize) {
        let start = (place * self.strides[axis]) as isize - self.before[axis] as isize;
        let (step, size) = (self.dilation[axis] as isize, self.sizes[axis] as isize);
        let at_least = |n: isize| ((n - start).max(0) + step - 1) / step;
        let taps = self.taps[axis];
        let first = (at_least(0) as usize).min(taps);
        let end = (at_least(size) as usize).clamp(first, taps);
        (first..end, start)
    }

    /// Visits, for some places of the window in order, the runs of taps along the last axis that lie inside of the input:
    /// `visit(place, first tap, count, first element, elements from tap to tap)`.
    pub(super) fn for_each_run(
        &self,
        places: Range<usize>,
        mut visit: impl FnMut(usize, usize, usize, usize, usize),
    ) {
        let [_, rows, columns] = self.sizes;
        let [_, high, wide] = self.places;
        let at = |start: isize, axis: usize, tap: usize| {
            (start + (tap * self.dilation[axis]) as isize) as usize
        };
        let mut place = places.start;
        while place < places.end {
            // Places along the last axis share their taps along the others.
            let (line, from) = (place / wide, place % wide);
            let (taps_a, start_a) = self.inside(0, line / high);
            let (taps_b, start_b) = self.inside(1, line % high);
            for c in from..wide.min(from + places.end - place) {
                let (taps_c, start_c) = self.inside(2, c);
                if !taps_c.is_empty() {
                    for ta in taps_a.clone() {
                        for tb in taps_b.clone() {
                            let row = at(start_a, 0, ta) * rows + at(start_b, 1, tb);
                            let first = row * columns + at(start_c, 2, taps_c.start);
                            let tap = (ta * self.taps[1] + tb) * self.taps[2] + taps_c.start;
                            visit(place, tap, taps_c.len(), first, self.dilation[2]);
                        }
                    }
                }
                place += 1;
            }
        }
    }
}
