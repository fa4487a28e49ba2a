//! Element types, decided at run time.

use half::{bf16, f16};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

use crate::{Error, Result, registry};

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DType {
    /// 32-bit float, Keras's default.
    #[default]
    F32,
    /// 64-bit float.
    F64,
    /// 16-bit IEEE float.
    F16,
    /// 16-bit float with the exponent of `F32`.
    BF16,
    /// 8-bit signed integer.
    I8,
    /// 16-bit signed integer.
    I16,
    /// 32-bit signed integer.
    I32,
    /// 64-bit signed integer.
    I64,
    /// 8-bit unsigned integer.
    U8,
    /// 16-bit unsigned integer.
    U16,
    /// 32-bit unsigned integer.
    U32,
    /// 64-bit unsigned integer.
    U64,
    /// Truth value, stored as a byte that is 0 or 1.
    Bool,
}

/// Every dtype with the name that Keras gives it.
const NAMES: [(DType, &str); 13] = [
    (DType::F32, "float32"),
    (DType::F64, "float64"),
    (DType::F16, "float16"),
    (DType::BF16, "bfloat16"),
    (DType::I8, "int8"),
    (DType::I16, "int16"),
    (DType::I32, "int32"),
    (DType::I64, "int64"),
    (DType::U8, "uint8"),
    (DType::U16, "uint16"),
    (DType::U32, "uint32"),
    (DType::U64, "uint64"),
    (DType::Bool, "bool"),
];

impl DType {
    /// Bytes an element takes.
    pub fn size(self) -> usize {
        match self {
            DType::I8 | DType::U8 | DType::Bool => 1,
            DType::F16 | DType::BF16 | DType::I16 | DType::U16 => 2,
            DType::F32 | DType::I32 | DType::U32 => 4,
            DType::F64 | DType::I64 | DType::U64 => 8,
        }
    }

    /// Whether this is one of the four float types.
    pub fn is_float(self) -> bool {
        self.is_half() || matches!(self, DType::F32 | DType::F64)
    }

    /// Whether this is one of the two 16-bit floats, which kernels compute in `F32`.
    pub fn is_half(self) -> bool {
        matches!(self, DType::F16 | DType::BF16)
    }

    /// Keras's name for the type: `"float32"`.
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(d, _)| *d == self)
            .expect("every dtype has a name")
            .1
    }

    /// The type that an operation on `self` and `other` computes in, by Keras's rules.
    ///
    /// Integers give way to floats whatever their width; the two 16-bit floats meet in `float32`.
    pub fn promote(self, other: DType) -> DType {
        if self == other {
            return self;
        }
        match (self.is_float(), other.is_float()) {
            (true, false) => self,
            (false, true) => other,
            (true, true) if self.size() == other.size() => DType::F32,
            (true, true) => {
                if self.size() > other.size() {
                    self
                } else {
                    other
                }
            }
            (false, false) => promote_integers(self, other),
        }
    }

    /// The type that Python's float literal takes beside a tensor of this type.
    pub fn with_float_literal(self) -> DType {
        if self.is_float() { self } else { DType::F32 }
    }

    /// The type that Python's int literal takes beside a tensor of this type.
    pub fn with_int_literal(self) -> DType {
        if self == DType::Bool {
            DType::I32
        } else {
            self
        }
    }

    fn is_signed(self) -> bool {
        matches!(self, DType::I8 | DType::I16 | DType::I32 | DType::I64)
    }
}

