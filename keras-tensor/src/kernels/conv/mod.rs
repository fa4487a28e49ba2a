//! Convolution as a product of the matrix of windows and the kernel.

mod chain;
mod depthwise;
mod geometry;
mod lines;
mod pool;
mod windows;
mod winograd;

pub(super) use chain::conv_chain;
use geometry::Geometry;
pub(super) use pool::pool;

use std::ops::Range;
use windows::Windows;

use super::elementwise::Number;
use super::gemm::{self, Epilogue, Left, Output, Product, Right, View};
use super::shares::{for_shares, summed_apart, try_for_shares};
use super::turn::Turn;
use super::{Real, elements, with_float, with_space};
use crate::buffer::Buffer;
use crate::op::{Conv, ConvFused, ConvFusedInputs, ConvPart};
use crate::{DType, Result, Shape, Tensor};

/// Elements of the gradient of the matrix of windows that are computed at a time.
const WINDOWS: usize = 1 << 18;

/// Elements of a kernel below which its gradient is summed in parts, where there are so many multiplications.
const SMALL: usize = 1 << 14;
const PART: usize = 1 << 20;
/// Windows of one element that are copied by one thread.
const GATHERED: usize = 64;
/// The most parts.
const PARTS: usize = 8;

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

    /// Adds rows of the matrix of windows to the elements that they came from.
    fn add_back<T: Number>(&self, windows: &[T], rows: Range<usize>, group: usize, x: &mut [T]) {
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

    /// Whether the matrix of windows is the input itself.
    fn is_plain(&self) -> bool {
        self.groups == 1 && self.geometry.is_pointwise()
    }

    /// The convolution; `weight` is the tensor that the kernel belongs to, if it is one.
    fn output<T: Real>(
        &self,
        x: &[T],
        kernel: &[T],
        weight: Option<&Tensor>,
        epilogue: &Epilogue<T>,
        y: &mut [T],
    ) -> Result<()> {
        let is_kept = weight.is_some_and(Tensor::is_kept);
        if T::DTYPE == DType::F32
            && let Some(side) = winograd::side(self, is_kept)
        {
            let (x, kernel) = (bytemuck::cast_slice(x), bytemuck::cast_slice(kernel));
            let y = bytemuck::cast_slice_mut(y);
            return winograd::output(side, self, x, kernel, weight, &epilogue.single(), y);
        }
        let rows = self.batch * self.geometry.count();
        let of_group = self.filters / self.groups;
        let mut rest = Output::new(y, self.filters);
        for group in 0..self.groups {
            let (out, after) = rest.split_columns(of_group);
            rest = after;
            let whole = View::new(x, self.channels, false);
            let windows;
            let left: &dyn Left<T> = match self.is_plain() {
                true => &whole,
                false => {
                    windows = Windows::new(self, x, group);
                    &windows
                }
            };
            let right = self.kernel(kernel, group, false);
            let sizes = [rows, self.depth(), of_group];
            let kept = weight.filter(|_| self.groups == 1);
            let kept = kept.and_then(|w| gemm::kept(w, &right, sizes));
            let packed = kept.as_ref().map(|k| Right::Packed(k.as_slice()));
            Product {
                depth: self.depth(),
                left,
                right: packed.unwrap_or(Right::View(right)),
                add: false,
                finish: Some(&epilogue.from(group * of_group)),
            }
            .compute(out);
        }
        Ok(())
    }

    fn kernel_gradient<T: Real>(&self, x: &[T], g: &[T], kernel: &mut [T]) -> Result<()> {
        if T::DTYPE == DType::F32 && winograd::suits_kernel(self) {
            let (x, g) = (bytemuck::cast_slice(x), bytemuck::cast_slice(g));
            return winograd::kernel_gradient(self, x, g, bytemuck::cast_slice_mut(kernel));
        }
        let rows = self.batch * self.geometry.count();
        if self.is_plain() {
            self.plain_gradient(x, g, kernel);
            return Ok(());
        }
        // A window of one element skips others: those that it meets are few enough to be copied.
        if self.groups == 1 && self.geometry.window() == 1 {
            let windows = Windows::new(self, x, 0);
            return with_space(rows * self.channels, |met| {
                for_shares(met, GATHERED * self.channels, &|start, to| {
                    let rows = start / self.channels..(start + to.len()) / self.channels;
                    windows.pack(rows, 0..self.channels, self.channels, to);
                });
                self.plain_gradient(met, g, kernel);
                Ok(())
            });
        }
        // The other way round, windows are laid out in rows, as they lie in the input. Products of few columns are not
        // shared: some samples each are summed apart then, and added in order.
        let (depth, of_group) = (self.depth(), self.filters / self.groups);
        let size = depth * of_group;
        let parts = match size < SMALL && rows * size >= PART {
            true => self.batch.min(PARTS),
            false => 1,
        };
        with_space(parts * size, |turned| {
            for group in 0..self.groups {
                let turned = summed_apart(turned, size, &|part, turned| {
                    self.turned_gradient(x, g, group, part, parts, turned);
                });
                T::with_vectors(Turn {
                    from: turned,
                    from_step: depth,
                    to: &mut kernel[group * of_group..],
                    to_step: self.filters,
                    rows: depth,
                    columns: of_group,
                });
            }
            Ok(())
        })
    }

    /// The gradient by the kernel, `x` being the matrix of windows.
    fn plain_gradient<T: Real>(&self, x: &[T], g: &[T], kernel: &mut [T]) {
        Product {
            depth: self.batch * self.geometry.count(),
            left: &View::new(x, self.channels, true),
            right: Right::View(View::new(g, self.filters, false)),
            add: false,
            finish: None,
        }
        .compute(Output::new(kernel, self.filters));
    }

    /// What one of some parts of the samples gives of the gradient by the kernel of a group, `[filters, depth]`.
    fn turned_gradient<T: Real>(
        &self,
        x: &[T],
        g: &[T],
        group: usize,
        part: usize,
        parts: usize,
        turned: &mut [T],
    ) {
        let samples = part * self.batch / parts..(part + 1) * self.batch / parts;
        let (of_input, of_output) = self.sample();
        let work = Work {
            geometry: self.geometry,
            batch: samples.len(),
            ..*self
        };
        let g = &g[samples.start * of_output + group * (self.filters / self.groups)..];
        let x = &x[samples.start * of_input..samples.end * of_input];
        Product {
            depth: samples.len() * self.geometry.count(),
            left: &View::new(g, self.filters, true),
            right: Right::Made(&Windows::new(&work, x, group)),
            add: false,
            finish: None,
        }
        .compute(Output::new(turned, self.depth()));
    }

    /// The convolution of the output's gradient that gives the input's, where the window takes steps of one; its kernel is
    /// [`Work::turned`].
    fn reverse(&self) -> Option<Work> {
        Some(Work {
            geometry: self.geometry.reversed()?,
            channels: self.filters,
            filters: self.channels,
            ..*self
        })
    }

    /// The kernel `[taps, channels of a group, filters]` with taps in reverse and the other axes exchanged:
    /// `[taps, filters of a group, channels]`.
    fn turned<T: Real>(&self, kernel: &[T], to: &mut [T]) {
        let (channels, filters) = (self.channels / self.groups, self.filters / self.groups);
        let of_tap = channels * self.filters;
        for_shares(to, of_tap, &|start, to| {
            let from = &kernel[kernel.len() - start - of_tap..][..of_tap];
            for group in 0..self.groups {
                T::with_vectors(Turn {
                    from: &from[group * filters..],
                    from_step: self.filters,
                    to: &mut to[group * channels..],
                    to_step: self.channels,
                    rows: filters,
                    columns: channels,
                });
            }
        });
    }

    fn input<T: Real>(&self, g: &[T], kernel: &[T], x: &mut [T]) -> Result<()> {
        if self.is_plain() {
            Product {
                depth: self.filters,
                left: &View::new(g, self.filters, false),
                right: Right::View(View::new(kernel, self.filters, true)),
                add: false,
                finish: None,
            }
            .compute(Output::new(x, self.channels));
            return Ok(());
        }
        if let Some(reverse) = self.reverse() {
            return with_space(kernel.len(), |turned| {
                self.turned(kernel, turned);
                reverse.output(g, turned, None, &Epilogue::NOTHING, x)
            });
        }
        self.scattered(g, kernel, x)
    }

    /// The gradient by the input through that of the matrix of windows.
    fn scattered<T: Real>(&self, g: &[T], kernel: &[T], x: &mut [T]) -> Result<()> {
        let ((to, from), depth) = (self.sample(), self.depth());
        let share = self.samples_at_once() * to;
        try_for_shares(x, share, &|start, x| {
            let g = &g[start / to * from..];
            x.fill(T::ZERO);
            let all = x.len() / to * self.geometry.count();
            let at_once = self.rows_at_once().min(all);
            with_space(at_once * depth, |windows| {
                for first in (0..all).step_by(at_once) {
                    let count = at_once.min(all - first);
                    let windows = &mut windows[..count * depth];
                    for group in 0..self.groups {
                        let of_group = self.filters / self.groups;
                        let g = &g[first * self.filters + group * of_group..];
                        Product {
                            depth: of_group,
                            left: &View::new(g, self.filters, false),
                            right: Right::View(self.kernel(kernel, group, true)),
                            add: false,
                            finish: None,
                        }
                        .compute(Output::new(windows, depth));
                        self.add_back(windows, first..first + count, group, x);
                    }
                }
                Ok(())
            })
        })
    }
}

