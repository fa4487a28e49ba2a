//! Convolution as a product: windows are laid side by side as rows of a matrix, so many at a time as fit a cache.

mod depthwise;
mod geometry;
mod pool;

use geometry::Geometry;
pub(super) use pool::pool;

use super::matmul::{Output, Product, View, shared_product};
use super::shares::for_shares;
use super::{elements, with_float};
use crate::buffer::Buffer;
use crate::op::{Conv, ConvPart};
use crate::{Element, Result, Shape, Tensor};

/// Elements of the matrix of windows that are laid out at a time, if one row is not longer.
const WINDOWS: usize = 1 << 18;

/// Everything about one convolution that its parts share.
struct Work {
    geometry: Geometry,
    batch: usize,
    groups: usize,
    /// Channels of the input and of the output, of all groups.
    channels: usize,
    filters: usize,
}

impl Work {
    fn new(conv: &Conv, x: &[usize], kernel: &[usize], y: &[usize]) -> Self {
        let space = x.len() - 2;
        Work {
            geometry: Geometry::new(conv, &x[1..=space], &y[1..=space], &kernel[..space]),
            batch: x[0],
            groups: conv.groups,
            channels: x[x.len() - 1],
            filters: y[y.len() - 1],
        }
    }

    /// Elements of a sample of the input and of the output.
    fn sample(&self) -> (usize, usize) {
        (
            self.geometry.size() * self.channels,
            self.geometry.count() * self.filters,
        )
    }

    /// Columns of the matrix of windows of one group.
    fn depth(&self) -> usize {
        self.geometry.window() * (self.channels / self.groups)
    }

    /// How many samples a thread takes at a time; the shape alone decides.
    fn samples_at_once(&self) -> usize {
        let rows = self.geometry.count().max(1);
        (WINDOWS / (rows * self.depth()).max(1)).clamp(1, self.batch.max(1))
    }

    /// How many windows are laid out at a time; a sample of many does not need them all.
    fn windows_at_once(&self) -> usize {
        let all = self.samples_at_once() * self.geometry.count();
        (WINDOWS / self.depth().max(1)).clamp(1, all.max(1))
    }

    /// Calls `work(first row, rows, room for their windows)` for all rows of some samples, tile by tile.
    fn for_tiles<T: Element>(&self, samples: usize, mut work: impl FnMut(usize, usize, &mut [T])) {
        let (all, at_once) = (samples * self.geometry.count(), self.windows_at_once());
        let size = at_once * self.depth() * size_of::<T>();
        let mut room = Buffer::take(size).expect("a tile is a few megabytes at most");
        let room = std::sync::Arc::get_mut(&mut room).expect("nobody else has it");
        for first in (0..all).step_by(at_once) {
            let rows = at_once.min(all - first);
            work(first, rows, elements::<T>(room, rows * self.depth()));
        }
    }

