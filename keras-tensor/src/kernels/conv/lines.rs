//! Windows seen from one row of places at a time, so that what neighbours share is read once.

use smallvec::SmallVec;

use super::super::shares::{even_share, in_even_parts};
use super::geometry::Geometry;

/// Places along the last axis that find the same taps inside of what is read.
pub(super) struct Run {
    /// The first place, the distance from one place to the next, and how many there are.
    pub(super) first: usize,
    pub(super) step: usize,
    pub(super) count: usize,
    /// How much further to the right each place reads than the one before.
    pub(super) advance: usize,
    /// Where the first place finds a tap, and which tap it is, from the left to the right.
    pub(super) taps: Taps,
}

/// Pairs of an element that is read and the tap that meets it.
pub(super) type Taps = SmallVec<[(usize, usize); 9]>;

impl Run {
    /// Whether the taps of a place meet elements that lie side by side.
    pub(super) fn is_dense(&self) -> bool {
        self.taps.windows(2).all(|t| t[1].0 == t[0].0 + 1)
    }

    /// Whether one more place with these taps belongs to the run.
    fn takes(&self, place: usize, taps: &Taps) -> bool {
        let moved = |&(from, tap): &(usize, usize)| (from + self.count * self.advance, tap);
        place == self.first + self.count * self.step
            && self.taps.len() == taps.len()
            && self.taps.iter().map(moved).eq(taps.iter().copied())
    }
}

/// The rows of a result, each element of which is gathered from the elements that its window lies on.
pub(super) struct Lines<'a> {
    geometry: &'a Geometry,
    pub(super) reversed: bool,
    /// Sizes of what is written and of what is read.
    to: [usize; 3],
    from: [usize; 3],
    /// All places of a row.
    pub(super) runs: Vec<Run>,
}

impl<'a> Lines<'a> {
    /// The rows of what windows make of the input.
    pub(super) fn of_output(geometry: &'a Geometry) -> Self {
        Self::new(geometry, false, geometry.places, geometry.sizes)
    }

    /// The rows of the input, whose elements are gathered from all places that read them.
    pub(super) fn of_input(geometry: &'a Geometry) -> Self {
        Self::new(geometry, true, geometry.sizes, geometry.places)
    }

    fn new(geometry: &'a Geometry, reversed: bool, to: [usize; 3], from: [usize; 3]) -> Self {
        let (step, advance) = match reversed {
            false => (1, geometry.strides[2]),
            true => (geometry.strides[2], 1),
        };
        let mut lines = Lines {
            geometry,
            reversed,
            to,
            from,
            runs: Vec::new(),
        };
        // Places between which the window moves by whole strides find the same taps.
        for phase in 0..step.min(to[2]) {
            for place in (phase..to[2]).step_by(step) {
                let taps = lines.taps(2, place);
                match lines.runs.last_mut() {
                    Some(run) if run.takes(place, &taps) => run.count += 1,
                    _ => lines.runs.push(Run {
                        first: place,
                        step,
                        count: 1,
                        advance,
                        taps,
                    }),
                }
            }
        }
        lines
    }

    /// The windows that gather: those of the input's elements where that is what is made, if they have steps of one.
    pub(super) fn gathered(&self) -> Option<Geometry> {
        match self.reversed {
            true => self.geometry.reversed(),
            false => Some(*self.geometry),
        }
    }

    /// Rows of one sample.
    pub(super) fn count(&self) -> usize {
        self.to[0] * self.to[1]
    }

    /// Places of a row.
    pub(super) fn width(&self) -> usize {
        self.to[2]
    }

    /// Elements of one sample and one channel of what is read, and of one row of it.
    pub(super) fn source(&self) -> (usize, usize) {
        (self.from.iter().product(), self.from[2])
    }

    /// Taps of a row of the window.
    pub(super) fn taps_of_row(&self) -> usize {
        self.geometry.taps[2]
    }

    /// Rows that a row of one sample reads, and the row of the window that meets each.
    pub(super) fn rows(&self, line: usize) -> Taps {
        let a = self.taps(0, line / self.to[1]);
        let b = self.taps(1, line % self.to[1]);
        let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (a, b)));
        pairs
            .map(|(a, b)| {
                let from = a.0 * self.from[1] + b.0;
                (from, a.1 * self.geometry.taps[1] + b.1)
            })
            .collect()
    }

    /// Where the first place of a run finds elements in some rows, and where the taps lie in a kernel that meet them, both
    /// counted in elements, of rows of so many channels.
    pub(super) fn window(&self, rows: &Taps, run: &Run, channels: usize) -> Taps {
        let (width, of_row) = (self.from[2], self.geometry.taps[2]);
        let mut all = Taps::new();
        for row in rows {
            for tap in &run.taps {
                let (from, tap) = (row.0 * width + tap.0, row.1 * of_row + tap.1);
                all.push((from * channels, tap * channels));
            }
        }
        all
    }

    /// What a place reads along an axis.
    fn taps(&self, axis: usize, place: usize) -> Taps {
        let g = self.geometry;
        if !self.reversed {
            let (taps, start) = g.inside(axis, place);
            let from = |tap| (start + (tap * g.dilation[axis]) as isize) as usize;
            return taps.map(|tap| (from(tap), tap)).collect();
        }
        let found = (0..g.taps[axis]).rev().filter_map(|tap| {
            let at = (place + g.before[axis]).checked_sub(tap * g.dilation[axis])?;
            let from = at / g.strides[axis];
            (at % g.strides[axis] == 0 && from < g.places[axis]).then_some((from, tap))
        });
        found.collect()
    }

    /// How many rows a thread takes at a time, where a row costs so many steps.
    pub(super) fn at_once(&self, samples: usize, cost: usize) -> usize {
        /// Steps from which work is shared; also about those of a share.
        const SHARE: usize = 1 << 17;
        let lines = samples * self.count();
        let shares = lines.saturating_mul(cost) / SHARE;
        even_share(lines, in_even_parts(lines, shares))
    }
}
