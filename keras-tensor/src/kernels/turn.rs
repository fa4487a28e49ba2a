//! Matrices written as their transposes.

use bytemuck::{Pod, cast_slice, cast_slice_mut};

use super::gemm::expect_read;
use super::vector::{Vector, VectorLoop, Vectors, Width};

/// The most lanes of a vector.
const MOST: usize = 16;
/// Rows and columns that are turned at a time where there are no vectors of the elements: a cache line of most.
const TILE: usize = 16;

/// `to[r * to_step + c] = from[c * from_step + r]` for all rows and columns of the result.
pub(super) struct Turn<'a, T> {
    pub(super) from: &'a [T],
    pub(super) from_step: usize,
    pub(super) to: &'a mut [T],
    pub(super) to_step: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl<T: Copy> VectorLoop<T> for Turn<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector<Element = T>>(self, width: Width<V>) {
        for row in (0..self.rows).step_by(V::LANES) {
            let rows = V::LANES.min(self.rows - row);
            for column in (0..self.columns).step_by(V::LANES) {
                let columns = V::LANES.min(self.columns - column);
                let mut square = [V::zero(width); MOST];
                for (c, v) in square[..columns].iter_mut().enumerate() {
                    let from = &self.from[(column + c) * self.from_step + row..];
                    *v = V::load_some(width, &from[..rows.min(from.len())]);
                    // The machine does not foresee rows that are far apart: those of the next square.
                    let next = from.as_ptr().wrapping_add(V::LANES * self.from_step);
                    expect_read(next, V::LANES);
                }
                let square = transposed(square);
                for (r, v) in square[..rows].iter().enumerate() {
                    let to = &mut self.to[(row + r) * self.to_step + column..][..columns];
                    v.store_some(to);
                }
            }
        }
    }
}

/// Element `i` of vector `j` as element `j` of vector `i`, of the first [`Vector::LANES`] vectors.
///
/// Each round deals vectors of both halves out in turn, as cards are shuffled: after as many rounds as the number of lanes
/// has binary digits, the digits of both numbers have changed places.
#[inline(always)]
fn transposed<V: Vector>(mut square: [V; MOST]) -> [V; MOST] {
    let half = V::LANES / 2;
    let mut round = 1;
    while round < V::LANES {
        let before = square;
        for i in 0..half {
            let [low, high] = before[i].zipped(before[i + half]);
            square[2 * i] = low;
            square[2 * i + 1] = high;
        }
        round *= 2;
    }
    square
}

/// Writes the first columns of a matrix, whose rows begin `step` elements apart, as rows of `wide` elements.
pub(super) fn turned<T: Pod>(source: &[T], step: usize, wide: usize, out: &mut [T]) {
    match (size_of::<T>(), align_of::<T>()) {
        (4, 4) => turned_floats::<f32>(cast_slice(source), step, wide, cast_slice_mut(out)),
        (8, 8) => turned_floats::<f64>(cast_slice(source), step, wide, cast_slice_mut(out)),
        _ => turned_slowly(source, step, wide, out),
    }
}

fn turned_floats<T: Vectors + Copy>(from: &[T], from_step: usize, wide: usize, to: &mut [T]) {
    T::with_vectors(Turn {
        from,
        from_step,
        rows: to.len() / wide.max(1),
        to,
        to_step: wide,
        columns: wide,
    });
}

fn turned_slowly<T: Copy>(source: &[T], step: usize, wide: usize, out: &mut [T]) {
    for rows in out.chunks_mut(TILE * wide).enumerate() {
        let (first, rows) = (rows.0 * TILE, rows.1);
        for column in (0..wide).step_by(TILE) {
            let columns = column..wide.min(column + TILE);
            for (i, out) in rows.chunks_exact_mut(wide).enumerate() {
                let source = &source[first + i + column * step..];
                let values = source.iter().step_by(step);
                let out = out[columns.clone()].iter_mut();
                out.zip(values).for_each(|(o, v)| *o = *v);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::vector::Width;
    use super::*;

    fn check<T: Pod + PartialEq + std::fmt::Debug>(of: impl Fn(usize) -> T) {
        for (rows, columns, step) in [
            (1, 1, 1),
            (16, 16, 16),
            (5, 3, 9),
            (40, 21, 43),
            (17, 33, 17),
        ] {
            let from: Vec<T> = (0..columns * step).map(&of).collect();
            let mut to = vec![T::zeroed(); rows * columns];
            turned(&from, step, columns, &mut to);
            for (i, &found) in to.iter().enumerate() {
                assert_eq!(found, from[i % columns * step + i / columns]);
            }
        }
    }

    #[test]
    fn every_size_of_elements() {
        check(|i| i as u8);
        check(|i| i as u16);
        // Bits that are no number are kept.
        check(|i| i as u32 | 0x7f80_0000);
        check(|i| i as u64 | 0x7ff0_0000_0000_0000);
    }

    #[test]
    fn arrays_turn_as_registers_do() {
        let from: Vec<f32> = (0..70).map(|i| i as f32).collect();
        let mut to = [0.0; 63];
        let turn = Turn {
            from: &from,
            from_step: 10,
            to: &mut to,
            to_step: 7,
            rows: 9,
            columns: 7,
        };
        turn.run(Width::<[f32; 4]>::default());
        for (i, &found) in to.iter().enumerate() {
            assert_eq!(found, from[i % 7 * 10 + i / 7]);
        }
    }
}
