//! Gradients of which there are only some rows.

use crate::kernels::Real;
use crate::scattered::Scattered;

/// Where a chain ends.
const END: usize = usize::MAX;

/// The rows of a gradient, and which belong to each row of the weight: a chain of them, in their order.
pub(super) struct Chains<'a, T> {
    values: &'a [T],
    width: usize,
    first: Vec<usize>,
    next: Vec<usize>,
}

impl<'a, T: Real> Chains<'a, T> {
    /// The chains of a gradient of so many elements.
    pub(super) fn new(rows: &'a Scattered, size: usize) -> Self {
        let (values, places) = (rows.values().raw::<T>(), rows.places());
        let width = values.len() / places.len();
        let mut first = vec![END; size / width];
        let mut next = vec![END; places.len()];
        for (i, &place) in places.iter().enumerate().rev() {
            next[i] = std::mem::replace(&mut first[place], i);
        }
        Chains {
            values,
            width,
            first,
            next,
        }
    }

    /// Whether some elements of the weight, from one on, have no gradients.
    #[inline(always)]
    pub(super) fn leave_out(&self, start: usize, count: usize) -> bool {
        let rows = start / self.width..(start + count).div_ceil(self.width);
        self.first[rows].iter().all(|&link| link == END)
    }

    /// The gradients of some elements of the weight, from one on.
    #[inline(always)]
    pub(super) fn sum(&self, start: usize, sums: &mut [T]) {
        sums.fill(T::ZERO);
        let end = start + sums.len();
        for row in start / self.width..end.div_ceil(self.width) {
            let of_row = row * self.width;
            let (from, to) = (start.max(of_row), end.min(of_row + self.width));
            let sums = &mut sums[from - start..to - start];
            let mut link = self.first[row];
            while link != END {
                let values = &self.values[link * self.width + from - of_row..];
                for (sum, &value) in sums.iter_mut().zip(values) {
                    *sum = *sum + value;
                }
                link = self.next[link];
            }
        }
    }
}
