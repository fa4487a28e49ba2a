//! Slices as Python writes them: `x[1:, ..., ::2, None]`.

use keras_tensor::{Result, Shape, Tensor, ops};

use super::graph::{Node, WHAT};
use crate::limits::format_error;

/// A slice by masks of bits, one for each place between the brackets.
pub(super) fn strided(
    node: &Node<'_>,
    x: &Tensor,
    [begin, end, step]: [Vec<i64>; 3],
) -> Result<Tensor> {
    let names = [
        "begin_mask",
        "end_mask",
        "ellipsis_mask",
        "new_axis_mask",
        "shrink_axis_mask",
    ];
    let mut masks = [0; 5];
    for (mask, name) in masks.iter_mut().zip(names) {
        *mask = node.integer(name, 0)?;
    }
    let [begin_open, end_open, ellipsis, new_axis, shrink] = masks;
    let places = begin.len();
    let damaged = |problem: &str| format_error(WHAT, problem);
    if end.len() != places || step.len() != places || places > 64 {
        return Err(damaged("a slice whose parts do not fit together"));
    }
    let is_set = |mask: i64, i: usize| mask >> i & 1 == 1;
    let news = (0..places)
        .filter(|&i| is_set(new_axis, i) && !is_set(ellipsis, i))
        .count();
    let has_ellipsis = (0..places).any(|i| is_set(ellipsis, i));
    let named = places - news - usize::from(has_ellipsis);
    let rest = x
        .rank()
        .checked_sub(named)
        .ok_or_else(|| damaged("a slice of more axes than there are"))?;
    let (mut y, mut axis) = (x.clone(), 0);
    let mut shape: Vec<usize> = Vec::new();
    for i in 0..places {
        if is_set(ellipsis, i) {
            shape.extend(x.shape()[axis..axis + rest].iter().copied());
            axis += rest;
            continue;
        }
        if is_set(new_axis, i) {
            shape.push(1);
            continue;
        }
        let size = x.shape()[axis] as i64;
        let from_end = |n: i64| if n < 0 { n + size } else { n };
        if is_set(shrink, i) {
            let at = from_end(begin[i]);
            if !(0..size).contains(&at) {
                return Err(damaged("a place beyond the end"));
            }
            y = ops::slice_axis(&y, axis as isize, at as usize, 1)?;
            axis += 1;
            continue;
        }
        let step = step[i];
        if step == 0 {
            return Err(damaged("a slice with steps of 0"));
        }
        let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
        let first = if is_set(begin_open, i) {
            if step > 0 { 0 } else { size - 1 }
        } else {
            from_end(begin[i]).clamp(low, high)
        };
        let last = if is_set(end_open, i) {
            if step > 0 { size } else { -1 }
        } else {
            from_end(end[i]).clamp(low, high)
        };
        let count = if step > 0 {
            (last - first + step - 1).max(0) / step
        } else {
            (first - last - step - 1).max(0) / -step
        };
        y = if step == 1 {
            ops::slice_axis(&y, axis as isize, first as usize, count as usize)?
        } else {
            let all: Vec<i64> = (0..count).map(|n| first + n * step).collect();
            ops::take(&y, Tensor::new(&all, [all.len()])?, axis as isize)?
        };
        shape.push(count as usize);
        axis += 1;
    }
    shape.extend(x.shape()[axis..].iter().copied());
    ops::reshape_to(&y, Shape::from(&shape[..]))
}
