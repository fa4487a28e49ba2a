//! Element types of HDF5 as dtypes.

use hdf5_pure::{Datatype, DatatypeByteOrder, FixedPointLayout, FloatingPointLayout};
use keras_tensor::{DType, Result};

use crate::limits::format_error;

/// The dtype of stored numbers, and whether their bytes are in the other order.
pub(super) fn dtype_of(what: &str, stored: &Datatype) -> Result<(DType, bool)> {
    let dtype = match stored {
        Datatype::FloatingPoint { size, layout, .. } => match (size, layout.exponent_size) {
            (2, 5) => DType::F16,
            (2, 8) => DType::BF16,
            (4, 8) => DType::F32,
            (8, 11) => DType::F64,
            _ => return Err(unknown(what, stored)),
        },
        Datatype::FixedPoint { size, layout, .. } => match (size, layout.signed) {
            (1, true) => DType::I8,
            (2, true) => DType::I16,
            (4, true) => DType::I32,
            (8, true) => DType::I64,
            (1, false) => DType::U8,
            (2, false) => DType::U16,
            (4, false) => DType::U32,
            (8, false) => DType::U64,
            _ => return Err(unknown(what, stored)),
        },
        // What h5py makes of a boolean, and of a bfloat16.
        Datatype::Enumeration { size: 1, .. } => DType::Bool,
        Datatype::Opaque { size: 2, .. } => DType::BF16,
        _ => return Err(unknown(what, stored)),
    };
    let order = match stored {
        Datatype::FloatingPoint { byte_order, .. } | Datatype::FixedPoint { byte_order, .. } => {
            *byte_order
        }
        _ => DatatypeByteOrder::LittleEndian,
    };
    match order {
        DatatypeByteOrder::LittleEndian => Ok((dtype, false)),
        DatatypeByteOrder::BigEndian => Ok((dtype, true)),
        _ => Err(unknown(what, stored)),
    }
}

fn unknown(what: &str, stored: &Datatype) -> keras_tensor::Error {
    format_error(
        what,
        format!("elements of type {stored}; wanted numbers as Keras stores them"),
    )
}

/// How a dtype is stored.
pub(super) fn datatype_of(dtype: DType) -> Datatype {
    let size = dtype.size() as u32;
    let byte_order = DatatypeByteOrder::LittleEndian;
    let float = |layout| Datatype::FloatingPoint {
        size,
        byte_order,
        layout,
    };
    match dtype {
        DType::F32 => float(FloatingPointLayout::IEEE754_BINARY32),
        DType::F64 => float(FloatingPointLayout::IEEE754_BINARY64),
        DType::F16 => float(half(5, 10, 15)),
        DType::BF16 => float(half(8, 7, 127)),
        _ => Datatype::FixedPoint {
            size,
            byte_order,
            layout: FixedPointLayout {
                signed: matches!(dtype, DType::I8 | DType::I16 | DType::I32 | DType::I64),
                bit_offset: 0,
                bit_precision: 8 * size as u16,
            },
        },
    }
}

fn half(exponent: u8, mantissa: u8, bias: u32) -> FloatingPointLayout {
    FloatingPointLayout {
        bit_offset: 0,
        bit_precision: 16,
        exponent_location: mantissa,
        exponent_size: exponent,
        mantissa_location: 0,
        mantissa_size: mantissa,
        exponent_bias: bias,
    }
}
