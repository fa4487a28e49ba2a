//! Vector registers of each width, for loops that the compiler does not make the best of.
//!
//! A loop is written once over a [`Vector`], without unsafe code, and runs with the widest that the machine has. What a loop
//! computes must not depend on the width: it treats each element alike.

use num_traits::Float;
use std::marker::PhantomData;
use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use super::simd::{Level, level};

/// The machine has the instructions of these vectors: only who has seen that makes one.
#[derive(Clone, Copy)]
pub(super) struct Width<V>(PhantomData<V>);

/// Arrays are on every machine.
impl<T, const N: usize> Default for Width<[T; N]> {
    fn default() -> Self {
        Width(PhantomData)
    }
}

impl<A, B> Width<(A, B)> {
    /// The machine has both.
    #[inline(always)]
    fn both(self) -> (Width<A>, Width<B>) {
        (Width(PhantomData), Width(PhantomData))
    }
}

impl<V> Width<V> {
    /// For code that is compiled for these vectors.
    ///
    /// # Safety
    /// The machine has the instructions.
    #[allow(unsafe_code)]
    #[inline(always)]
    pub(super) unsafe fn promised() -> Self {
        Width(PhantomData)
    }
}

/// What sums of products are kept in: a vector register, or two side by side. Who has one, or a [`Width`], is on a machine
/// that has its instructions.
pub(super) trait Register: Copy {
    type Element: Copy + Default;
    const LANES: usize;

    /// One element in all lanes.
    fn splat(width: Width<Self>, element: Self::Element) -> Self;
    /// The first elements of a slice, which has as many at least.
    fn load(width: Width<Self>, from: &[Self::Element]) -> Self;
    /// All of a slice that has fewer elements, and zeros. The first of two registers is full.
    fn load_few(width: Width<Self>, from: &[Self::Element]) -> Self;
    /// Writes the first elements of a slice, which has as many at least.
    fn store(self, to: &mut [Self::Element]);
    /// Writes all of a slice that has fewer elements. The first of two registers is full.
    fn store_few(self, to: &mut [Self::Element]);

    fn plus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    /// `self + a * b`, rounded once where the machine can.
    fn plus_product(self, a: Self, b: Self) -> Self;
    /// The larger of the two; what is no number stays so.
    fn at_least(self, low: Self) -> Self;
    /// The smaller of the two; what is no number stays so.
    fn at_most(self, high: Self) -> Self;

    #[inline(always)]
    fn zero(width: Width<Self>) -> Self {
        Self::splat(width, Self::Element::default())
    }
}

/// A vector register.
pub(super) trait Vector: Register {
    fn minus(self, other: Self) -> Self;

    /// The elements of both in turn: those of the first halves, and those of the second ones.
    fn zipped(self, other: Self) -> [Self; 2];

    /// The first elements of a slice, and zeros where there are fewer.
    #[inline(always)]
    fn load_some(width: Width<Self>, from: &[Self::Element]) -> Self {
        match from.len() < Self::LANES {
            true => Self::load_few(width, from),
            false => Self::load(width, from),
        }
    }

    /// The elements of a slice from one on, which has as many at least.
    #[inline(always)]
    fn load_at(width: Width<Self>, from: &[Self::Element], first: usize) -> Self {
        assert!(from.len() >= Self::LANES && first <= from.len() - Self::LANES);
        // SAFETY: there are enough elements (asserted).
        #[allow(unsafe_code)]
        let from = unsafe { from.get_unchecked(first..first + Self::LANES) };
        Self::load(width, from)
    }

    /// Writes the first elements of a slice, or all where it has fewer.
    #[inline(always)]
    fn store_some(self, to: &mut [Self::Element]) {
        match to.len() < Self::LANES {
            true => self.store_few(to),
            false => self.store(to),
        }
    }

    /// Writes the elements of a slice from one on, which has as many at least.
    #[inline(always)]
    fn store_at(self, to: &mut [Self::Element], first: usize) {
        assert!(to.len() >= Self::LANES && first <= to.len() - Self::LANES);
        // SAFETY: as above.
        #[allow(unsafe_code)]
        let to = unsafe { to.get_unchecked_mut(first..first + Self::LANES) };
        self.store(to);
    }
}

/// Vectors of a slice that begin where rows and columns at equal distances cross, of which only some are there.
pub(super) struct Grid<'a, V: Vector> {
    first: *const V::Element,
    steps: [isize; 2],
    inside: [Range<usize>; 2],
    span: usize,
    width: Width<V>,
    from: PhantomData<&'a [V::Element]>,
}

