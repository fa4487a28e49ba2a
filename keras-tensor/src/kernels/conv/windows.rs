//! The matrix of windows of a convolution as a factor of products, made in parts when they are read: it never stands in
//! memory as a whole.

use smallvec::SmallVec;
use std::ops::Range;

use super::super::gemm::{Left, Made, Rows, Runs, copy_run, fill_up};
use super::Work;

/// A row for each place of the window in each sample, a column for each tap and channel of one group.
pub(super) struct Windows<'a, T> {
    work: &'a Work,
    x: &'a [T],
    /// Elements before the first channel of the group.
    skipped: usize,
    channels: usize,
    lines: SmallVec<[Line; 9]>,
    /// Places along the last axis where no tap of that axis lies outside.
    inner: Range<usize>,
}

/// Columns that lie side by side in the input, too, as far as they lie inside of it.
struct Line {
    /// Where its first tap is, from the first tap of the window on.
    at: [isize; 3],
    taps: usize,
}

/// A place of the window in a sample.
#[derive(Clone, Copy)]
struct Place {
    sample: usize,
    at: [usize; 3],
}

impl Place {
    fn advance(&mut self, count: usize, places: [usize; 3]) {
        self.at[2] += count;
        for axis in [2, 1] {
            if self.at[axis] >= places[axis] {
                self.at[axis] = 0;
                self.at[axis - 1] += 1;
            }
        }
        if self.at[0] >= places[0] {
            self.at[0] = 0;
            self.sample += 1;
        }
    }
}

impl<'a, T> Windows<'a, T> {
    pub(super) fn new(work: &'a Work, x: &'a [T], group: usize) -> Self {
        let geometry = &work.geometry;
        let [a, b, c] = geometry.taps;
        // Taps along the last axis are neighbours if nothing lies between them.
        let is_dense = geometry.dilation[2] == 1 && work.groups == 1;
        let (in_line, lines) = if is_dense { (c, 1) } else { (1, c) };
        let step = geometry.dilation.map(|d| d as isize);
        let all = (0..a * b * lines).map(|i| {
            let tap = [i / lines / b, i / lines % b, i % lines];
            Line {
                at: std::array::from_fn(|axis| tap[axis] as isize * step[axis]),
                taps: in_line,
            }
        });
        let (before, stride) = (geometry.before[2], geometry.strides[2]);
        let reach = (c - 1) * geometry.dilation[2] + 1;
        let end = (geometry.sizes[2] + before).checked_sub(reach);
        let end = end.map_or(0, |last| last / stride + 1);
        let channels = work.channels / work.groups;
        Windows {
            work,
            x,
            skipped: group * channels,
            channels,
            lines: all.collect(),
            inner: before.div_ceil(stride)..end,
        }
    }

    fn place(&self, row: usize) -> Place {
        let [deep, high, wide] = self.work.geometry.places;
        Place {
            sample: row / (deep * high * wide),
            at: [row / (high * wide) % deep, row / wide % high, row % wide],
        }
    }

    /// The lines that some columns belong to.
    fn lines(&self, columns: &Range<usize>) -> Range<usize> {
        let of_line = self.lines[0].taps * self.channels;
        columns.start / of_line..columns.end.div_ceil(of_line)
    }

    /// The first row of elements that a line meets at a place, and where in it; `None` if it lies outside.
    #[inline(always)]
    fn meets(&self, place: &Place, line: &Line) -> Option<(usize, isize)> {
        let geometry = &self.work.geometry;
        let at = |axis: usize| {
            (place.at[axis] * geometry.strides[axis]) as isize + line.at[axis]
                - geometry.before[axis] as isize
        };
        let [deep, high, _] = geometry.sizes;
        let (a, b) = (at(0), at(1));
        let is_inside = (0..deep as isize).contains(&a) && (0..high as isize).contains(&b);
        is_inside.then(|| {
            (
                (place.sample * deep + a as usize) * high + b as usize,
                at(2),
            )
        })
    }

