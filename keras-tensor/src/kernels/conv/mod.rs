//! Convolution as a product: windows are laid side by side as rows of a matrix, so many at a time as fit a cache.

mod depthwise;
mod epilogue;
mod geometry;
mod pool;

use epilogue::Epilogue;
use geometry::Geometry;
pub(super) use pool::pool;

use super::matmul::{Output, Product, View, shared_product};
use std::ops::Range;
use std::sync::Arc;

use super::shares::try_for_shares;
use super::{elements, with_float};
use crate::buffer::{Buffer, Held};
use crate::op::{Conv, ConvFused, ConvPart};
use crate::{Element, Result, Shape, Tensor};

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

    /// How many samples' windows a share of the work takes; the shape alone decides.
    fn samples_at_once(&self) -> usize {
        let of_sample = self.geometry.count().saturating_mul(self.depth());
        (WINDOWS / of_sample.max(1)).clamp(1, self.batch.max(1))
    }

    /// How many rows of the matrix of windows are laid out at a time: those of whole samples, or a part of a sample's.
    fn rows_at_once(&self) -> usize {
        let (of_sample, depth) = (self.geometry.count(), self.depth().max(1));
        match (WINDOWS / depth).max(1) {
            rows if rows < of_sample => rows,
            _ => self.samples_at_once() * of_sample,
        }
    }

    /// The parts of some rows by sample: the sample, the places of the window in it, and the first one's row.
    fn by_sample(&self, rows: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>, usize)> {
        let of_sample = self.geometry.count();
        (rows.start / of_sample..rows.end.div_ceil(of_sample)).map(move |sample| {
            let first = sample * of_sample;
            let here = rows.start.max(first)..rows.end.min(first + of_sample);
            let places = here.start - first..here.end - first;
            (sample, places, here.start - rows.start)
        })
    }

    /// The kernel of one group, `[depth, filters of the group]`.
    fn kernel<'a, T>(&self, kernel: &'a [T], group: usize, swap: bool) -> View<'a, T> {
        let first = group * (self.filters / self.groups);
        View::new(&kernel[first..], self.filters, swap)
    }

    /// Some windows of one group as rows.
    fn lay_out<T: Copy + Default>(
        &self,
        x: &[T],
        rows: Range<usize>,
        group: usize,
        windows: &mut [T],
    ) {
        let (of_group, depth) = (self.channels / self.groups, self.depth());
        windows.fill(T::default());
        for (sample, places, row) in self.by_sample(rows) {
            let x = &x[sample * self.sample().0..];
            let begin = places.start;
            self.geometry
                .for_each_run(places, |place, tap, count, first, step| {
                    let row = &mut windows[(row + place - begin) * depth + tap * of_group..];
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
    fn add_back<T: Product>(&self, windows: &[T], rows: Range<usize>, group: usize, x: &mut [T]) {
        let (of_group, depth) = (self.channels / self.groups, self.depth());
        for (sample, places, row) in self.by_sample(rows) {
            let x = &mut x[sample * self.sample().0..];
            let begin = places.start;
            self.geometry
                .for_each_run(places, |place, tap, count, first, step| {
                    let row = &windows[(row + place - begin) * depth + tap * of_group..];
                    for (i, row) in row.chunks_exact(of_group).take(count).enumerate() {
                        let to = (first + i * step) * self.channels + group * of_group;
                        for (x, &v) in x[to..to + of_group].iter_mut().zip(row) {
                            *x = x.add(v);
                        }
                    }
                });
        }
    }

    /// `work` with room for so many rows of the matrix of windows.
    fn with_room<T: Element>(&self, rows: usize, work: impl FnOnce(&mut [T])) -> Result<()> {
        let size = rows * self.depth();
        let mut room = Buffer::take(size * size_of::<T>())?;
        let memory = Arc::get_mut(&mut room).expect("a taken buffer has one holder");
        work(elements(memory, size));
        // Kept for the next one.
        drop(Held::new(room));
        Ok(())
    }

    fn output<T: Product + Element + Default>(
        &self,
        x: &[T],
        kernel: &[T],
        y: &mut [T],
    ) -> Result<()> {
        let (depth, share) = (self.depth(), self.rows_at_once() * self.filters);
        try_for_shares(y, share, &|start, y| {
            let (first, count) = (start / self.filters, y.len() / self.filters);
            let rows = first..first + count;
            if self.groups == 1 && self.geometry.is_pointwise() {
                let x = View::new(&x[first * self.channels..], self.channels, false);
                let dims = (count, self.channels, self.filters);
                shared_product(dims, y, x, self.kernel(kernel, 0, false), false);
                return Ok(());
            }
            self.with_room(count, |windows| {
                if self.groups == 1 {
                    self.lay_out(x, rows, 0, windows);
                    let windows = View::new(windows, depth, false);
                    let dims = (count, depth, self.filters);
                    return shared_product(dims, y, windows, self.kernel(kernel, 0, false), false);
                }
                let mut rest = Output::new(y, self.filters);
                for group in 0..self.groups {
                    self.lay_out(x, rows.clone(), group, windows);
                    let (out, after) = rest.split_columns(self.filters / self.groups);
                    rest = after;
                    let windows = View::new(windows, depth, false);
                    let kernel = self.kernel(kernel, group, false);
                    T::product(depth, out, windows, kernel, false);
                }
            })
        })
    }

    fn input<T: Product + Element + Default>(
        &self,
        g: &[T],
        kernel: &[T],
        x: &mut [T],
    ) -> Result<()> {
        let ((to, from), depth) = (self.sample(), self.depth());
        let share = self.samples_at_once() * to;
        try_for_shares(x, share, &|start, x| {
            let g = &g[start / to * from..];
            x.fill(T::ZERO);
            let all = x.len() / to * self.geometry.count();
            let at_once = self.rows_at_once().min(all);
            self.with_room(at_once, |windows| {
                for first in (0..all).step_by(at_once) {
                    let count = at_once.min(all - first);
                    let windows = &mut windows[..count * depth];
                    for group in 0..self.groups {
                        let of_group = self.filters / self.groups;
                        let g = &g[first * self.filters + group * of_group..];
                        let g = View::new(g, self.filters, false);
                        let kernel = self.kernel(kernel, group, true);
                        shared_product((count, of_group, depth), windows, g, kernel, false);
                        self.add_back(windows, first..first + count, group, x);
                    }
                }
            })
        })
    }

    fn kernel_gradient<T: Product + Element + Default>(
        &self,
        x: &[T],
        g: &[T],
        kernel: &mut [T],
    ) -> Result<()> {
        let (depth, all) = (self.depth(), self.batch * self.geometry.count());
        let at_once = self.rows_at_once().min(all);
        kernel.fill(T::ZERO);
        self.with_room(at_once, |windows| {
            for first in (0..all).step_by(at_once) {
                let count = at_once.min(all - first);
                let (rows, windows) = (first..first + count, &mut windows[..count * depth]);
                let g = &g[first * self.filters..];
                if self.groups == 1 {
                    self.lay_out(x, rows, 0, windows);
                    let windows = View::new(windows, depth, true);
                    let dims = (depth, count, self.filters);
                    let g = View::new(g, self.filters, false);
                    shared_product(dims, kernel, windows, g, true);
                    continue;
                }
                let mut rest = Output::new(kernel, self.filters);
                for group in 0..self.groups {
                    self.lay_out(x, rows.clone(), group, windows);
                    let windows = View::new(windows, depth, true);
                    let of_group = self.filters / self.groups;
                    let g = View::new(&g[group * of_group..], self.filters, false);
                    let (out, after) = rest.split_columns(of_group);
                    rest = after;
                    T::product(count, out, windows, g, true);
                }
            }
        })
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
        Tensor::try_build(dtype, shape, |out: &mut [T]| compute(&work, conv.part, a, b, out))
    })
}

/// A convolution, and what follows it.
pub(super) fn conv_fused(fused: &ConvFused, inputs: &[&Tensor], shape: Shape) -> Result<Tensor> {
    let given = fused.named(inputs.iter().copied());
    let work = Work::new(&fused.conv, given.x.shape(), given.kernel.shape(), &shape);
    let dtype = given.x.dtype();
    with_float!(dtype, T => {
        let epilogue = Epilogue {
            scale: given.scale.map(|t| t.raw::<T>()),
            bias: given.bias.map(|t| t.raw::<T>()),
            residual: given.residual.map(|t| t.raw::<T>()),
            activation: fused.activation,
        };
        let (x, kernel) = (given.x.raw::<T>(), given.kernel.raw::<T>());
        Tensor::try_build(dtype, shape, |out: &mut [T]| {
            compute(&work, ConvPart::Output, x, kernel, out)?;
            epilogue.finish(work.filters, out);
            Ok(())
        })
    })
}

/// One part of a convolution from the two others.
fn compute<T: Product + Element + Default>(
    work: &Work,
    part: ConvPart,
    a: &[T],
    b: &[T],
    out: &mut [T],
) -> Result<()> {
    if a.is_empty() || b.is_empty() || out.is_empty() {
        out.fill(T::ZERO);
        return Ok(());
    }
    if is_depthwise(work) {
        match part {
            ConvPart::Output => depthwise::output(work, a, b, out),
            ConvPart::Input => depthwise::input(work, a, b, out),
            ConvPart::Kernel => depthwise::kernel_gradient(work, a, b, out),
        }
        return Ok(());
    }
    match part {
        ConvPart::Output => work.output(a, b, out),
        ConvPart::Input => work.input(a, b, out),
        ConvPart::Kernel => work.kernel_gradient(a, b, out),
    }
}
