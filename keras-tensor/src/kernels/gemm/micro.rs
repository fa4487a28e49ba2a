//! The innermost loop of products: a tile of the result in registers, all of the shared axis, for vectors of each width.
//!
//! A tile has up to [`Kernels::rows`] rows and up to two vectors of columns. Every element is summed in the order of the
//! shared axis with one rounding a step, whatever the tile it falls into, so results do not depend on how a product is cut
//! (nor on the width of the vectors, where the machine has a fused multiply-add).

use super::super::simd::level;
use super::super::vector::{Register, Width};
use super::pack::Runs;

/// One tile: `c (+)= a b`. Strides count elements; a row of `b` is contiguous, and so is one of `c`.
pub(super) struct Tile<T> {
    /// Length of the shared axis.
    pub(super) depth: usize,
    pub(super) a: *const T,
    pub(super) a_row: usize,
    pub(super) a_column: usize,
    /// Where the columns of `a` are interrupted.
    pub(super) a_runs: Runs,
    pub(super) b: *const T,
    pub(super) b_row: usize,
    /// Elements from two vectors of columns to the next two.
    pub(super) b_panel: usize,
    /// What is asked for while the first row of `b` is read, and elements from there to what is for the next: the machine has
    /// it in a cache then when it is read. Nothing need be there.
    pub(super) soon: *const T,
    pub(super) soon_row: usize,
    pub(super) c: *mut T,
    pub(super) c_row: usize,
    /// Columns of the last vector that do not belong to `c`.
    pub(super) missing: usize,
    /// Whether what is in `c` is added to.
    pub(super) add: bool,
    /// What becomes of sums before they are stored.
    pub(super) after: Option<After<T>>,
}

/// `bounded(sum * scale + bias + residual)`: pointers to those of the tile's first element, or null.
#[derive(Clone, Copy)]
pub(super) struct After<T> {
    pub(super) scale: *const T,
    pub(super) bias: *const T,
    /// Its rows are as far apart as those of `c`.
    pub(super) residual: *const T,
    /// The least and the largest result, where there are such.
    pub(super) bounds: [Option<T>; 2],
}

/// A tile that can be computed: whoever made it promised so.
pub(in crate::kernels) struct Reachable<T>(Tile<T>);

impl<T> Reachable<T> {
    /// # Safety
    /// As long as this is used, every element that the tile's strides reach can be read or, in `c`, written,
    /// and nobody else writes there.
    #[allow(unsafe_code)]
    pub(super) unsafe fn promised(tile: Tile<T>) -> Self {
        Reachable(tile)
    }
}

/// A kernel for tiles of one size.
///
/// # Safety
/// The machine has the kernel's vectors.
pub(in crate::kernels) type Kernel<T> = unsafe fn(&Reachable<T>);

/// The kernels for a width of vectors.
pub(in crate::kernels) struct Kernels<T: 'static> {
    /// Elements in a vector.
    pub(super) lanes: usize,
    /// Elements by which tiles differ in width: a power of two.
    pub(super) step: usize,
    /// For tiles of each width up to two vectors, the narrowest first: for one row, for two rows, and so on.
    pub(super) by_width: &'static [&'static [Kernel<T>]],
    /// For a row of [`WIDE`] times two vectors: a sum waits for the one before it, so there are to be several.
    pub(super) wide: Kernel<T>,
}

/// Places of the shared axis from which a tile asks for where the next one is written: shorter sums would wait for that.
const LONG: usize = 64;

/// Panels of two vectors that a single row is multiplied with at once.
pub(super) const WIDE: usize = 4;

impl<T> Kernels<T> {
    /// The most rows that a tile has.
    pub(super) fn rows(&self) -> usize {
        self.by_width[0].len()
    }

    /// The kernel for tiles of so many rows and so many elements of width, whole steps. A division would take long here.
    pub(super) fn of(&self, rows: usize, width: usize) -> Kernel<T> {
        self.by_width[(width >> self.step.ilog2()) - 1][rows - 1]
    }
}

