//! The matrix of windows of a convolution as a factor of products, made in parts when they are read: it never stands in
//! memory as a whole.

use smallvec::SmallVec;
use std::ops::Range;

use super::super::gemm::Left;
use super::Work;

/// A row for each place of the window in each sample, a column for each tap and channel of one group.
pub(super) struct Windows<'a, T> {
    work: &'a Work,
    x: &'a [T],
    group: usize,
    lines: SmallVec<[Line; 9]>,
}

/// Columns that lie side by side in the input, too, as far as they lie inside of it.
struct Line {
    /// Where its first tap is, from the first tap of the window on.
    at: [usize; 3],
    taps: usize,
}

impl<'a, T> Windows<'a, T> {
    pub(super) fn new(work: &'a Work, x: &'a [T], group: usize) -> Self {
        let geometry = &work.geometry;
        let [a, b, c] = geometry.taps;
        // Taps along the last axis are neighbours if nothing lies between them.
        let is_dense = geometry.dilation[2] == 1 && work.groups == 1;
        let (in_line, lines) = if is_dense { (c, 1) } else { (1, c) };
        let [da, db, dc] = geometry.dilation;
        let all = (0..a * b * lines).map(|i| Line {
            at: [i / lines / b * da, i / lines % b * db, i % lines * dc],
            taps: in_line,
        });
        Windows {
            work,
            x,
            group,
            lines: all.collect(),
        }
    }

    /// Visits columns of a row, in order: `visit(column, count, where they lie in the input)`, or `None` outside of it.
    #[inline(always)]
    fn visit(
        &self,
        row: usize,
        columns: &Range<usize>,
        mut visit: impl FnMut(usize, usize, Option<usize>),
    ) {
        let (work, geometry) = (self.work, &self.work.geometry);
        let channels = work.channels / work.groups;
        let (sample, place) = (row / geometry.count(), row % geometry.count());
        let [_, high, wide] = geometry.places;
        let places = [place / wide / high, place / wide % high, place % wide];
        let first: [isize; 3] = std::array::from_fn(|i| {
            (places[i] * geometry.strides[i]) as isize - geometry.before[i] as isize
        });
        let of_line = self.lines[0].taps * channels;
        let lines = columns.start / of_line..columns.end.div_ceil(of_line);
        let sizes = geometry.sizes.map(|s| s as isize);
        for (i, line) in lines.clone().zip(&self.lines[lines]) {
            let [a, b, c]: [isize; 3] = std::array::from_fn(|i| first[i] + line.at[i] as isize);
            let start = i * of_line;
            // Columns of this line that are wanted.
            let wanted = columns.start.max(start)..columns.end.min(start + of_line);
            let is_inside = (0..sizes[0]).contains(&a) && (0..sizes[1]).contains(&b);
            let taps = match is_inside {
                true => {
                    (-c).clamp(0, line.taps as isize)..(sizes[2] - c).clamp(0, line.taps as isize)
                }
                false => 0..0,
            };
            let inside =
                start + taps.start as usize * channels..start + taps.end as usize * channels;
            let inside = inside.start.clamp(wanted.start, wanted.end)
                ..inside.end.clamp(wanted.start, wanted.end);
            if wanted.start < inside.start {
                visit(wanted.start, inside.start - wanted.start, None);
            }
            if !inside.is_empty() {
                // The sum is not negative: it is that of an element inside of the input.
                let element = ((a * sizes[1] + b) * sizes[2] + c) * work.channels as isize;
                let from = sample * geometry.size() * work.channels + self.group * channels;
                let from = from as isize + element + (inside.start - start) as isize;
                visit(inside.start, inside.len(), Some(from as usize));
            }
            let after = inside.end.max(inside.start);
            if after < wanted.end {
                visit(after, wanted.end - after, None);
            }
        }
    }
}

impl<T: Copy + Default + Sync> Left<T> for Windows<'_, T> {
    fn pack(&self, rows: Range<usize>, depth: Range<usize>, to: &mut [T]) {
        let count = rows.len();
        for (i, row) in rows.enumerate() {
            self.visit(row, &depth, |column, number, from| {
                let to = to[(column - depth.start) * count + i..].iter_mut();
                let to = to.step_by(count);
                match from {
                    Some(from) => to
                        .zip(&self.x[from..][..number])
                        .for_each(|(to, &v)| *to = v),
                    None => to.take(number).for_each(|to| *to = T::default()),
                }
            });
        }
    }
}

/// The transposed matrix of windows.
pub(super) struct Transposed<'a, T>(pub(super) Windows<'a, T>);

impl<T: Copy + Default + Sync> Left<T> for Transposed<'_, T> {
    fn pack(&self, rows: Range<usize>, depth: Range<usize>, to: &mut [T]) {
        for (place, to) in depth.zip(to.chunks_exact_mut(rows.len())) {
            self.0.visit(place, &rows, |column, number, from| {
                let to = &mut to[column - rows.start..][..number];
                match from {
                    Some(from) => to.copy_from_slice(&self.0.x[from..][..number]),
                    None => to.fill(T::default()),
                }
            });
        }
    }
}
