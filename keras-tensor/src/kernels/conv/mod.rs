//! Convolution as a product: windows are laid side by side as rows of a matrix, so many samples at a time as fit a cache.

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
use crate::{Result, Shape, Tensor};

/// Elements of the matrix of windows that are laid out at a time.
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

    /// How many samples are laid out at a time; the shape alone decides.
    fn samples_at_once(&self) -> usize {
        let rows = self.geometry.count().max(1);
        (WINDOWS / (rows * self.depth()).max(1)).clamp(1, self.batch.max(1))
    }

    /// The kernel of one group, `[depth, filters of the group]`.
    fn kernel<'a, T>(&self, kernel: &'a [T], group: usize, swap: bool) -> View<'a, T> {
        let first = group * (self.filters / self.groups);
        View::new(&kernel[first..], self.filters, swap)
    }

    /// Some samples' windows of one group as rows.
    fn lay_out<T: Copy + Default>(&self, x: &[T], group: usize, windows: &mut [T]) {
        let of_group = self.channels / self.groups;
        let (rows, depth) = (self.geometry.count(), self.depth());
        let samples = x.chunks_exact(self.sample().0);
        windows.fill(T::default());
        for (x, windows) in samples.zip(windows.chunks_exact_mut(rows * depth)) {
            self.geometry
                .for_each_run(|place, tap, count, first, step| {
                    let row = &mut windows[place * depth + tap * of_group..];
                    if step == 1 && self.groups == 1 {
                        let run = count * of_group;
                        row[..run].copy_from_slice(&x[first * of_group..][..run]);
                        return;
                    }
                    for (i, out) in row.chunks_exact_mut(of_group).take(count).enumerate() {
                        let from = (first + i * step) * self.channels + group * of_group;
                        out.copy_from_slice(&x[from..from + of_group]);
                    }
                });
        }
    }

    /// The reverse of [`Work::lay_out`]: adds rows to the elements that they came from.
    fn add_back<T: Product>(&self, windows: &[T], group: usize, x: &mut [T]) {
        let of_group = self.channels / self.groups;
        let (rows, depth) = (self.geometry.count(), self.depth());
        let samples = x.chunks_exact_mut(self.sample().0);
        for (x, windows) in samples.zip(windows.chunks_exact(rows * depth)) {
            self.geometry
                .for_each_run(|place, tap, count, first, step| {
                    let row = &windows[place * depth + tap * of_group..];
                    for (i, row) in row.chunks_exact(of_group).take(count).enumerate() {
                        let to = (first + i * step) * self.channels + group * of_group;
                        for (x, &v) in x[to..to + of_group].iter_mut().zip(row) {
                            *x = x.add(v);
                        }
                    }
                });
        }
    }

    /// Room for the windows of some samples.
    fn room(&self, samples: usize) -> std::sync::Arc<Buffer> {
        let size = samples * self.geometry.count() * self.depth() * 8;
        Buffer::take(size).expect("a part of what the door has allowed")
    }

    fn output<T: Product + Default>(&self, x: &[T], kernel: &[T], y: &mut [T]) {
        let (from, to) = self.sample();
        let at_once = self.samples_at_once();
        for_shares(y, at_once * to, &|start, y| {
            let samples = y.len() / to;
            let x = &x[start / to * from..][..samples * from];
            let rows = samples * self.geometry.count();
            if self.groups == 1 && self.geometry.is_pointwise() {
                let x = View::new(x, self.channels, false);
                let dims = (rows, self.channels, self.filters);
                return shared_product(dims, y, x, self.kernel(kernel, 0, false), false);
            }
            let mut room = self.room(samples);
            let room = std::sync::Arc::get_mut(&mut room).expect("nobody else has it");
            let windows = elements::<T>(room, rows * self.depth());
            if self.groups == 1 {
                self.lay_out(x, 0, windows);
                let dims = (rows, self.depth(), self.filters);
                let windows = View::new(windows, self.depth(), false);
                return shared_product(dims, y, windows, self.kernel(kernel, 0, false), false);
            }
            let mut rest = Some(Output::new(y, self.filters));
            for group in 0..self.groups {
                self.lay_out(x, group, windows);
                let (out, after) = rest
                    .take()
                    .expect("an output for each group")
                    .split_columns(self.filters / self.groups);
                rest = Some(after);
                let windows = View::new(windows, self.depth(), false);
                let kernel = self.kernel(kernel, group, false);
                T::product(self.depth(), out, windows, kernel, false);
            }
        });
    }

    fn input<T: Product + Default>(&self, g: &[T], kernel: &[T], x: &mut [T]) {
        let (to, from) = self.sample();
        let at_once = self.samples_at_once();
        for_shares(x, at_once * to, &|start, x| {
            let samples = x.len() / to;
            let g = &g[start / to * from..][..samples * from];
            let rows = samples * self.geometry.count();
            let mut room = self.room(samples);
            let room = std::sync::Arc::get_mut(&mut room).expect("nobody else has it");
            let windows = elements::<T>(room, rows * self.depth());
            x.fill(T::ZERO);
            for group in 0..self.groups {
                let of_group = self.filters / self.groups;
                let g = View::new(&g[group * of_group..], self.filters, false);
                let kernel = self.kernel(kernel, group, true);
                shared_product((rows, of_group, self.depth()), windows, g, kernel, false);
                self.add_back(windows, group, x);
            }
        });
    }

    fn kernel_gradient<T: Product + Default>(&self, x: &[T], g: &[T], kernel: &mut [T]) {
        let (from, to) = self.sample();
        let at_once = self.samples_at_once();
        let mut room = self.room(at_once);
        let room = std::sync::Arc::get_mut(&mut room).expect("nobody else has it");
        kernel.fill(T::ZERO);
        for first in (0..self.batch).step_by(at_once) {
            let samples = at_once.min(self.batch - first);
            let x = &x[first * from..][..samples * from];
            let g = &g[first * to..][..samples * to];
            let rows = samples * self.geometry.count();
            if self.groups == 1 {
                let windows = elements::<T>(room, rows * self.depth());
                self.lay_out(x, 0, windows);
                let windows = View::new(windows, self.depth(), true);
                let dims = (self.depth(), rows, self.filters);
                shared_product(
                    dims,
                    kernel,
                    windows,
                    View::new(g, self.filters, false),
                    true,
                );
                continue;
            }
            let mut rest = Some(Output::new(kernel, self.filters));
            for group in 0..self.groups {
                let windows = elements::<T>(room, rows * self.depth());
                self.lay_out(x, group, windows);
                let windows = View::new(windows, self.depth(), true);
                let of_group = self.filters / self.groups;
                let g = View::new(&g[group * of_group..], self.filters, false);
                let (out, after) = rest
                    .take()
                    .expect("an output for each group")
                    .split_columns(of_group);
                rest = Some(after);
                T::product(rows, out, windows, g, true);
            }
        }
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