fn promote_integers(a: DType, b: DType) -> DType {
    if a == DType::Bool {
        return b;
    }
    if b == DType::Bool {
        return a;
    }
    if a.is_signed() == b.is_signed() {
        return if a.size() > b.size() { a } else { b };
    }
    let (signed, unsigned) = if a.is_signed() { (a, b) } else { (b, a) };
    match signed.size().max(unsigned.size() * 2) {
        2 => DType::I16,
        4 => DType::I32,
        8 => DType::I64,
        _ => DType::F32,
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for DType {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for DType {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(d)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for DType {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        NAMES
            .iter()
            .find(|(_, name)| *name == s)
            .map(|(d, _)| *d)
            .ok_or_else(|| registry::unknown("dtype", s, NAMES.iter().map(|(_, name)| *name)))
    }
}

/// A Rust type that tensors store as it is.
pub trait Element: bytemuck::Pod + PartialOrd + Send + Sync + fmt::Debug + 'static {
    /// The dtype of tensors of this type.
    const DTYPE: DType;
    /// The nearest `f64`.
    fn to_f64(self) -> f64;
    /// The nearest value of this type; integers are cut toward zero.
    fn from_f64(v: f64) -> Self;
    /// The value as `i64`, cut toward zero.
    fn to_i64(self) -> i64;
    /// The value from an `i64`, wrapping where it does not fit.
    fn from_i64(v: i64) -> Self;
}

macro_rules! element {
    ($($t:ty => $d:ident),*) => {$(
        impl Element for $t {
            const DTYPE: DType = DType::$d;
            #[inline(always)]
            fn to_f64(self) -> f64 { self as f64 }
            #[inline(always)]
            fn from_f64(v: f64) -> Self { v as $t }
            #[inline(always)]
            fn to_i64(self) -> i64 { self as i64 }
            #[inline(always)]
            fn from_i64(v: i64) -> Self { v as $t }
        }
    )*};
}
element!(f32 => F32, f64 => F64, i8 => I8, i16 => I16, i32 => I32, i64 => I64, u8 => U8, u16 => U16, u32 => U32, u64 => U64);

macro_rules! half_element {
    ($($t:ty => $d:ident),*) => {$(
        impl Element for $t {
            const DTYPE: DType = DType::$d;
            #[inline(always)]
            fn to_f64(self) -> f64 { self.to_f64() }
            #[inline(always)]
            fn from_f64(v: f64) -> Self { <$t>::from_f64(v) }
            #[inline(always)]
            fn to_i64(self) -> i64 { self.to_f64() as i64 }
            #[inline(always)]
            fn from_i64(v: i64) -> Self { <$t>::from_f64(v as f64) }
        }
    )*};
}
half_element!(f16 => F16, bf16 => BF16);

/// A Rust type that tensors can be made of and read as: every [`Element`], and `bool`.
pub trait Scalar: Copy + 'static {
    /// How it is stored.
    type Stored: Element;
    /// The dtype of tensors of this type.
    const DTYPE: DType;
    /// To the stored form.
    fn store(self) -> Self::Stored;
    /// From the stored form.
    fn load(stored: Self::Stored) -> Self;
}

impl<T: Element> Scalar for T {
    type Stored = T;
    const DTYPE: DType = T::DTYPE;
    #[inline(always)]
    fn store(self) -> T {
        self
    }
    #[inline(always)]
    fn load(stored: T) -> T {
        stored
    }
}

impl Scalar for bool {
    type Stored = u8;
    const DTYPE: DType = DType::Bool;
    #[inline(always)]
    fn store(self) -> u8 {
        self as u8
    }
    #[inline(always)]
    fn load(stored: u8) -> bool {
        stored != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promotion_follows_keras() {
        use DType::*;
        for (a, b, wanted) in [
            (F32, I64, F32),
            (F16, BF16, F32),
            (F16, I32, F16),
            (F64, F32, F64),
            (I8, U8, I16),
            (I32, U32, I64),
            (I64, U64, F32),
            (Bool, U8, U8),
            (I32, I64, I64),
        ] {
            assert_eq!(a.promote(b), wanted, "{a} with {b}");
            assert_eq!(b.promote(a), wanted, "{b} with {a}");
        }
    }

    #[test]
    fn unknown_name_suggests_the_nearest() {
        let message = "flaot32".parse::<DType>().unwrap_err().to_string();
        assert_eq!(
            message,
            "unknown dtype \"flaot32\"; did you mean \"float32\"?"
        );
    }
}