impl<'a, V: Vector> Grid<'a, V> {
    /// The 0th row and column cross at `first`, which may lie outside; from row to row and from column to column it is so many
    /// elements. At each crossing of those that are `inside`, `span` elements are there.
    #[inline(always)]
    pub(super) fn new(
        width: Width<V>,
        from: &'a [V::Element],
        first: isize,
        steps: [isize; 2],
        inside: [Range<usize>; 2],
        span: usize,
    ) -> Self {
        let [rows, columns] = &inside;
        let is_there = |row: usize, column: usize| {
            let down = steps[0].checked_mul(row as isize)?;
            let right = steps[1].checked_mul(column as isize)?;
            let start = first.checked_add(down)?.checked_add(right)?;
            let end = usize::try_from(start).ok()?.checked_add(span)?;
            (end <= from.len()).then_some(())
        };
        // All others lie between the four corners.
        if !rows.is_empty() && !columns.is_empty() {
            for row in [rows.start, rows.end - 1] {
                for column in [columns.start, columns.end - 1] {
                    assert!(is_there(row, column).is_some());
                }
            }
        }
        assert!(span >= V::LANES);
        Grid {
            first: from.as_ptr().wrapping_offset(first),
            steps,
            inside,
            span,
            width,
            from: PhantomData,
        }
    }

    /// Whether vectors of a row are there.
    #[inline(always)]
    pub(super) fn has_row(&self, row: usize) -> bool {
        self.inside[0].contains(&row)
    }

    /// The same where all of the first rows and columns, so many of each, are there: nothing is asked of each crossing then.
    #[inline(always)]
    pub(super) fn whole(&self, side: usize) -> Option<Self> {
        let is_whole = self.inside.iter().all(|inside| *inside == (0..side));
        is_whole.then_some(Grid {
            inside: [0..side, 0..side],
            ..*self
        })
    }

    /// The vector from element `at` of a crossing on, if that is there.
    #[inline(always)]
    pub(super) fn get(&self, row: usize, column: usize, at: usize) -> Option<V> {
        if !self.inside[0].contains(&row) || !self.inside[1].contains(&column) {
            return None;
        }
        assert!(at <= self.span - V::LANES);
        let crossing = row as isize * self.steps[0] + column as isize * self.steps[1];
        let first = self.first.wrapping_offset(crossing).wrapping_add(at);
        // SAFETY: the crossings at the corners of those that are there have `span` elements (asserted), and so have all
        // between; they are borrowed as long as the grid is.
        #[allow(unsafe_code)]
        let from = unsafe { std::slice::from_raw_parts(first, V::LANES) };
        Some(V::load(self.width, from))
    }
}

/// A loop over vectors of any width. `run` must be `#[inline(always)]`, so that it is compiled with the features of its caller.
pub(super) trait VectorLoop<T> {
    type Output;
    fn run<V: Vector<Element = T>>(self, width: Width<V>) -> Self::Output;
}

/// Types that there are vectors of.
pub(super) trait Vectors: Sized {
    /// Runs a loop with the widest vectors of the machine.
    fn with_vectors<L: VectorLoop<Self>>(work: L) -> L::Output;
}

/// Two registers side by side.
impl<A: Register, B: Register<Element = A::Element>> Register for (A, B) {
    type Element = A::Element;
    const LANES: usize = A::LANES + B::LANES;
    #[inline(always)]
    fn splat(width: Width<Self>, element: A::Element) -> Self {
        let (a, b) = width.both();
        (A::splat(a, element), B::splat(b, element))
    }
    #[inline(always)]
    fn load(width: Width<Self>, from: &[A::Element]) -> Self {
        let (a, b) = width.both();
        (A::load(a, from), B::load(b, &from[A::LANES..]))
    }
    #[inline(always)]
    fn load_few(width: Width<Self>, from: &[A::Element]) -> Self {
        let (a, b) = width.both();
        (A::load(a, from), B::load_few(b, &from[A::LANES..]))
    }
    #[inline(always)]
    fn store(self, to: &mut [A::Element]) {
        self.0.store(to);
        self.1.store(&mut to[A::LANES..]);
    }
    #[inline(always)]
    fn store_few(self, to: &mut [A::Element]) {
        self.0.store(to);
        self.1.store_few(&mut to[A::LANES..]);
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        (self.0.plus(other.0), self.1.plus(other.1))
    }
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        (self.0.times(other.0), self.1.times(other.1))
    }
    #[inline(always)]
    fn plus_product(self, a: Self, b: Self) -> Self {
        (self.0.plus_product(a.0, b.0), self.1.plus_product(a.1, b.1))
    }
    #[inline(always)]
    fn at_least(self, low: Self) -> Self {
        (self.0.at_least(low.0), self.1.at_least(low.1))
    }
    #[inline(always)]
    fn at_most(self, high: Self) -> Self {
        (self.0.at_most(high.0), self.1.at_most(high.1))
    }
}

