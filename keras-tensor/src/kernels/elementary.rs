//! Exponentials and what is made of them.
//!
//! In float32 they are polynomials without branches, so that loops over them become vectors. Every step is rounded as IEEE
//! 754 says, so that an element comes out the same in a vector and alone.

/// Functions that kernels compute for each float type in its precision.
pub(super) trait Elementary: Sized {
    fn exp(x: Self) -> Self;
    fn tanh(x: Self) -> Self;
    /// `1 / (1 + exp(-x))`.
    fn sigmoid(x: Self) -> Self;
    /// `log(1 + exp(x))` without overflow.
    fn softplus(x: Self) -> Self;
    /// The error function.
    fn erf(x: Self) -> Self;
}

impl Elementary for f64 {
    #[inline(always)]
    fn exp(x: f64) -> f64 {
        x.exp()
    }

    #[inline(always)]
    fn tanh(x: f64) -> f64 {
        x.tanh()
    }

    #[inline(always)]
    fn sigmoid(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    #[inline(always)]
    fn softplus(x: f64) -> f64 {
        let positive = if x > 0.0 { x } else { 0.0 };
        positive + (-x.abs()).exp().ln_1p()
    }

    #[inline(always)]
    fn erf(x: f64) -> f64 {
        libm::erf(x)
    }
}

/// Added and subtracted, it rounds to integers; the sum holds them in its last bits.
const ROUNDER: f32 = 12_582_912.0;
/// The natural logarithm of 2 in so few bits that integers times it are exact, and the rest of it.
const LN_2: f32 = 355.0 / 512.0;
const LN_2_REST: f32 = (std::f64::consts::LN_2 - LN_2 as f64) as f32;

/// The coefficients, from the constant one on, of polynomials of least largest error (Remez, 1934).
///
/// `(exp(r) - 1 - r) / r^2` for `|r| <= log(2) / 2`, to 3e-9 of `exp(r)`.
const EXP: [f32; 5] = [
    0.499_999_934_373_749_5,
    0.166_665_204_788_700_6,
    0.041_668_389_910_810_29,
    0.008_368_735_484_204_302,
    0.001_381_455_602_863_975_5,
];
/// `(tanh(x) / x - 1) / x^2` of `x^2`, for `|x| < 0.625`, to 4e-9 of `tanh(x)`.
const TANH: [f32; 5] = [
    -0.333_332_839_245_362_3,
    0.133_314_912_737_660_2,
    -0.053_743_497_288_351_69,
    0.020_650_585_330_612_342,
    -0.005_717_043_313_535_616,
];
/// `(atanh(s) / s - 1) / s^2` of `s^2`, for `|s| <= 1 / 3`, to 1e-10 of `atanh(s)`.
const ATANH: [f32; 5] = [
    0.333_333_378_109_937_9,
    0.199_994_388_719_617_4,
    0.143_084_423_807_133_5,
    0.107_138_291_541_570_51,
    0.121_504_664_095_551_79,
];
/// `erf(x) / x - 1` of `x^2`, for `|x| < 1`, to 2e-9 of `erf(x)`.
const ERF: [f32; 7] = [
    0.128_379_167_095_512_57,
    -0.376_126_307_194_738_44,
    0.112_836_298_756_892_68,
    -0.026_855_484_013_103_11,
    0.005_191_291_543_993_351,
    -0.000_803_502_969_169_672_9,
    0.000_079_331_026_580_046_81,
];
/// `-log(1 - erf(x))` for `1 <= x <= 3.95`, to 3e-11 of `erf(x)`.
const ERFC: [f32; 8] = [
    -0.000_188_035_469_382_597_43,
    1.129_578_403_236_594_5,
    0.633_219_932_205_358_4,
    0.108_418_537_641_997_64,
    -0.025_208_233_027_996_272,
    0.004_204_553_540_570_224,
    -0.000_441_334_782_200_279_9,
    0.000_021_686_721_783_167_166,
];

#[inline(always)]
fn polynomial<const N: usize>(coefficients: &[f32; N], x: f32) -> f32 {
    let mut y = coefficients[N - 1];
    for i in (0..N - 1).rev() {
        y = y.mul_add(x, coefficients[i]);
    }
    y
}

/// `2^n`, for exponents of normal floats.
#[inline(always)]
fn power_of_2(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) << 23) as u32)
}

