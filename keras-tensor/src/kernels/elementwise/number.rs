//! What arithmetic on a type of elements means.

use num_traits::Float;

use crate::dtype::Element;

/// What arithmetic on a type means beyond Rust's own operators.
pub(in crate::kernels) trait Number: Element + Copy + PartialOrd {
    fn add(self, o: Self) -> Self;
    fn sub(self, o: Self) -> Self;
    fn mul(self, o: Self) -> Self;
    fn div(self, o: Self) -> Self;
    fn pow(self, o: Self) -> Self;
    fn rem(self, o: Self) -> Self;
    fn floor_div(self, o: Self) -> Self;
    fn max(self, o: Self) -> Self;
    fn min(self, o: Self) -> Self;
    fn neg(self) -> Self;
    fn abs(self) -> Self;
    fn sign(self) -> Self;
    const ZERO: Self;
    const ONE: Self;
    const LOWEST: Self;
    const HIGHEST: Self;
}

macro_rules! float_number {
    ($($t:ty),*) => {$(
        impl Number for $t {
            #[inline(always)] fn add(self, o: Self) -> Self { self + o }
            #[inline(always)] fn sub(self, o: Self) -> Self { self - o }
            #[inline(always)] fn mul(self, o: Self) -> Self { self * o }
            #[inline(always)] fn div(self, o: Self) -> Self { self / o }
            #[inline(always)] fn pow(self, o: Self) -> Self { self.powf(o) }
            #[inline(always)] fn rem(self, o: Self) -> Self { let r = self % o; if r != 0.0 && (r < 0.0) != (o < 0.0) { r + o } else { r } }
            #[inline(always)] fn floor_div(self, o: Self) -> Self { (self / o).floor() }
            // NaN wins, as in NumPy and TensorFlow. With a constant for `o`, each is one instruction.
            #[inline(always)] fn max(self, o: Self) -> Self { if o > self || o.is_nan() { o } else { self } }
            #[inline(always)] fn min(self, o: Self) -> Self { if o < self || o.is_nan() { o } else { self } }
            #[inline(always)] fn neg(self) -> Self { -self }
            #[inline(always)] fn abs(self) -> Self { Float::abs(self) }
            #[inline(always)] fn sign(self) -> Self { if self > 0.0 { 1.0 } else if self < 0.0 { -1.0 } else { self } }
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const LOWEST: Self = Self::NEG_INFINITY;
            const HIGHEST: Self = Self::INFINITY;
        }
    )*};
}
float_number!(f32, f64);

macro_rules! integer_number {
    ($($t:ty),*) => {$(
        impl Number for $t {
            #[inline(always)] fn add(self, o: Self) -> Self { self.wrapping_add(o) }
            #[inline(always)] fn sub(self, o: Self) -> Self { self.wrapping_sub(o) }
            #[inline(always)] fn mul(self, o: Self) -> Self { self.wrapping_mul(o) }
            // Division by zero gives 0: there is no NaN to give.
            #[inline(always)] fn div(self, o: Self) -> Self { self.checked_div(o).unwrap_or(0) }
            #[inline(always)] fn pow(self, o: Self) -> Self { integer_power(self, o.to_i64()) }
            #[inline(always)] fn rem(self, o: Self) -> Self {
                let r = self.checked_rem(o).unwrap_or(0);
                if r != 0 && (r < Self::ZERO) != (o < Self::ZERO) { r.wrapping_add(o) } else { r }
            }
            #[inline(always)] fn floor_div(self, o: Self) -> Self {
                let q = Number::div(self, o);
                let r = self.checked_rem(o).unwrap_or(0);
                if r != 0 && (r < Self::ZERO) != (o < Self::ZERO) { q.wrapping_sub(1) } else { q }
            }
            #[inline(always)] fn max(self, o: Self) -> Self { Ord::max(self, o) }
            #[inline(always)] fn min(self, o: Self) -> Self { Ord::min(self, o) }
            #[inline(always)] fn neg(self) -> Self { self.wrapping_neg() }
            #[inline(always)] fn abs(self) -> Self { if self < Self::ZERO { self.wrapping_neg() } else { self } }
            #[inline(always)] fn sign(self) -> Self { if self > Self::ZERO { 1 } else if self < Self::ZERO { (0 as $t).wrapping_sub(1) } else { 0 } }
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const LOWEST: Self = <$t>::MIN;
            const HIGHEST: Self = <$t>::MAX;
        }
    )*};
}
integer_number!(i32, i64, u8);

fn integer_power<T: Number>(base: T, exponent: i64) -> T {
    if exponent < 0 {
        return if base == T::ONE { T::ONE } else { T::ZERO };
    }
    let mut result = T::ONE;
    let mut factor = base;
    let mut e = exponent;
    while e > 0 {
        if e % 2 == 1 {
            result = Number::mul(result, factor);
        }
        factor = Number::mul(factor, factor);
        e /= 2;
    }
    result
}