/// Vectors that every machine has: arrays, of which the compiler makes what it can. Loops over indices, as `from_fn` and
/// iterators are functions of their own, which would be compiled for each kernel.
impl<T: Float + Default, const N: usize> Register for [T; N] {
    type Element = T;
    const LANES: usize = N;
    #[inline(always)]
    fn splat(_: Width<Self>, element: T) -> Self {
        [element; N]
    }
    #[inline(always)]
    fn load(_: Width<Self>, from: &[T]) -> Self {
        *from.first_chunk().expect("there are as many")
    }
    #[inline(always)]
    fn load_few(width: Width<Self>, from: &[T]) -> Self {
        let mut few = Self::zero(width);
        few[..from.len()].copy_from_slice(from);
        few
    }
    #[inline(always)]
    fn store(self, to: &mut [T]) {
        *to.first_chunk_mut().expect("there are as many") = self;
    }
    #[inline(always)]
    fn store_few(self, to: &mut [T]) {
        to.copy_from_slice(&self[..to.len()]);
    }
    #[inline(always)]
    fn plus(mut self, other: Self) -> Self {
        for i in 0..N {
            self[i] = self[i] + other[i];
        }
        self
    }
    #[inline(always)]
    fn times(mut self, other: Self) -> Self {
        for i in 0..N {
            self[i] = self[i] * other[i];
        }
        self
    }
    #[inline(always)]
    fn plus_product(mut self, a: Self, b: Self) -> Self {
        for i in 0..N {
            // Where it is not an instruction, a fused multiply-add is a slow function.
            self[i] = match cfg!(target_arch = "aarch64") {
                true => a[i].mul_add(b[i], self[i]),
                false => self[i] + a[i] * b[i],
            };
        }
        self
    }
    #[inline(always)]
    fn at_least(mut self, low: Self) -> Self {
        for i in 0..N {
            self[i] = if low[i] > self[i] { low[i] } else { self[i] };
        }
        self
    }
    #[inline(always)]
    fn at_most(mut self, high: Self) -> Self {
        for i in 0..N {
            self[i] = if high[i] < self[i] { high[i] } else { self[i] };
        }
        self
    }
}

