//! Moving, making and converting elements.

use smallvec::SmallVec;

use super::elementwise::{Number, repeated_strides};
use super::shares::{SHARE, for_shares};
use super::strided::{padded, row_major, strided};
use super::{Lanes, with_any, with_fold};
use crate::dtype::Element;
use crate::op::{Arange, OneHot, Pad, ScatterAdd, Slice};
use crate::{DType, Error, Result, Shape, Tensor};

/// Shares of what parts are added to.
const MOST_SHARES: usize = 16;

/// Names an integer type of the dtype's width: moving elements needs no more.
macro_rules! with_width {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype.size() {
            1 => {
                type $T = u8;
                $body
            }
            2 => {
                type $T = u16;
                $body
            }
            4 => {
                type $T = u32;
                $body
            }
            _ => {
                type $T = u64;
                $body
            }
        }
    };
}

pub(super) use with_width;

pub(super) fn fill(value: f64, shape: Shape, dtype: DType) -> Result<Tensor> {
    with_any!(dtype, T => Tensor::build(dtype, shape, |out| out.fill(stored::<T>(value, dtype))))
}

/// A number as an element; a bool is 0 or 1.
fn stored<T: Element>(value: f64, dtype: DType) -> T {
    let truth = dtype == DType::Bool && value != 0.0;
    T::from_f64(if truth { 1.0 } else { value })
}

pub(super) fn arange(a: &Arange, shape: Shape) -> Result<Tensor> {
    with_any!(a.dtype, T => Tensor::build(a.dtype, shape, |out: &mut [T]| {
        for (i, o) in out.iter_mut().enumerate() {
            *o = stored(a.start + a.step * i as f64, a.dtype);
        }
    }))
}

/// A copy that nobody else holds.
pub(crate) fn copy(x: &Tensor) -> Result<Tensor> {
    with_width!(x.dtype(), T => {
        Tensor::build(x.dtype(), x.shape().clone(), |out: &mut [T]| out.copy_from_slice(x.raw()))
    })
}

/// The same values in another dtype; floats become integers by cutting, anything becomes bool by comparing with 0.
pub(super) fn cast(x: &Tensor, to: DType) -> Result<Tensor> {
    let from = x.dtype();
    if from == to {
        return copy(x);
    }
    let shape = x.shape().clone();
    if to == DType::Bool {
        return with_any!(from, F => Tensor::build(to, shape, |out: &mut [u8]| {
            for (o, v) in out.iter_mut().zip(x.raw::<F>()) {
                *o = (v.to_f64() != 0.0) as u8;
            }
        }));
    }
    with_any!(to, T => Tensor::build(to, shape, |out: &mut [T]| {
        if from.is_float() || to.is_float() {
            fill_through(out, &|start, room| with_any!(from, F => each(room, &x.raw::<F>()[start..], F::to_f64)), T::from_f64);
        } else {
            fill_through(out, &|start, room| with_any!(from, F => each(room, &x.raw::<F>()[start..], F::to_i64)), T::from_i64);
        }
    }))
}

/// Elements that are converted at a time.
const CONVERTED: usize = 512;

/// Fills `out` with what `read(start, room)` gives, in a type that every other meets in: so no loop is compiled for each pair of
/// types.
fn fill_through<W: Element + Default, T: Element>(
    out: &mut [T],
    read: &(dyn Fn(usize, &mut [W]) + Sync),
    write: fn(W) -> T,
) {
    for_shares(out, SHARE, &|start, out| {
        let mut room = [W::default(); CONVERTED];
        for (i, out) in out.chunks_mut(CONVERTED).enumerate() {
            let room = &mut room[..out.len()];
            read(start + i * CONVERTED, room);
            each(out, room, write);
        }
    });
}

fn each<F: Copy, T>(out: &mut [T], x: &[F], f: impl Fn(F) -> T) {
    for (o, &v) in out.iter_mut().zip(x) {
        *o = f(v);
    }
}

pub(super) fn transpose(x: &Tensor, order: &[usize], shape: Shape) -> Result<Tensor> {
    let strides = row_major(x.shape());
    let strides: SmallVec<[usize; 6]> = order.iter().map(|&a| strides[a]).collect();
    strided(x, shape, &strides, 0)
}

pub(super) fn broadcast(x: &Tensor, shape: Shape) -> Result<Tensor> {
    if *x.shape() == shape {
        return Ok(x.viewed(shape));
    }
    let strides = repeated_strides(&shape, x.shape());
    strided(x, shape, &strides, 0)
}

/// A box cut out; whole rows off the front share memory with the input.
pub(super) fn slice(x: &Tensor, s: &Slice) -> Result<Tensor> {
    if x.rank() > 0 && s.size[1..] == x.shape()[1..] {
        return Ok(x.view_rows(s.begin[0], s.size[0]));
    }
    let strides = row_major(x.shape());
    let base = strides.iter().zip(s.begin.iter()).map(|(a, b)| a * b).sum();
    strided(x, s.size.clone(), &strides, base)
}

pub(super) fn pad(x: &Tensor, p: &Pad, shape: Shape) -> Result<Tensor> {
    let whole = shape.clone();
    with_any!(x.dtype(), T => {
        let (source, value) = (x.raw::<T>(), stored::<T>(p.value, x.dtype()));
        Tensor::build(x.dtype(), shape, |out: &mut [T]| {
            padded(source, x.shape(), &p.before, &whole, value, out);
        })
    })
}