/// Where vectors of channels begin; the last one reaches back to be whole.
#[inline(always)]
fn blocks(channels: usize, lanes: usize) -> impl Iterator<Item = usize> {
    (0..channels)
        .step_by(lanes)
        .map(move |c| c.min(channels - lanes))
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
        let epilogue = Epilogue::NOTHING;
        Tensor::try_build(dtype, shape, |out: &mut [T]| {
            compute(&work, conv.part, a.raw::<T>(), b, &epilogue, out)
        })
    })
}

/// A convolution, and what follows it.
pub(super) fn conv_fused(fused: &ConvFused, inputs: &[&Tensor], shape: Shape) -> Result<Tensor> {
    let dtype = inputs[0].dtype();
    with_float!(dtype, T => Tensor::try_build(dtype, shape.clone(), |out: &mut [T]| {
        fused_into(fused, inputs, &shape, false, out)
    }))
}

/// Whether the result can be written over the residual: each element of that is read where its own is written.
pub(super) fn fits_over_residual(fused: &ConvFused, inputs: &[Tensor], shape: &Shape) -> bool {
    let given = fused.named(inputs);
    let work = Work::new(&fused.conv, given.x.shape(), given.kernel.shape(), shape);
    let is_whole = |residual: &Tensor| residual.is_unique() && residual.shape() == shape;
    given.residual.is_some_and(is_whole)
        && work.is_plain()
        && work.depth() > 0
        && !fused.activation.is_curved()
        && with_float!(given.x.dtype(), T => gemm::keeps_output::<T>(work.depth()))
}

