//! Convolutions one after the other, some rows of one sample at a time, so that what is between them stays in caches.

use std::ops::Range;
use std::sync::Arc;

use super::super::gemm::{self, Epilogue};
use super::super::shares::try_for_shares;
use super::super::{Real, with_float, with_space};
use super::{Geometry, Work, depthwise, is_depthwise};
use crate::buffer::Buffer;
use crate::op::{ConvChain, ConvFused};
use crate::{Result, Shape, Tensor};

/// Bytes between convolutions that a thread has at a time.
const BAND: usize = 7 << 18;

/// One of the convolutions.
struct Link<'a, T> {
    /// For all samples.
    work: Work,
    kernel: &'a [T],
    /// The kernel laid out for products.
    kept: Option<Arc<Buffer>>,
    epilogue: Epilogue<'a, T>,
}

impl<'a, T: Real> Link<'a, T> {
    fn new(fused: &ConvFused, x: &Shape, given: &[&'a Tensor], y: &Shape) -> Self {
        // The first input is not there yet; only its shape counts.
        let named = fused.named([given[0]].iter().chain(given).copied());
        let work = Work::new(&fused.conv, x, named.kernel.shape(), y);
        let kernel = named.kernel.raw::<T>();
        let by_products = work.groups == 1;
        let kept = by_products.then(|| {
            gemm::kept(named.kernel, &work.kernel(kernel, 0, false), work.sizes())
        });
        Link {
            kernel,
            kept: kept.flatten(),
            epilogue: Epilogue {
                scale: named.scale.map(|t| t.raw::<T>()),
                bias: named.bias.map(|t| t.raw::<T>()),
                residual: named.residual.map(|t| t.raw::<T>()),
                over: false,
                activation: fused.activation,
            },
            work,
        }
    }

    /// Computes some rows of a sample from the rows of the input that they need.
    fn compute(&self, sample: usize, rows: &Range<usize>, x: &[T], y: &mut [T]) {
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
        if is_depthwise(&work) {
            return depthwise::output(&work, x, self.kernel, &epilogue, y);
        }
        work.products(x, self.kernel, self.kept.as_deref(), &epilogue, y);
    }

    /// Elements of a row of the result.
    fn of_row(&self) -> usize {
        self.work.geometry.places[2] * self.work.filters
    }
}

impl Geometry {
    /// The rows of the input that some rows of the result need.
    fn rows_of(&self, rows: &Range<usize>) -> Range<usize> {
        let before = self.before[1];
        let reach = (self.taps[1] - 1) * self.dilation[1] + 1;
        let first = (rows.start * self.strides[1]).saturating_sub(before);
        let end = ((rows.end - 1) * self.strides[1] + reach).saturating_sub(before);
        let end = end.min(self.sizes[1]);
        first.min(end)..end
    }

    /// The same window over these rows of the input alone.
    fn band(&self, rows: &Range<usize>) -> Self {
        let needed = self.rows_of(rows);
        let mut band = *self;
        band.sizes[1] = needed.len();
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
    let made = chain.between(inputs)?;
    with_float!(dtype, T => Tensor::try_build(dtype, shape, |out: &mut [T]| {
        let mut links = Vec::with_capacity(made.len());
        for (i, (fused, given)) in chain.with_inputs(inputs).enumerate() {
            let x = if i == 0 { inputs[0] } else { &made[i - 1] };
            links.push(Link::<T>::new(fused, x.shape(), given, made[i].shape()));
        }
        by_bands(&links, inputs[0].raw::<T>(), out)
    }))
}

/// The rows that each link has to make for some rows of the last one's, and before them those of the input.
fn needed<T: Real>(links: &[Link<T>], rows: Range<usize>) -> Vec<Range<usize>> {
    let mut all = vec![rows];
    for link in links.iter().rev() {
        let rows = all.last().expect("there is one");
        all.push(link.work.geometry.rows_of(rows));
    }
    all.reverse();
    all
}

/// How many rows of the result are made at a time; the shapes alone decide.
fn band<T: Real>(links: &[Link<T>]) -> usize {
    let last = &links[links.len() - 1];
    let (high, batch) = (last.work.geometry.places[1], last.work.batch);
    let between: usize = links[..links.len() - 1]
        .iter()
        .map(|link| link.work.sample().1 * size_of::<T>())
        .sum();
    let wanted = between.div_ceil(std::env::var("BAND").map(|v| v.parse().unwrap()).unwrap_or(BAND)).max(1);
    let fits = |bands: &usize| high.is_multiple_of(*bands) && (batch * bands).is_multiple_of(2);
    (wanted..=high).find(fits).map_or(high, |bands| high / bands)
}

fn by_bands<T: Real>(links: &[Link<T>], x: &[T], out: &mut [T]) -> Result<()> {
    let last = &links[links.len() - 1];
    let high = last.work.geometry.places[1];
    let at_once = band(links);
    let of_row = last.of_row();
    let of_x = links[0].work.geometry.sizes[2] * links[0].work.channels;
    let work = |start: usize, out: &mut [T]| {
        let row = start / of_row;
        let (sample, row) = (row / high, row % high);
        let rows = needed(links, row..row + out.len() / of_row);
        let sizes: Vec<usize> = links.iter().zip(&rows[1..]).map(|(l, r)| r.len() * l.of_row()).collect();
        let between = &sizes[..sizes.len() - 1];
        let room = between.iter().copied().step_by(2).max().unwrap_or(0);
        let other = between.iter().copied().skip(1).step_by(2).max().unwrap_or(0);
        with_space(room + other, |space| {
            let (mut to, mut from) = space.split_at_mut(room);
            let first = links[0].work.sample().0 * sample + rows[0].start * of_x;
            let x = &x[first..first + rows[0].len() * of_x];
            for (i, link) in links.iter().enumerate() {
                let x = if i == 0 { x } else { &from[..sizes[i - 1]] };
                if i + 1 == links.len() {
                    link.compute(sample, &rows[i + 1], x, out);
                } else {
                    link.compute(sample, &rows[i + 1], x, &mut to[..sizes[i]]);
                }
                std::mem::swap(&mut to, &mut from);
            }
            Ok(())
        })
    };
    try_for_shares(out, at_once * of_row, &work)
}