pub(super) fn concat(inputs: &[&Tensor], axis: usize, shape: Shape) -> Result<Tensor> {
    let whole = Lanes::new(&shape, axis);
    let row = whole.axis * whole.inner;
    with_width!(inputs[0].dtype(), T => {
        let parts: SmallVec<[(&[T], usize); 4]> = inputs
            .iter()
            .map(|t| (t.raw::<T>(), t.shape()[axis] * whole.inner))
            .collect();
        Tensor::build(inputs[0].dtype(), shape, |out: &mut [T]| {
            if row == 0 {
                return;
            }
            for_shares(out, (SHARE / row).max(1) * row, &|start, out| {
                for (i, mut out) in out.chunks_exact_mut(row).enumerate() {
                    for (source, block) in &parts {
                        let (to, rest) = out.split_at_mut(*block);
                        to.copy_from_slice(&source[(start / row + i) * block..][..*block]);
                        out = rest;
                    }
                }
            });
        })
    })
}

/// Places as offsets, negative ones counting from the end.
pub(crate) fn places(op: &str, t: &Tensor, size: usize) -> Result<Vec<usize>> {
    let place = place_reader(t);
    let resolved = |i: usize| {
        let v = place(i);
        let j = if v < 0 { v + size as i64 } else { v };
        let is_inside = (0..size as i64).contains(&j);
        is_inside.then_some(j as usize).ok_or_else(|| {
            Error::data(
                op,
                format!("index {v} is outside of an axis of {size} elements"),
            )
        })
    };
    (0..t.size()).map(resolved).collect()
}

/// Reads integers of any width one by one.
fn place_reader(t: &Tensor) -> impl Fn(usize) -> i64 + Copy + '_ {
    move |i| with_any!(t.dtype(), T => t.raw::<T>()[i].to_i64())
}

/// Elements of a share of gathered rows: these are read from anywhere, so there is more to wait for than in other copies.
const GATHERED: usize = SHARE / 4;

pub(super) fn gather(x: &Tensor, at: &Tensor, axis: usize, shape: Shape) -> Result<Tensor> {
    let lanes = Lanes::new(x.shape(), axis);
    let places = places("take", at, lanes.axis)?;
    with_width!(x.dtype(), T => {
        let source = x.raw::<T>();
        let n = lanes.inner;
        Tensor::build(x.dtype(), shape, |out: &mut [T]| {
            if out.is_empty() {
                return;
            }
            for_shares(out, (GATHERED / n).max(1) * n, &|start, out| {
                for (i, out) in out.chunks_exact_mut(n).enumerate() {
                    let row = start / n + i;
                    let place = places[row % places.len()];
                    let from = (row / places.len() * lanes.axis + place) * n;
                    out.copy_from_slice(&source[from..from + n]);
                }
            });
        })
    })
}

pub(super) fn scatter_add(x: &Tensor, at: &Tensor, s: &ScatterAdd, shape: Shape) -> Result<Tensor> {
    let places = places("scatter_add", at, shape[s.axis])?;
    scatter(x, &places, s.axis, shape)
}

/// Rows along an axis, each added to the row of zeros at its place.
pub(crate) fn scatter(x: &Tensor, places: &[usize], axis: usize, shape: Shape) -> Result<Tensor> {
    let lanes = Lanes::new(&shape, axis);
    let n = lanes.inner;
    with_fold!(x.dtype(), T => {
        let source = x.raw::<T>();
        Tensor::build(x.dtype(), shape, |out: &mut [T]| {
            if source.is_empty() {
                return out.fill(T::ZERO);
            }
            let sources = source.chunks_exact(places.len() * n);
            for (out, source) in out.chunks_exact_mut(lanes.axis * n).zip(sources) {
                // Every share looks at all places, so there are few of them.
                let share = out.len().div_ceil(MOST_SHARES).max(SHARE).next_multiple_of(n);
                for_shares(out, share, &|start, out| {
                    out.fill(T::ZERO);
                    let rows = start / n..(start + out.len()) / n;
                    for (i, from) in places.iter().zip(source.chunks_exact(n)) {
                        if !rows.contains(i) {
                            continue;
                        }
                        let to = &mut out[(i - rows.start) * n..][..n];
                        for (o, &v) in to.iter_mut().zip(from) {
                            *o = Number::add(*o, v);
                        }
                    }
                });
            }
        })
    })
}

pub(super) fn one_hot(x: &Tensor, o: &OneHot, shape: Shape) -> Result<Tensor> {
    let place = place_reader(x);
    with_any!(o.dtype, T => Tensor::build(o.dtype, shape, |out: &mut [T]| {
        out.fill(T::from_f64(0.0));
        for i in 0..x.size() {
            let class = place(i);
            if (0..o.classes as i64).contains(&class) {
                out[i * o.classes + class as usize] = T::from_f64(1.0);
            }
        }
    }))
}

pub(super) fn select(inputs: &[&Tensor], shape: Shape) -> Result<Tensor> {
    let condition = broadcast(inputs[0], shape.clone())?;
    let a = broadcast(inputs[1], shape.clone())?;
    let b = broadcast(inputs[2], shape.clone())?;
    with_width!(a.dtype(), T => {
        let (condition, x, y) = (condition.raw::<u8>(), a.raw::<T>(), b.raw::<T>());
        Tensor::build(a.dtype(), shape, |out: &mut [T]| {
            for (((o, &c), &x), &y) in out.iter_mut().zip(condition).zip(x).zip(y) {
                *o = if c != 0 { x } else { y };
            }
        })
    })
}
