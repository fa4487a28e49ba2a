//! Sums of products of rows of channels, several at a time, so that what is read serves more than one of them.

use super::super::super::elementwise::Number;

/// Channels that are summed side by side.
const LANES: usize = 16;

/// Places that are summed together.
pub(super) const PLACES: usize = 4;

/// `to[o] += sum over i of x[o * OUT + i * IN] * b[i]`, channel by channel, all rows being as long as those of `b`.
#[inline(always)]
pub(super) fn add_products<
    T: Number,
    const O: usize,
    const I: usize,
    const X: usize,
    const OUT: usize,
    const IN: usize,
>(
    mut to: [&mut [T]; O],
    x: [&[T]; X],
    b: [&[T]; I],
) {
    let count = b[0].len();
    let mut c = 0;
    while c + LANES <= count {
        block::<T, LANES, O, I, X, OUT, IN>(&mut to, &x, &b, c);
        c += LANES;
    }
    while c < count {
        block::<T, 1, O, I, X, OUT, IN>(&mut to, &x, &b, c);
        c += 1;
    }
}

#[inline(always)]
fn block<
    T: Number,
    const LANES: usize,
    const O: usize,
    const I: usize,
    const X: usize,
    const OUT: usize,
    const IN: usize,
>(
    to: &mut [&mut [T]; O],
    x: &[&[T]; X],
    b: &[&[T]; I],
    c: usize,
) {
    let mut sums: [[T; LANES]; O] = std::array::from_fn(|o| lanes(&to[o][c..c + LANES]));
    let b: [[T; LANES]; I] = std::array::from_fn(|i| lanes(&b[i][c..c + LANES]));
    for (j, x) in x.iter().enumerate() {
        let x: [T; LANES] = lanes(&x[c..c + LANES]);
        for (o, sums) in sums.iter_mut().enumerate() {
            let Some(distance) = j.checked_sub(o * OUT) else {
                continue;
            };
            if distance % IN == 0 && distance / IN < I {
                let b = b[distance / IN];
                for l in 0..LANES {
                    sums[l] = sums[l].add(x[l].mul(b[l]));
                }
            }
        }
    }
    for (to, sums) in to.iter_mut().zip(sums) {
        to[c..c + LANES].copy_from_slice(&sums);
    }
}

/// Neighbouring channels as an array, which the compiler keeps in registers.
#[inline(always)]
fn lanes<T: Copy, const LANES: usize>(values: &[T]) -> [T; LANES] {
    *values.first_chunk().expect("a block of channels is whole")
}

/// Some channels of rows that lie `step` rows apart.
#[derive(Clone, Copy)]
pub(super) struct Channels {
    /// Channels of a row, the first that are taken, and how many.
    pub(super) all: usize,
    pub(super) first: usize,
    pub(super) count: usize,
}

impl Channels {
    /// One row.
    #[inline(always)]
    pub(super) fn row<T>(self, values: &[T], row: usize) -> &[T] {
        &values[row * self.all + self.first..][..self.count]
    }

    /// Rows `first + i * step`.
    #[inline(always)]
    pub(super) fn rows<T, const N: usize>(
        self,
        values: &[T],
        first: usize,
        step: usize,
    ) -> [&[T]; N] {
        std::array::from_fn(|i| self.row(values, first + i * step))
    }

    /// Rows `first + i * step`, to be written.
    #[inline(always)]
    pub(super) fn rows_mut<T, const N: usize>(
        self,
        values: &mut [T],
        first: usize,
        step: usize,
    ) -> [&mut [T]; N] {
        let mut rows = values[first * self.all + self.first..].chunks_mut(step * self.all);
        [(); N].map(|()| &mut rows.next().expect("all rows are there")[..self.count])
    }
}