impl Elementary for f32 {
    #[inline(always)]
    fn exp(x: f32) -> f32 {
        // Beyond are 0 and infinity. NaN stays.
        let x = if x < -104.0 { -104.0 } else { x };
        let x = if x > 89.0 { 89.0 } else { x };
        // x = n log(2) + r, where r is a difference so that 1 + r + .. loses less.
        let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUNDER);
        let n = shifted - ROUNDER;
        let (most, rest) = (n.mul_add(-LN_2, x), n * LN_2_REST);
        let r = most - rest;
        let power = polynomial(&EXP, r).mul_add(r * r, -rest) + most + 1.0;
        // In two steps, as 2^n alone may be no normal float.
        let n = (shifted.to_bits() as i32).wrapping_sub(ROUNDER.to_bits() as i32);
        let half = n >> 1;
        power * power_of_2(half) * power_of_2(n.wrapping_sub(half))
    }

    #[inline(always)]
    fn tanh(x: f32) -> f32 {
        let z = x * x;
        let near = (polynomial(&TANH, z) * z).mul_add(x, x);
        let e = <f32 as Elementary>::exp(2.0 * x.abs());
        let far = 1.0 - 2.0 / (e + 1.0);
        let y = if x.abs() < 0.625 { near } else { far };
        y.copysign(x)
    }

    #[inline(always)]
    fn sigmoid(x: f32) -> f32 {
        let e = <f32 as Elementary>::exp(-x.abs());
        let above = if x < 0.0 { e } else { 1.0 };
        let below = 1.0 + e;
        // The quotient, and what it lacks as the sum and it were rounded.
        let inverse = 1.0 / below;
        let y = above * inverse;
        let lack = (-y).mul_add(e - (below - 1.0), (-y).mul_add(below, above));
        lack.mul_add(inverse, y)
    }

    #[inline(always)]
    fn softplus(x: f32) -> f32 {
        let e = <f32 as Elementary>::exp(-x.abs());
        // log(1 + e) = 2 atanh(s) for s = e / (2 + e), and 2 s = e - s e.
        let s = e / (2.0 + e);
        let z = s * s;
        let log = (e - 2.0 * z * polynomial(&ATANH, z)).mul_add(-s, e);
        let positive = if x > 0.0 { x } else { 0.0 };
        positive + log
    }

    #[inline(always)]
    fn erf(x: f32) -> f32 {
        let near = polynomial(&ERF, x * x).mul_add(x, x);
        let a = x.abs();
        let a = if a > 4.0 { 4.0 } else { a };
        let e = <f32 as Elementary>::exp(-polynomial(&ERFC, a));
        let far = (1.0 - e).copysign(x);
        if x.abs() < 1.0 { near } else { far }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every float of some thousand mantissas in every exponent, of either sign, and what is no number.
    fn everywhere() -> impl Iterator<Item = f32> {
        let step = if cfg!(debug_assertions) { 4_099 } else { 61 };
        (0..=u32::MAX).step_by(step).map(f32::from_bits).chain([
            0.0,
            -0.0,
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MIN_POSITIVE,
            f32::from_bits(1),
        ])
    }

    /// Distances in units of the last place of the float that is nearest to the exact value.
    fn check(name: &str, limit: f64, f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) {
        let mut worst = (0.0, 0.0);
        for x in everywhere() {
            let (got, wanted) = (f(x), exact(x as f64));
            let nearest = wanted as f32;
            if wanted.is_nan() || nearest.is_infinite() || wanted == 0.0 {
                let same = got == nearest || (got.is_nan() && nearest.is_nan());
                let sign = got.is_nan() || got.is_sign_negative() == nearest.is_sign_negative();
                assert!(same && sign, "{name}({x:e}) = {got:e}, wanted {wanted:e}");
                continue;
            }
            let above = f32::from_bits(nearest.abs().to_bits() + 1);
            let unit = above as f64 - nearest.abs() as f64;
            let distance = (got as f64 - wanted).abs() / unit;
            if distance.is_nan() || distance > worst.0 {
                worst = (distance, x);
            }
        }
        assert!(worst.0 <= limit, "{name}: {worst:?}");
    }

    #[test]
    fn float32_is_within_two_units_of_the_last_place() {
        check("exp", 1.0, <f32 as Elementary>::exp, f64::exp);
        check("tanh", 1.5, <f32 as Elementary>::tanh, f64::tanh);
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        check("sigmoid", 2.0, <f32 as Elementary>::sigmoid, sigmoid);
        check(
            "softplus",
            2.0,
            <f32 as Elementary>::softplus,
            <f64 as Elementary>::softplus,
        );
        check("erf", 1.5, <f32 as Elementary>::erf, libm::erf);
    }
}
