//! Elements read with strides: whole runs are copied, axes that swap are copied in tiles, and what is large is shared among
//! threads.

use smallvec::SmallVec;

use super::layout::with_width;
use super::shares::{SHARE, for_shares};
use super::turn::turned;
use crate::{Result, Shape, Tensor};

type Sizes = SmallVec<[usize; 6]>;

pub(super) fn row_major(shape: &[usize]) -> Sizes {
    let mut strides: Sizes = smallvec::smallvec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i];
    }
    strides
}

/// The same elements with as few axes as possible; at least one.
fn merged(shape: &[usize], strides: &[usize]) -> (Sizes, Sizes) {
    let (mut sizes, mut steps) = (Sizes::new(), Sizes::new());
    for (&size, &step) in shape.iter().zip(strides).filter(|axis| *axis.0 != 1) {
        match (sizes.last_mut(), steps.last_mut()) {
            (Some(last), Some(of_last)) if *of_last == step * size => {
                *last *= size;
                *of_last = step;
            }
            _ => {
                sizes.push(size);
                steps.push(step);
            }
        }
    }
    if sizes.is_empty() {
        sizes.push(1);
        steps.push(1);
    }
    (sizes, steps)
}

/// Where row `i` of all rows along the last axis begins, the sizes and steps being those of the axes before.
fn start(mut i: usize, sizes: &[usize], steps: &[usize]) -> usize {
    let mut at = 0;
    for (&size, &step) in sizes.iter().zip(steps).rev() {
        at += i % size * step;
        i /= size;
    }
    at
}

/// A new tensor whose elements are read with these strides.
pub(super) fn strided(x: &Tensor, shape: Shape, strides: &[usize], base: usize) -> Result<Tensor> {
    let whole = shape.clone();
    with_width!(x.dtype(), T => {
        let source = x.raw::<T>();
        Tensor::build(x.dtype(), shape, |out: &mut [T]| {
            if out.is_empty() {
                return;
            }
            let (sizes, steps) = merged(&whole, strides);
            let rank = sizes.len();
            let source = &source[base..];
            let swaps = rank > 1 && steps[rank - 1] > 1 && steps[rank - 2] == 1;
            let run = sizes[rank - 1];
            let (outer, of_outer) = (&sizes[..rank - 1], &steps[..rank - 1]);
            let share = (SHARE / run).max(1) * run;
            for_shares(out, share, &|first, out| {
                if swaps {
                    return swapped(source, &sizes, &steps, first / run, out);
                }
                for (i, out) in out.chunks_exact_mut(run).enumerate() {
                    let from = start(first / run + i, outer, of_outer);
                    match steps[rank - 1] {
                        0 => out.fill(source[from]),
                        1 => out.copy_from_slice(&source[from..from + run]),
                        step => {
                            for (o, v) in out.iter_mut().zip(source[from..].iter().step_by(step)) {
                                *o = *v;
                            }
                        }
                    }
                }
            });
        })
    })
}

/// Some rows of matrices whose rows are the columns of what is read.
fn swapped<T: bytemuck::Pod>(
    source: &[T],
    sizes: &[usize],
    steps: &[usize],
    mut row: usize,
    mut out: &mut [T],
) {
    let rank = sizes.len();
    let (high, wide, step) = (sizes[rank - 2], sizes[rank - 1], steps[rank - 1]);
    while !out.is_empty() {
        let first = row % high;
        let count = (high - first).min(out.len() / wide);
        let matrix = start(row / high, &sizes[..rank - 2], &steps[..rank - 2]);
        let (here, rest) = std::mem::take(&mut out).split_at_mut(count * wide);
        turned(&source[matrix + first..], step, wide, here);
        row += count;
        out = rest;
    }
}

/// Writes `value` around the elements of `source`, which has these sizes and so many places before them in `shape`.
pub(super) fn padded<T: Copy + Send + Sync>(
    source: &[T],
    sizes: &[usize],
    before: &[usize],
    shape: &[usize],
    value: T,
    out: &mut [T],
) {
    // Axes after the last one with a border are part of its rows.
    let last = (0..sizes.len()).rev().find(|&i| sizes[i] != shape[i]);
    let Some(last) = last.filter(|_| !source.is_empty() && !out.is_empty()) else {
        return match source.len() == out.len() {
            true => out.copy_from_slice(source),
            false => out.fill(value),
        };
    };
    let inner: usize = sizes[last + 1..].iter().product();
    let (run, row, ahead) = (
        sizes[last] * inner,
        shape[last] * inner,
        before[last] * inner,
    );
    let steps = row_major(&sizes[..last]);
    let share = (SHARE / row).max(1) * row;
    for_shares(out, share, &|first, out| {
        for (i, out) in out.chunks_exact_mut(row).enumerate() {
            match inside(first / row + i, sizes, before, &shape[..last], &steps) {
                Some(from) => {
                    out[..ahead].fill(value);
                    out[ahead..ahead + run].copy_from_slice(&source[from * run..][..run]);
                    out[ahead + run..].fill(value);
                }
                None => out.fill(value),
            }
        }
    });
}