/// [`conv_fused`] over the memory of the residual, which is not among the inputs.
pub(super) fn conv_fused_over(
    fused: &ConvFused,
    inputs: &[&Tensor],
    shape: &Shape,
    memory: &mut Buffer,
) -> Result<()> {
    let fused = &ConvFused {
        has_residual: false,
        ..fused.clone()
    };
    with_float!(inputs[0].dtype(), T => {
        fused_into(fused, inputs, shape, true, elements::<T>(memory, shape.size()))
    })
}

fn fused_into<T: Real>(
    fused: &ConvFused,
    inputs: &[&Tensor],
    shape: &Shape,
    over: bool,
    out: &mut [T],
) -> Result<()> {
    let given = fused.named(inputs.iter().copied());
    let work = Work::new(&fused.conv, given.x.shape(), given.kernel.shape(), shape);
    let epilogue = Epilogue {
        over,
        ..epilogue(fused, &given)
    };
    let x = given.x.raw::<T>();
    compute(&work, ConvPart::Output, x, given.kernel, &epilogue, out)
}

/// What follows a convolution.
fn epilogue<'a, T: Real>(
    fused: &ConvFused,
    given: &ConvFusedInputs<&'a Tensor>,
) -> Epilogue<'a, T> {
    Epilogue {
        scale: given.scale.map(|t| t.raw::<T>()),
        bias: given.bias.map(|t| t.raw::<T>()),
        residual: given.residual.map(|t| t.raw::<T>()),
        over: false,
        activation: fused.activation,
    }
}

/// One part of a convolution from the two others; the epilogue is that of the output.
fn compute<T: Real>(
    work: &Work,
    part: ConvPart,
    a: &[T],
    second: &Tensor,
    epilogue: &Epilogue<T>,
    out: &mut [T],
) -> Result<()> {
    let b = second.raw::<T>();
    if out.is_empty() {
        return Ok(());
    }
    if a.is_empty() || b.is_empty() {
        out.fill(T::ZERO);
        if part == ConvPart::Output {
            epilogue.part(&mut Output::new(out, work.filters), 0, 0);
        }
        return Ok(());
    }
    if is_depthwise(work) {
        match part {
            ConvPart::Output => depthwise::output(work, a, b, epilogue, out),
            ConvPart::Input => depthwise::input(work, a, b, out),
            ConvPart::Kernel => return depthwise::kernel_gradient(work, a, b, out),
        }
        return Ok(());
    }
    match part {
        ConvPart::Output => work.output(a, b, Some(second), epilogue, out),
        ConvPart::Input => work.input(a, b, out),
        ConvPart::Kernel => work.kernel_gradient(a, b, out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::{Fused, Op};
    use crate::{apply_one, apply_owned, smallvec};

    #[test]
    fn a_residual_that_nobody_holds_is_written_over() {
        let numbers = |count: usize| (0..count).map(|i| (i * 7919 % 101) as f32 / 50.0 - 1.0);
        let tensor = |shape: &[usize]| {
            let values: Vec<f32> = numbers(shape.iter().product()).collect();
            Tensor::new(&values, shape).unwrap()
        };
        for channels in [1, 24, 512, 513] {
            let (x, kernel) = (tensor(&[2, 7, 5, channels]), tensor(&[1, 1, channels, 40]));
            let (bias, residual) = (tensor(&[40]), tensor(&[2, 7, 5, 40]));
            let op = Op::ConvFused(ConvFused {
                conv: Conv {
                    part: ConvPart::Output,
                    strides: [1, 1][..].into(),
                    padding: [(0, 0); 2][..].into(),
                    dilation: [1, 1][..].into(),
                    groups: 1,
                    sizes: [][..].into(),
                },
                has_scale: false,
                has_bias: true,
                has_residual: true,
                activation: Fused::Relu,
            });
            let wanted = apply_one(op.clone(), &[&x, &kernel, &bias, &residual]).unwrap();
            let memory = residual.raw::<f32>().as_ptr();
            let found = apply_owned(op, smallvec![x, kernel, bias, residual]).unwrap();
            assert_eq!(found[0].raw::<f32>(), wanted.raw::<f32>());
            assert_eq!(found[0].raw::<f32>().as_ptr() == memory, channels <= 512);
        }
    }
}