// Iterators are functions of their own, which would be compiled for each of a hundred kernels.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
fn tile<V: Register, const ROWS: usize, const VECTORS: usize>(
    width: Width<V>,
    Reachable(t): &Reachable<V::Element>,
) {
    // SAFETY (of both): as was promised when the tile was made.
    #[allow(unsafe_code)]
    let part = |from, count| unsafe { std::slice::from_raw_parts::<V::Element>(from, count) };
    #[allow(unsafe_code)]
    let room = |to, count| unsafe { std::slice::from_raw_parts_mut::<V::Element>(to, count) };
    let mut sums = [[V::zero(width); VECTORS]; ROWS];
    // Rows three apart have a pointer each; those between are reached by one or two strides from it.
    let mut a = [t.a; ROWS];
    for i in 0..ROWS {
        a[i] = t.a.wrapping_add(i / 3 * 3 * t.a_row);
    }
    let (mut b, mut soon) = (t.b, t.soon);
    if t.depth >= LONG {
        // Where the next rows are going to be written, which the machine does not foresee.
        for i in ROWS..2 * ROWS {
            for j in 0..VECTORS {
                expect(t.c.wrapping_add(i * t.c_row + j * V::LANES));
            }
        }
    }
    let (mut to_go, mut in_run) = (t.depth, t.a_runs.first);
    while to_go > 0 {
        let steps = to_go.min(in_run);
        to_go -= steps;
        in_run -= steps;
        for _ in 0..steps {
            let column = |j: usize| j / 2 * t.b_panel + j % 2 * V::LANES;
            // Not after the reads: the compiler would not keep them together then.
            for j in 0..VECTORS {
                if j % 2 * V::LANES * size_of::<V::Element>() % LINE == 0 {
                    expect(soon.wrapping_add(column(j)));
                }
            }
            let mut right = [V::zero(width); VECTORS];
            for j in 0..VECTORS {
                right[j] = V::load(width, part(b.wrapping_add(column(j)), V::LANES));
            }
            for i in 0..ROWS {
                let left = part(a[i].wrapping_add(i % 3 * t.a_row), 1)[0];
                let left = V::splat(width, left);
                for j in 0..VECTORS {
                    sums[i][j] = sums[i][j].plus_product(left, right[j]);
                }
            }
            for i in 0..ROWS {
                a[i] = a[i].wrapping_add(t.a_column);
            }
            b = b.wrapping_add(t.b_row);
            soon = soon.wrapping_add(t.soon_row);
        }
        if in_run == 0 {
            in_run = t.a_runs.others;
            for i in 0..ROWS {
                a[i] = a[i].wrapping_add(t.a_runs.between);
            }
        }
    }
    // The last columns may be fewer than a vector has.
    let is_part = |j: usize| j + 1 == VECTORS && t.missing > 0;
    let last = V::LANES - t.missing;
    let read = |from: *const V::Element, j: usize| {
        let from = from.wrapping_add(j * V::LANES);
        match is_part(j) {
            true => V::load_few(width, part(from, last)),
            false => V::load(width, part(from, V::LANES)),
        }
    };
    let row = |i: usize| i * t.c_row;
    if t.add {
        for i in 0..ROWS {
            for j in 0..VECTORS {
                sums[i][j] = read(t.c.wrapping_add(row(i)), j).plus(sums[i][j]);
            }
        }
    }
    if let Some(after) = t.after {
        for j in 0..VECTORS {
            if !after.scale.is_null() {
                let scale = read(after.scale, j);
                for i in 0..ROWS {
                    sums[i][j] = sums[i][j].times(scale);
                }
            }
            if !after.bias.is_null() {
                let bias = read(after.bias, j);
                for i in 0..ROWS {
                    sums[i][j] = sums[i][j].plus(bias);
                }
            }
        }
        if !after.residual.is_null() {
            for i in 0..ROWS {
                for j in 0..VECTORS {
                    let residual = read(after.residual.wrapping_add(row(i)), j);
                    sums[i][j] = sums[i][j].plus(residual);
                }
            }
        }
        let [low, high] = after.bounds;
        if let Some(low) = low {
            let low = V::splat(width, low);
            for i in 0..ROWS {
                for j in 0..VECTORS {
                    sums[i][j] = sums[i][j].at_least(low);
                }
            }
        }
        if let Some(high) = high {
            let high = V::splat(width, high);
            for i in 0..ROWS {
                for j in 0..VECTORS {
                    sums[i][j] = sums[i][j].at_most(high);
                }
            }
        }
    }
    for i in 0..ROWS {
        for j in 0..VECTORS {
            let to = t.c.wrapping_add(row(i) + j * V::LANES);
            match is_part(j) {
                true => sums[i][j].store_few(room(to, last)),
                false => sums[i][j].store(room(to, V::LANES)),
            }
        }
    }
}

/// Bytes that come into a cache together.
const LINE: usize = 64;

/// Tells the machine that so many elements are going to be read; nothing happens where there are none.
#[inline(always)]
pub(in crate::kernels) fn expect_read<T>(elements: *const T, count: usize) {
    for i in (0..count).step_by(LINE / size_of::<T>()) {
        expect(elements.wrapping_add(i));
    }
}

