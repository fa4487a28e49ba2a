//! Tensors as the little-endian bytes that every format stores.

use bytemuck::{bytes_of_mut, cast_slice, cast_slice_mut};
use half::{bf16, f16};
use keras_tensor::dtype::Element;
use keras_tensor::{DType, Result, Shape, Tensor};

use crate::limits::format_error;

macro_rules! with_stored {
    ($dtype:expr, $T:ident => $work:expr) => {
        match $dtype {
            DType::F32 => {
                type $T = f32;
                $work
            }
            DType::F64 => {
                type $T = f64;
                $work
            }
            DType::F16 => {
                type $T = f16;
                $work
            }
            DType::BF16 => {
                type $T = bf16;
                $work
            }
            DType::I8 => {
                type $T = i8;
                $work
            }
            DType::I16 => {
                type $T = i16;
                $work
            }
            DType::I32 => {
                type $T = i32;
                $work
            }
            DType::I64 => {
                type $T = i64;
                $work
            }
            DType::U8 | DType::Bool => {
                type $T = u8;
                $work
            }
            DType::U16 => {
                type $T = u16;
                $work
            }
            DType::U32 => {
                type $T = u32;
                $work
            }
            DType::U64 => {
                type $T = u64;
                $work
            }
        }
    };
}

/// How many bytes elements of this dtype and shape take.
pub(crate) fn byte_size(what: &str, dtype: DType, shape: &[u64]) -> Result<u64> {
    shape
        .iter()
        .try_fold(dtype.size() as u64, |a, &n| a.checked_mul(n))
        .ok_or_else(|| format_error(what, format!("a shape {shape:?} that no memory can hold")))
}

/// A shape as a file declares it.
pub(crate) fn shape_of(what: &str, sizes: &[u64]) -> Result<Shape> {
    sizes
        .iter()
        .map(|&n| usize::try_from(n).map_err(|_| format_error(what, format!("an axis of {n}"))))
        .collect()
}

/// The tensor that these bytes hold; they are copied once.
pub(crate) fn tensor_of(
    what: &str,
    dtype: DType,
    shape: &[u64],
    bytes: &[u8],
    big_endian: bool,
) -> Result<Tensor> {
    let wanted = byte_size(what, dtype, shape)?;
    if wanted != bytes.len() as u64 {
        return Err(format_error(
            what,
            format!(
                "{} bytes of data where its shape {shape:?} and dtype {dtype} need {wanted}",
                bytes.len()
            ),
        ));
    }
    tensor_from(what, dtype, shape, big_endian, |out| {
        out.copy_from_slice(bytes);
        Ok(())
    })
}

/// A tensor whose bytes `read` puts where they belong.
pub(crate) fn tensor_from(
    what: &str,
    dtype: DType,
    shape: &[u64],
    big_endian: bool,
    read: impl FnOnce(&mut [u8]) -> Result<()>,
) -> Result<Tensor> {
    let shape = shape_of(what, shape)?;
    if dtype == DType::Bool {
        let mut bytes = vec![0; shape.size()];
        read(&mut bytes)?;
        let values: Vec<bool> = bytes.iter().map(|b| *b != 0).collect();
        return Tensor::new(&values, shape);
    }
    with_stored!(dtype, T => filled::<T>(shape, read, big_endian))
}

fn filled<T: Element>(
    shape: Shape,
    read: impl FnOnce(&mut [u8]) -> Result<()>,
    big_endian: bool,
) -> Result<Tensor> {
    Tensor::filled(shape, |out: &mut [T]| {
        read(cast_slice_mut::<T, u8>(out))?;
        if big_endian != cfg!(target_endian = "big") {
            out.iter_mut().for_each(|v| bytes_of_mut(v).reverse());
        }
        Ok(())
    })
}

/// The elements as little-endian bytes.
pub(crate) fn bytes_of(tensor: &Tensor) -> Result<Vec<u8>> {
    if tensor.dtype() == DType::Bool {
        return Ok(tensor.to_vec::<bool>()?.into_iter().map(u8::from).collect());
    }
    with_stored!(tensor.dtype(), T => {
        let mut bytes = cast_slice::<T, u8>(tensor.as_slice::<T>()?).to_vec();
        if cfg!(target_endian = "big") {
            bytes.chunks_exact_mut(size_of::<T>()).for_each(<[u8]>::reverse);
        }
        Ok(bytes)
    })
}