impl<T: Float + Default, const N: usize> Vector for [T; N] {
    #[inline(always)]
    fn minus(mut self, other: Self) -> Self {
        for i in 0..N {
            self[i] = self[i] - other[i];
        }
        self
    }
    #[inline(always)]
    fn zipped(self, other: Self) -> [Self; 2] {
        let mut both = [self; 2];
        for i in 0..2 * N {
            both[i / N][i % N] = match i % 2 {
                0 => self[i / 2],
                _ => other[i / 2],
            };
        }
        both
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::*;
    use std::arch::x86_64::*;

    macro_rules! vector {
        ($vector:ty, $element:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident,
         |$at:ident, $count:ident, $value:ident| ($load_few:expr, $store_few:expr),
         $plus:ident, $minus:ident, $times:ident, $fma:ident, $max:ident, $min:ident, $zipped:ident) => {
            // SAFETY (of each): there is a vector or a width, so the machine has the instruction.
            #[allow(unsafe_code)]
            impl Register for $vector {
                type Element = $element;
                const LANES: usize = $lanes;
                #[inline(always)]
                fn splat(_: Width<Self>, element: $element) -> Self {
                    unsafe { $splat(element) }
                }
                // SAFETY (of these four): besides, the slice has so many elements.
                #[inline(always)]
                fn load(_: Width<Self>, from: &[$element]) -> Self {
                    assert!(from.len() >= $lanes);
                    unsafe { $load(from.as_ptr()) }
                }
                #[inline(always)]
                fn load_few(_: Width<Self>, from: &[$element]) -> Self {
                    let ($at, $count) = (from.as_ptr(), from.len().min($lanes));
                    unsafe { $load_few }
                }
                #[inline(always)]
                fn store(self, to: &mut [$element]) {
                    assert!(to.len() >= $lanes);
                    unsafe { $store(to.as_mut_ptr(), self) }
                }
                #[inline(always)]
                fn store_few(self, to: &mut [$element]) {
                    let ($at, $count, $value) = (to.as_mut_ptr(), to.len().min($lanes), self);
                    unsafe { $store_few }
                }
                #[inline(always)]
                fn plus(self, other: Self) -> Self {
                    unsafe { $plus(self, other) }
                }
                #[inline(always)]
                fn times(self, other: Self) -> Self {
                    unsafe { $times(self, other) }
                }
                #[inline(always)]
                fn plus_product(self, a: Self, b: Self) -> Self {
                    unsafe { $fma(a, b, self) }
                }
                // Of these two instructions, the second operand is the result where either is no number.
                #[inline(always)]
                fn at_least(self, low: Self) -> Self {
                    unsafe { $max(low, self) }
                }
                #[inline(always)]
                fn at_most(self, high: Self) -> Self {
                    unsafe { $min(high, self) }
                }
            }

            // SAFETY (of both): as above.
            #[allow(unsafe_code)]
            impl Vector for $vector {
                #[inline(always)]
                fn minus(self, other: Self) -> Self {
                    unsafe { $minus(self, other) }
                }
                #[inline(always)]
                fn zipped(self, other: Self) -> [Self; 2] {
                    unsafe { $zipped(self, other) }
                }
            }
        };
    }

    /// The mask of the first lanes.
    #[inline]
    fn first_of_sixteen(count: usize) -> __mmask16 {
        ((1_u32 << count) - 1) as __mmask16
    }

    /// The mask of the first lanes.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn first_of_eight(count: usize) -> __m256i {
        let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lanes)
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn first_of_four(count: usize) -> __m256i {
        let lanes = _mm256_setr_epi64x(0, 1, 2, 3);
        _mm256_cmpgt_epi64(_mm256_set1_epi64x(count as i64), lanes)
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn zipped_16(a: __m512, b: __m512) -> [__m512; 2] {
        let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        let high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
        let first = _mm512_permutex2var_ps(a, low, b);
        [first, _mm512_permutex2var_ps(a, high, b)]
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn zipped_8(a: __m256, b: __m256) -> [__m256; 2] {
        let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
        let first = _mm256_permute2f128_ps::<0x20>(low, high);
        [first, _mm256_permute2f128_ps::<0x31>(low, high)]
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn zipped_4(a: __m256d, b: __m256d) -> [__m256d; 2] {
        let (low, high) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
        let first = _mm256_permute2f128_pd::<0x20>(low, high);
        [first, _mm256_permute2f128_pd::<0x31>(low, high)]
    }

    vector!(
        __m512,
        f32,
        16,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        |at, count, value| (
            _mm512_maskz_loadu_ps(first_of_sixteen(count), at),
            _mm512_mask_storeu_ps(at, first_of_sixteen(count), value)
        ),
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_mul_ps,
        _mm512_fmadd_ps,
        _mm512_max_ps,
        _mm512_min_ps,
        zipped_16
    );
    vector!(
        __m256,
        f32,
        8,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        |at, count, value| (
            _mm256_maskload_ps(at, first_of_eight(count)),
            _mm256_maskstore_ps(at, first_of_eight(count), value)
        ),
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_mul_ps,
        _mm256_fmadd_ps,
        _mm256_max_ps,
        _mm256_min_ps,
        zipped_8
    );
    vector!(
        __m256d,
        f64,
        4,
        _mm256_set1_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        |at, count, value| (
            _mm256_maskload_pd(at, first_of_four(count)),
            _mm256_maskstore_pd(at, first_of_four(count), value)
        ),
        _mm256_add_pd,
        _mm256_sub_pd,
        _mm256_mul_pd,
        _mm256_fmadd_pd,
        _mm256_max_pd,
        _mm256_min_pd,
        zipped_4
    );

    #[target_feature(enable = "avx512f,avx2,fma")]
    fn avx512<L: VectorLoop<f32>>(work: L) -> L::Output {
        work.run(Width::<__m512>(PhantomData))
    }

    #[target_feature(enable = "avx2,fma")]
    fn avx2<T, V: Vector<Element = T>, L: VectorLoop<T>>(work: L) -> L::Output {
        work.run(Width::<V>(PhantomData))
    }

    // SAFETY (of all calls): the level says that the machine has the features that the function is compiled for.
    #[allow(unsafe_code)]
    impl Vectors for f32 {
        fn with_vectors<L: VectorLoop<f32>>(work: L) -> L::Output {
            match level() {
                Level::Avx512 => unsafe { avx512(work) },
                Level::Avx2 => unsafe { avx2::<f32, __m256, L>(work) },
                Level::Portable => work.run(Width::<[f32; 4]>::default()),
            }
        }
    }

    #[allow(unsafe_code)]
    impl Vectors for f64 {
        fn with_vectors<L: VectorLoop<f64>>(work: L) -> L::Output {
            match level() {
                Level::Portable => work.run(Width::<[f64; 4]>::default()),
                // Rarely wanted: not compiled a third time.
                Level::Avx2 | Level::Avx512 => unsafe { avx2::<f64, __m256d, L>(work) },
            }
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl<T: Float> Vectors for T {
    fn with_vectors<L: VectorLoop<T>>(work: L) -> L::Output {
        work.run(Width::<[T; 4]>::default())
    }
}
