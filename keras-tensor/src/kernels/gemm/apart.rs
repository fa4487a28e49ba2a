//! Products whose shared axis is cut, so that threads read what they wrote: parts are summed apart, and added in their order.

use super::super::shares::{for_shares, range, summed_apart};
use super::super::{Real, threads, with_space};
use super::work::{Work, blocks_of};
use super::{FEW, Output, PIECES, Product, Right, is_read};

/// Elements of a product, and the length of its shared axis, for parts of that to be summed apart; and how many parts.
const SMALL: usize = 1 << 17;
const LONG: usize = 1 << 11;
const PARTS: usize = 8;
/// How many times as long as there are rows a shared axis is to be for its halves to be summed apart.
const HALVES: usize = 8;

impl<T: Real> Product<'_, T> {
    /// Sums the two blocks of a shared axis apart, and adds them, where the right factor is read from where it lies: threads
    /// read the rows of a weight then that they wrote when it was updated. The sums are those of blocks one after the other.
    /// Tells whether it did.
    pub(super) fn in_halves(&self, out: &Output<T>) -> bool {
        let (m, n, depth) = (out.rows, out.columns, self.depth);
        let (Some(left), Right::View(right)) = (self.left.view(), self.right) else {
            return false;
        };
        let is_read = right.column == 1 && is_read([m, depth, n]);
        if !is_read || m == 1 || HALVES * m > depth || blocks_of::<T>(depth) != 2 {
            return false;
        }
        let done = with_space(m * n, |room| {
            let middle = depth / 2;
            let lefts = [left, left.columns_from(middle)];
            let half = |i: usize, depth: usize, add: bool| Product {
                depth,
                left: &lefts[i],
                right: Right::View(right.rows_from(i * middle)),
                add,
                finish: None,
            };
            let halves = [half(0, middle, self.add), half(1, depth - middle, false)];
            let second = Output::new(room, n);
            let works = [Work::new(&halves[0], out), Work::new(&halves[1], &second)];
            let panels = works[0].panels.count();
            let at_once = panels.div_ceil(PIECES / 2);
            let groups = panels.div_ceil(at_once);
            threads::share(2 * groups, &|i| {
                let panels = range(i % groups, at_once, panels);
                works[i / groups].part(0..works[0].tiles, panels);
            });
            for_shares(room, m.div_ceil(2) * n, &|start, sums| {
                let rows = start / n..(start + sums.len()) / n;
                // SAFETY: each share has rows of its own.
                #[allow(unsafe_code)]
                let mut out = unsafe { out.tile(rows.clone(), 0..n) };
                for (r, sums) in sums.chunks_exact(n).enumerate() {
                    let row = out.part(r, 0, n);
                    row.iter_mut().zip(sums).for_each(|(to, &v)| *to = *to + v);
                }
                if let Some(finish) = self.finish {
                    finish.part(&mut out, rows.start, 0);
                }
            });
            Ok(())
        });
        done.is_ok()
    }

    /// Sums parts of a long shared axis apart, and adds them in their order, if the result is small: threads then read whole
    /// rows of both factors, those that they wrote themselves. Tells whether it did.
    pub(super) fn in_parts(&self, out: &mut Output<T>) -> bool {
        let (m, n, depth) = (out.rows, out.columns, self.depth);
        let (Some(left), Right::View(right)) = (self.left.view(), self.right) else {
            return false;
        };
        let is_sum_of_rows = (left.row, right.column) == (1, 1);
        let pays = m * n <= SMALL && m.min(n) > FEW && depth >= LONG;
        if !is_sum_of_rows || !pays || self.add || self.finish.is_some() || out.row != n {
            return false;
        }
        let done = with_space(PARTS * m * n, |room| {
            let sum = summed_apart(room, m * n, &|part, sums| {
                let rows = part * depth / PARTS..(part + 1) * depth / PARTS;
                let product = Product {
                    depth: rows.len(),
                    left: &left.columns_from(rows.start),
                    right: Right::View(right.rows_from(rows.start)),
                    ..*self
                };
                product.compute(Output::new(sums, n));
            });
            out.rows_in_memory().copy_from_slice(sum);
            Ok(())
        });
        done.is_ok()
    }
}