    /// Visits columns of one row, in order: `visit(column, count, where they lie in the input)`, or `None` outside of it.
    #[inline(always)]
    fn visit(
        &self,
        place: &Place,
        lines: Range<usize>,
        columns: &Range<usize>,
        mut visit: impl FnMut(usize, usize, Option<usize>),
    ) {
        let wide = self.work.geometry.sizes[2] as isize;
        let of_line = self.lines[0].taps * self.channels;
        for (i, line) in lines.clone().zip(&self.lines[lines]) {
            let start = i * of_line;
            // Columns of this line that are wanted.
            let wanted = columns.start.max(start)..columns.end.min(start + of_line);
            let Some((row, c)) = self.meets(place, line) else {
                visit(wanted.start, wanted.len(), None);
                continue;
            };
            let all = line.taps as isize;
            let taps = (-c).clamp(0, all) as usize..(wide - c).clamp(0, all) as usize;
            let bound = |tap: usize| (start + tap * self.channels).clamp(wanted.start, wanted.end);
            let inside = bound(taps.start)..bound(taps.end).max(bound(taps.start));
            if wanted.start < inside.start {
                visit(wanted.start, inside.start - wanted.start, None);
            }
            if !inside.is_empty() {
                // The sum is not negative: it is that of an element inside of the input.
                let first = (row as isize * wide + c) * self.work.channels as isize;
                let from = first + (self.skipped + inside.start - start) as isize;
                visit(inside.start, inside.len(), Some(from as usize));
            }
            if inside.end < wanted.end {
                visit(inside.end, wanted.end - inside.end, None);
            }
        }
    }
}

impl<T: Copy + Default + Sync> Windows<'_, T> {
    /// Lays out some rows and columns, rows `step` elements apart.
    fn lay_out(&self, rows: Range<usize>, columns: Range<usize>, step: usize, to: &mut [T]) {
        let geometry = &self.work.geometry;
        let lines = self.lines(&columns);
        let mut place = self.place(rows.start);
        let mut row = 0;
        while row < rows.len() {
            let c = place.at[2];
            // Inner places in a row are alike.
            let alike = match self.inner.contains(&c) {
                true => (self.inner.end.min(geometry.places[2]) - c).min(rows.len() - row),
                false => 1,
            };
            let advance = geometry.strides[2] * self.work.channels;
            // Lines come in the order of columns, so that what is copied beyond one of them is overwritten.
            self.visit(&place, lines.clone(), &columns, |column, number, from| {
                let column = column - columns.start;
                let rows = to[row * step..].chunks_mut(step).take(alike);
                for (i, to) in rows.enumerate() {
                    match from {
                        Some(from) => {
                            copy_run(&mut to[column..], &self.x[from + i * advance..], number);
                        }
                        None => to[column..][..number].fill(T::default()),
                    }
                }
            });
            place.advance(alike, geometry.places);
            row += alike;
        }
    }
}

impl<T: Copy + Default + Sync> Left<T> for Windows<'_, T> {
    fn rows(&self, rows: Range<usize>, first: usize) -> Option<Rows<'_, T>> {
        let (geometry, place) = (&self.work.geometry, self.place(rows.start));
        let [deep, lines, _] = geometry.taps;
        let last = place.at[2] + rows.len() - 1;
        let is_inside = self.inner.contains(&place.at[2])
            && self.inner.contains(&last)
            && last < geometry.places[2];
        if !is_inside || self.work.groups != 1 || deep != 1 || self.lines.len() != lines {
            return None;
        }
        let (row, c) = self.meets(&place, &self.lines[0])?;
        self.meets(&place, self.lines.last()?)?;
        let of_row = geometry.sizes[2] * self.channels;
        let run = self.lines[0].taps * self.channels;
        let to_next = geometry.dilation[1] * of_row;
        let start = row * of_row + c as usize * self.channels + first / run * to_next + first % run;
        let runs = Runs {
            first: run - first % run,
            others: run,
            between: to_next - run,
        };
        Rows::new(&self.x[start..], geometry.strides[2] * self.channels, runs)
    }

    fn pack(&self, rows: Range<usize>, depth: Range<usize>, step: usize, to: &mut [T]) {
        self.lay_out(rows, depth, step, to);
    }
}

impl<T: Copy + Default + Sync> Made<T> for Windows<'_, T> {
    fn pack(&self, columns: Range<usize>, width: usize, depth: Range<usize>, to: &mut [T]) {
        self.lay_out(depth, columns.clone(), width, to);
        fill_up(to, width, columns.len());
    }
}
