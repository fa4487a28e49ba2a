//! Convolutions one after the other, for some rows of one sample at a time, so that what is between them stays in caches.
//!
//! Every element is what it would be if each convolution were done for all samples: bands only decide when it is computed.

use smallvec::SmallVec;
use std::ops::Range;

use super::super::gemm::Epilogue;
use super::super::shares::try_for_shares;
use super::super::{Real, threads, with_float, with_space};
use super::{Geometry, Work, compute, epilogue, winograd};
use crate::op::{ConvChain, ConvFused, ConvPart};
use crate::{Result, Shape, Tensor};

/// Bytes between convolutions that stay in the caches of a thread.
const CACHED: usize = 1 << 20;
/// The fewest bands of a sample that are worth it that neighbours compute rows between them twice.
const BANDS: usize = 4;
/// The fewest pieces of work for each thread if these are not as many for all.
const PIECES: usize = 4;

/// Something of each convolution, of which there are few.
type Few<T> = SmallVec<[T; 4]>;

/// One of the convolutions.
struct Link<'a, T> {
    work: Work,
    kernel: &'a Tensor,
    epilogue: Epilogue<'a, T>,
}

impl<'a, T: Real> Link<'a, T> {
    /// A convolution of something of a shape that is not there yet; `given` are its other inputs.
    fn new(fused: &ConvFused, x: &Shape, given: &[&'a Tensor], y: &Shape) -> Self {
        let named = fused.named(given[..1].iter().chain(given).copied());
        Link {
            work: Work::new(&fused.conv, x, named.kernel.shape(), y),
            kernel: named.kernel,
            epilogue: epilogue(fused, &named),
        }
    }

    /// Computes some rows of a sample from those of the input that they need.
    fn compute_rows(&self, sample: usize, rows: &Range<usize>, x: &[T], y: &mut [T]) -> Result<()> {
        let work = Work {
            geometry: self.work.geometry.band(rows),
            batch: 1,
            ..self.work
        };
        let first = sample * self.work.sample().1 + rows.start * self.of_row();
        let epilogue = Epilogue {
            residual: self.epilogue.residual.map(|r| &r[first..first + y.len()]),
            ..self.epilogue
        };
        compute(&work, ConvPart::Output, x, self.kernel, &epilogue, y)
    }

    /// Elements of a row of the result.
    fn of_row(&self) -> usize {
        self.work.geometry.places[2] * self.work.filters
    }

    /// Elements of the whole result.
    fn size(&self) -> usize {
        self.work.batch * self.work.sample().1
    }

    /// Whether it can be done for some rows: transforms of squares want all.
    fn has_bands(&self) -> bool {
        winograd::side(&self.work, self.kernel.is_kept()).is_none()
    }
}

impl Geometry {
    /// The rows of the input that some rows of the result need.
    fn rows_of(&self, rows: &Range<usize>) -> Range<usize> {
        if rows.is_empty() {
            return 0..0;
        }
        let reach = (self.taps[1] - 1) * self.dilation[1] + 1;
        let clipped = |row: usize| row.saturating_sub(self.before[1]).min(self.sizes[1]);
        let last = (rows.end - 1) * self.strides[1] + reach;
        clipped(rows.start * self.strides[1])..clipped(last)
    }

    /// The same windows over these rows of the input alone.
    fn band(&self, rows: &Range<usize>) -> Self {
        let mut band = *self;
        band.sizes[1] = self.rows_of(rows).len();
        band.places[1] = rows.len();
        band.before[1] = self.before[1].saturating_sub(rows.start * self.strides[1]);
        band
    }
}

pub(in crate::kernels) fn conv_chain(
    chain: &ConvChain,
    inputs: &[&Tensor],
    shape: Shape,
) -> Result<Tensor> {
    let dtype = inputs[0].dtype();
    with_float!(dtype, T => Tensor::try_build(dtype, shape, |out: &mut [T]| {
        let mut links: Few<Link<T>> = Few::new();
        chain.walk(inputs, |fused, x, others, y| {
            links.push(Link::new(fused, x.shape(), others, y.shape()));
        })?;
        let x = inputs[0].raw::<T>();
        match rows_at_once(&links) {
            _ if out.is_empty() => Ok(()),
            Some(rows) => by_bands(&links, rows, x, out),
            None => {
                let sizes: Few<usize> = links.iter().map(Link::size).collect();
                one_by_one(&sizes, x, out, |i, x, y| {
                    let Link { work, kernel, epilogue } = &links[i];
                    compute(work, ConvPart::Output, x, kernel, epilogue, y)
                })
            }
        }
    }))
}

/// How many rows of the result are made at a time, if bands are worth it for as many threads as there are.
fn rows_at_once<T: Real>(links: &[Link<T>]) -> Option<usize> {
    let (last, before) = links.split_last()?;
    let between: usize = before.iter().map(|link| link.work.sample().1).sum();
    let wanted = (between * size_of::<T>()).div_ceil(CACHED).max(1);
    let (high, batch) = (last.work.geometry.places[1], last.work.batch);
    let threads = threads::helping();
    let fits = |bands: &usize| {
        let pieces = batch * bands;
        let is_even = pieces.is_multiple_of(threads) || pieces >= PIECES * threads;
        high.is_multiple_of(*bands) && is_even
    };
    let bands = (wanted..=2 * wanted).find(fits)?;
    let pays = bands == 1 || bands >= BANDS;
    (pays && links.iter().all(Link::has_bands)).then(|| high / bands)
}

/// Computes some rows of the result at a time.
fn by_bands<T: Real>(links: &[Link<T>], at_once: usize, x: &[T], out: &mut [T]) -> Result<()> {
    let (first, last) = (&links[0], &links[links.len() - 1]);
    let (high, of_row) = (last.work.geometry.places[1], last.of_row());
    let of_x = first.work.geometry.sizes[2] * first.work.channels;
    try_for_shares(out, at_once * of_row, &|start, out| {
        let (sample, row) = (start / of_row / high, start / of_row % high);
        let mut needed: Few<Range<usize>> = Few::new();
        needed.push(row..row + at_once);
        for link in links.iter().rev() {
            needed.push(link.work.geometry.rows_of(&needed[needed.len() - 1]));
        }
        needed.reverse();
        let x = &x[sample * first.work.sample().0..];
        let x = &x[needed[0].start * of_x..needed[0].end * of_x];
        let sizes = links.iter().zip(&needed[1..]);
        let sizes: Few<usize> = sizes
            .map(|(link, rows)| rows.len() * link.of_row())
            .collect();
        one_by_one(&sizes, x, out, |i, x, y| {
            links[i].compute_rows(sample, &needed[i + 1], x, y)
        })
    })
}

/// Calls `work(i, x, y)` for each link, whose results have these sizes; what is between them is held for so long.
fn one_by_one<T: Real>(
    sizes: &[usize],
    x: &[T],
    out: &mut [T],
    work: impl Fn(usize, &[T], &mut [T]) -> Result<()>,
) -> Result<()> {
    let last = sizes.len() - 1;
    let room = |first: usize| sizes[..last].iter().skip(first).step_by(2).max().copied();
    let [even, odd] = [0, 1].map(|first| room(first).unwrap_or(0));
    with_space(even + odd, |space| {
        let (mut to, mut from) = space.split_at_mut(even);
        for (i, &size) in sizes.iter().enumerate() {
            let x = if i == 0 { x } else { &from[..sizes[i - 1]] };
            let y = if i == last {
                &mut *out
            } else {
                &mut to[..size]
            };
            work(i, x, y)?;
            std::mem::swap(&mut to, &mut from);
        }
        Ok(())
    })
}