/// The row of what is inside of a border that row `i` of everything is, if it is one.
fn inside(
    mut i: usize,
    sizes: &[usize],
    before: &[usize],
    shape: &[usize],
    steps: &[usize],
) -> Option<usize> {
    let mut row = 0;
    for axis in (0..shape.len()).rev() {
        let at = (i % shape[axis]).checked_sub(before[axis])?;
        if at >= sizes[axis] {
            return None;
        }
        row += at * steps[axis];
        i /= shape[axis];
    }
    Some(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_that_lie_side_by_side_are_one() {
        let merge = |shape: &[usize], strides: &[usize]| {
            let (sizes, steps) = merged(shape, strides);
            (sizes.to_vec(), steps.to_vec())
        };
        assert_eq!(merge(&[2, 3, 4], &[12, 4, 1]), (vec![24], vec![1]));
        // The channels of images to the front.
        assert_eq!(
            merge(&[2, 5, 3, 4], &[60, 1, 20, 5]),
            (vec![2, 5, 12], vec![60, 1, 5])
        );
        assert_eq!(merge(&[1, 7, 1], &[9, 0, 3]), (vec![7], vec![0]));
        assert_eq!(merge(&[1, 1], &[0, 0]), (vec![1], vec![1]));
    }

    #[test]
    fn large_transpositions_are_shared() {
        for (shape, order) in [
            ([7, 90, 110, 3], [0, 3, 1, 2]),
            ([7, 3, 90, 110], [0, 2, 3, 1]),
            ([6, 50, 40, 17], [0, 2, 1, 3]),
            ([6, 50, 40, 17], [3, 2, 1, 0]),
            ([1, 1, 300, 411], [0, 1, 3, 2]),
            ([300, 1, 411, 1], [2, 3, 0, 1]),
        ] {
            let size: usize = shape.iter().product();
            let values: Vec<f32> = (0..size).map(|i| i as f32).collect();
            let x = Tensor::new(&values, shape).unwrap();
            let of_x = row_major(&shape);
            let strides: Sizes = order.iter().map(|&axis| of_x[axis]).collect();
            let to: Shape = order.iter().map(|&axis| shape[axis]).collect();
            let got = strided(&x, to.clone(), &strides, 0).unwrap();
            let got = got.as_slice::<f32>().unwrap();
            for (i, got) in got.iter().enumerate() {
                assert_eq!(*got, values[start(i, &to, &strides)], "{shape:?} {order:?}");
            }
        }
    }

    #[test]
    fn large_borders_are_shared() {
        for (sizes, before, after) in [
            ([3, 60, 70, 8], [0, 2, 1, 0], [0, 1, 3, 0]),
            ([3, 60, 70, 8], [1, 0, 0, 2], [0, 0, 0, 1]),
            ([3, 60, 70, 8], [0, 0, 0, 0], [0, 0, 0, 0]),
            ([3, 0, 70, 800], [0, 2, 0, 0], [0, 0, 0, 0]),
        ] {
            let shape: Vec<usize> = (0..4).map(|i| sizes[i] + before[i] + after[i]).collect();
            let source: Vec<u32> = (1..=sizes.iter().product::<usize>() as u32).collect();
            let mut out = vec![9; shape.iter().product()];
            padded(&source, &sizes, &before, &shape, 0, &mut out);
            let mut next = source.iter();
            let steps = row_major(&shape);
            for (i, &got) in out.iter().enumerate() {
                let is_inside = (0..4).all(|axis| {
                    let at = i / steps[axis] % shape[axis];
                    (before[axis]..before[axis] + sizes[axis]).contains(&at)
                });
                let wanted = if is_inside { *next.next().unwrap() } else { 0 };
                assert_eq!(got, wanted);
            }
        }
    }
}