    /// The kernel of one group, `[depth, filters of the group]`.
    fn kernel<'a, T>(&self, kernel: &'a [T], group: usize, swap: bool) -> View<'a, T> {
        let first = group * (self.filters / self.groups);
        View::new(&kernel[first..], self.filters, swap)
    }

    /// Visits the runs of some rows, which are the places of one sample after those of the other:
    /// `visit(row, tap, count, first element, elements from tap to tap)`.
    fn for_each_run(
        &self,
        first: usize,
        rows: usize,
        mut visit: impl FnMut(usize, usize, usize, usize, usize),
    ) {
        let (count, size) = (self.geometry.count(), self.geometry.size());
        let mut row = first;
        while row < first + rows {
            let (sample, place) = (row / count, row % count);
            let end = count.min(place + first + rows - row);
            let places = place..end;
            self.geometry
                .for_each_run_of(places, |place, tap, taps, element, step| {
                    let row = sample * count + place - first;
                    visit(row, tap, taps, sample * size + element, step);
                });
            row += end - place;
        }
    }

    /// Windows of one group as rows.
    fn lay_out<T: Copy + Default>(&self, x: &[T], group: usize, first: usize, windows: &mut [T]) {
        let (of_group, depth) = (self.channels / self.groups, self.depth());
        windows.fill(T::default());
        self.for_each_run(
            first,
            windows.len() / depth,
            |row, tap, count, element, step| {
                let row = &mut windows[row * depth + tap * of_group..];
                if step == 1 && self.groups == 1 {
                    let run = count * of_group;
                    row[..run].copy_from_slice(&x[element * of_group..][..run]);
                    return;
                }
                for (i, out) in row.chunks_exact_mut(of_group).take(count).enumerate() {
                    let from = (element + i * step) * self.channels + group * of_group;
                    out.copy_from_slice(&x[from..from + of_group]);
                }
            },
        );
    }

    /// The reverse of [`Work::lay_out`]: adds rows to the elements that they came from.
    fn add_back<T: Product>(&self, windows: &[T], group: usize, first: usize, x: &mut [T]) {
        let (of_group, depth) = (self.channels / self.groups, self.depth());
        self.for_each_run(
            first,
            windows.len() / depth,
            |row, tap, count, element, step| {
                let row = &windows[row * depth + tap * of_group..];
                for (i, row) in row.chunks_exact(of_group).take(count).enumerate() {
                    let to = (element + i * step) * self.channels + group * of_group;
                    for (x, &v) in x[to..to + of_group].iter_mut().zip(row) {
                        *x = x.add(v);
                    }
                }
            },
        );
    }

    fn output<T: Product + Default>(&self, x: &[T], kernel: &[T], y: &mut [T]) {
        let (from, to) = self.sample();
        for_shares(y, self.samples_at_once() * to, &|start, y| {
            let samples = y.len() / to;
            let x = &x[start / to * from..][..samples * from];
            if self.groups == 1 && self.geometry.is_pointwise() {
                let rows = samples * self.geometry.count();
                let x = View::new(x, self.channels, false);
                let dims = (rows, self.channels, self.filters);
                return shared_product(dims, y, x, self.kernel(kernel, 0, false), false);
            }
            self.for_tiles(samples, |first, rows, windows| {
                let y = &mut y[first * self.filters..][..rows * self.filters];
                if self.groups == 1 {
                    self.lay_out(x, 0, first, windows);
                    let dims = (rows, self.depth(), self.filters);
                    let windows = View::new(windows, self.depth(), false);
                    let kernel = self.kernel(kernel, 0, false);
                    return shared_product(dims, y, windows, kernel, false);
                }
                let mut rest = Some(Output::new(y, self.filters));
                for group in 0..self.groups {
                    self.lay_out(x, group, first, windows);
                    let out = self.next_columns(&mut rest);
                    let windows = View::new(windows, self.depth(), false);
                    let kernel = self.kernel(kernel, group, false);
                    T::product(self.depth(), out, windows, kernel, false);
                }
            });
        });
    }

    /// The columns of the next group.
    fn next_columns<'a, T>(&self, rest: &mut Option<Output<'a, T>>) -> Output<'a, T> {
        let all = rest.take().expect("an output for each group");
        let (out, after) = all.split_columns(self.filters / self.groups);
        *rest = Some(after);
        out
    }

    fn input<T: Product + Default>(&self, g: &[T], kernel: &[T], x: &mut [T]) {
        let (to, from) = self.sample();
        for_shares(x, self.samples_at_once() * to, &|start, x| {
            let samples = x.len() / to;
            let g = &g[start / to * from..][..samples * from];
            x.fill(T::ZERO);
            self.for_tiles(samples, |first, rows, windows| {
                for group in 0..self.groups {
                    let of_group = self.filters / self.groups;
                    let g = &g[first * self.filters + group * of_group..];
                    let g = View::new(g, self.filters, false);
                    let kernel = self.kernel(kernel, group, true);
                    shared_product((rows, of_group, self.depth()), windows, g, kernel, false);
                    self.add_back(windows, group, first, x);
                }
            });
        });
    }

    fn kernel_gradient<T: Product + Default>(&self, x: &[T], g: &[T], kernel: &mut [T]) {
        kernel.fill(T::ZERO);
        self.for_tiles(self.batch, |first, rows, windows| {
            let g = &g[first * self.filters..][..rows * self.filters];
            if self.groups == 1 {
                self.lay_out(x, 0, first, windows);
                let windows = View::new(windows, self.depth(), true);
                let g = View::new(g, self.filters, false);
                let dims = (self.depth(), rows, self.filters);
                return shared_product(dims, kernel, windows, g, true);
            }
            let mut rest = Some(Output::new(kernel, self.filters));
            for group in 0..self.groups {
                self.lay_out(x, group, first, windows);
                let windows = View::new(windows, self.depth(), true);
                let of_group = self.filters / self.groups;
                let g = View::new(&g[group * of_group..], self.filters, false);
                T::product(rows, self.next_columns(&mut rest), windows, g, true);
            }
        });
    }
}

/// Whether every channel is convolved by itself.
fn is_depthwise(work: &Work) -> bool {
    work.groups == work.channels && work.groups > 1
}

pub(super) fn conv(conv: &Conv, a: &Tensor, b: &Tensor, shape: Shape) -> Result<Tensor> {
    let (a_shape, b_shape) = (a.shape(), b.shape());
    let work = match conv.part {
        ConvPart::Output => Work::new(conv, a_shape, b_shape, &shape),
        ConvPart::Input => Work::new(conv, &shape, b_shape, a_shape),
        ConvPart::Kernel => Work::new(conv, a_shape, &shape, b_shape),
    };
    let dtype = a.dtype();
    with_float!(dtype, T => {
        let (a, b) = (a.raw::<T>(), b.raw::<T>());
        Tensor::build(dtype, shape, |out: &mut [T]| {
            if out.is_empty() {
                return;
            }
            if a.is_empty() || b.is_empty() {
                return out.fill(0.0);
            }
            match (conv.part, is_depthwise(&work)) {
                (ConvPart::Output, false) => work.output(a, b, out),
                (ConvPart::Input, false) => work.input(a, b, out),
                (ConvPart::Kernel, false) => work.kernel_gradient(a, b, out),
                (ConvPart::Output, true) => depthwise::output(&work, a, b, out),
                (ConvPart::Input, true) => depthwise::input(&work, a, b, out),
                (ConvPart::Kernel, true) => depthwise::kernel_gradient(&work, a, b, out),
            }
        })
    })
}