/// Tells the machine that an element is going to be read or written; nothing happens where there is none.
#[inline(always)]
fn expect<T>(element: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction does nothing that can be seen, wherever the pointer leads.
    #[allow(unsafe_code)]
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(element.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = element;
}

/// A list of kernels, one for each number of rows.
macro_rules! kernels {
    ($kernel:ident, $vector:ty, $vectors:literal, [$($rows:literal)*]) => {
        &[$($kernel::<$vector, $rows, $vectors>),*]
    };
}

/// The kernels of a type for a width of vectors: each number of rows with one vector of columns and with two, and with halves
/// of one if there are such; and the wide one.
macro_rules! table {
    ($kernel:ident, $vector:ty, $rows:tt) => {
        table!(
            $kernel,
            $vector,
            $vector,
            $rows,
            [
                kernels!($kernel, $vector, 1, $rows),
                kernels!($kernel, $vector, 2, $rows),
            ]
        )
    };
    ($kernel:ident, $vector:ty, half $half:ty, $rows:tt) => {
        table!(
            $kernel,
            $vector,
            $half,
            $rows,
            [
                kernels!($kernel, $half, 1, $rows),
                kernels!($kernel, $vector, 1, $rows),
                kernels!($kernel, ($vector, $half), 1, $rows),
                kernels!($kernel, $vector, 2, $rows),
            ]
        )
    };
    ($kernel:ident, $vector:ty, $step:ty, $rows:tt, $by_width:expr) => {
        Kernels {
            lanes: <$vector as Register>::LANES,
            step: <$step as Register>::LANES,
            by_width: &$by_width,
            wide: $kernel::<$vector, 1, { 2 * WIDE }>,
        }
    };
}

fn portable<V: Register, const ROWS: usize, const VECTORS: usize>(t: &Reachable<V::Element>)
where
    Width<V>: Default,
{
    tile::<V, ROWS, VECTORS>(Width::default(), t);
}

/// Types that there are kernels for.
pub(in crate::kernels) trait Tiled: Copy + 'static {
    /// The kernels for each width of vectors, in the order of [`Level`].
    fn widths() -> &'static [Kernels<Self>];

    /// The kernels for the widest vectors.
    fn kernels() -> &'static Kernels<Self> {
        &Self::widths()[level() as usize]
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::*;
    use std::arch::x86_64::*;

    // SAFETY (of both): the machine has the vectors, as who calls a kernel promises.
    #[target_feature(enable = "avx512f,avx2,fma")]
    fn avx512<V: Register, const ROWS: usize, const VECTORS: usize>(t: &Reachable<V::Element>) {
        #[allow(unsafe_code)]
        let width = unsafe { Width::promised() };
        tile::<V, ROWS, VECTORS>(width, t);
    }

    #[target_feature(enable = "avx2,fma")]
    fn avx2<V: Register, const ROWS: usize, const VECTORS: usize>(t: &Reachable<V::Element>) {
        #[allow(unsafe_code)]
        let width = unsafe { Width::promised() };
        tile::<V, ROWS, VECTORS>(width, t);
    }

    impl Tiled for f32 {
        fn widths() -> &'static [Kernels<f32>] {
            static WIDTHS: [Kernels<f32>; 3] = [
                table!(portable, [f32; 4], [1 2 3 4]),
                table!(avx2, __m256, [1 2 3 4 5 6]),
                table!(avx512, __m512, half __m256, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]),
            ];
            &WIDTHS
        }
    }

    impl Tiled for f64 {
        fn widths() -> &'static [Kernels<f64>] {
            static WIDTHS: [Kernels<f64>; 3] = [
                table!(portable, [f64; 4], [1 2 3 4]),
                table!(avx2, __m256d, [1 2 3 4 5 6]),
                // Rarely wanted: not compiled a third time.
                table!(avx2, __m256d, [1 2 3 4 5 6]),
            ];
            &WIDTHS
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod others {
    use super::*;

    impl Tiled for f32 {
        fn widths() -> &'static [Kernels<f32>] {
            static WIDTHS: [Kernels<f32>; 1] = [table!(portable, [f32; 4], [1 2 3 4 5 6 7 8])];
            &WIDTHS
        }
    }

    impl Tiled for f64 {
        fn widths() -> &'static [Kernels<f64>] {
            static WIDTHS: [Kernels<f64>; 1] = [table!(portable, [f64; 4], [1 2 3 4 5 6 7 8])];
            &WIDTHS
        }
    }
}
