//! NumPy's `.npy` and `.npz`, read without trusting them: no pickles, and no more memory than there are bytes.

use half::f16;
use keras_tensor::dtype::Scalar;
use keras_tensor::{DType, Error, Result, Shape, Tensor, ops};
use std::io::{Cursor, Read};

/// The arrays of an `.npz` file with their names.
///
/// # Errors
/// Another kind of file, or an array that cannot be read.
pub fn read_npz(name: &str, bytes: &[u8]) -> Result<Vec<(String, Tensor)>> {
    let wrong = |problem: String| Error::Format {
        what: name.to_string(),
        problem,
    };
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes))
        .map_err(|e| wrong(format!("it is no .npz file: {e}")))?;
    let mut arrays = Vec::new();
    for i in 0..zip.len() {
        let entry = zip.by_index(i).map_err(|e| wrong(e.to_string()))?;
        let member = entry.name().map_err(|e| wrong(e.to_string()))?.to_string();
        let declared = entry.size();
        // Deflate shrinks by a factor of at most about a thousand.
        let limit = (bytes.len() as u64).saturating_mul(1100).min(4 << 30);
        if declared > limit {
            return Err(wrong(format!(
                "{member} claims {declared} bytes, more than it can hold"
            )));
        }
        let mut data = Vec::new();
        entry
            .take(limit + 1)
            .read_to_end(&mut data)
            .map_err(|e| wrong(format!("{member}: {e}")))?;
        if data.len() as u64 > limit {
            return Err(wrong(format!("{member} holds more than {limit} bytes")));
        }
        let key = member.strip_suffix(".npy").unwrap_or(&member).to_string();
        arrays.push((key, read_npy(&format!("{name}: {member}"), &data)?));
    }
    Ok(arrays)
}

/// The array of an `.npy` file.
///
/// # Errors
/// Another kind of file, a dtype that is none of ours, or sizes that do not fit what is there.
pub fn read_npy(name: &str, bytes: &[u8]) -> Result<Tensor> {
    let wrong = |problem: String| Error::Format {
        what: name.to_string(),
        problem,
    };
    let cut = || wrong("its header is cut off".into());
    let rest = bytes
        .strip_prefix(b"\x93NUMPY")
        .ok_or_else(|| wrong("it does not begin as an .npy file does".into()))?;
    let (length, begin) = match rest {
        [1, _, a, b, ..] => (u16::from_le_bytes([*a, *b]) as usize, 4),
        [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 6),
        _ => return Err(wrong("its version is unknown".into())),
    };
    let end = length
        .checked_add(begin)
        .filter(|&e| e <= rest.len())
        .ok_or_else(cut)?;
    let header = std::str::from_utf8(&rest[begin..end]).map_err(|_| cut())?;
    let data = &rest[end..];
    let value = |key: &str| {
        let (_, after) = header.split_once(&format!("'{key}':"))?;
        Some(after.trim_start())
    };
    let kind = value("descr")
        .and_then(|v| v.strip_prefix('\'')?.split_once('\''))
        .map(|(kind, _)| kind)
        .ok_or_else(|| wrong("its dtype is not a plain one".into()))?;
    let fortran = value("fortran_order").is_some_and(|v| v.starts_with("True"));
    let shape = value("shape")
        .and_then(|v| v.strip_prefix('(')?.split_once(')'))
        .and_then(|(axes, _)| {
            axes.split(',')
                .map(str::trim)
                .filter(|a| !a.is_empty())
                .map(|a| a.parse().ok())
                .collect::<Option<Vec<usize>>>()
        })
        .ok_or_else(|| wrong("its shape cannot be read".into()))?;
    let big_endian = kind.starts_with('>');
    // The bytes of an element from the lowest on.
    fn lowest_first<const N: usize>(mut bytes: [u8; N], big_endian: bool) -> [u8; N] {
        if big_endian {
            bytes.reverse();
        }
        bytes
    }
    macro_rules! numbers {
        ($T:ty, $N:literal) => {
            array::<$T, $N>(data, &shape, |b| {
                <$T>::from_le_bytes(lowest_first(b, big_endian))
            })
        };
    }
    let tensor = match kind.trim_start_matches(['<', '>', '|', '=']) {
        "f2" => numbers!(f16, 2),
        "f4" => numbers!(f32, 4),
        "f8" => numbers!(f64, 8),
        "i1" => numbers!(i8, 1),
        "i2" => numbers!(i16, 2),
        "i4" => numbers!(i32, 4),
        "i8" => numbers!(i64, 8),
        "u1" => numbers!(u8, 1),
        "u2" => numbers!(u16, 2),
        "u4" => numbers!(u32, 4),
        "u8" => numbers!(u64, 8),
        "b1" => array::<bool, 1>(data, &shape, |b| b[0] != 0),
        _ => {
            return Err(wrong(format!(
                "its dtype {kind} is none of {}, and objects are never read",
                [
                    DType::F16,
                    DType::F32,
                    DType::F64,
                    DType::I32,
                    DType::I64,
                    DType::U8
                ]
                .map(DType::name)
                .join(", ")
            )));
        }
    };
    let tensor = tensor.ok_or_else(|| {
        wrong(format!(
            "its header tells {shape:?}, and {} bytes follow",
            data.len()
        ))
    })??;
    if !fortran || shape.len() < 2 {
        return Ok(tensor);
    }
    let reversed: Shape = shape.iter().rev().copied().collect();
    ops::transpose(ops::reshape_to(&tensor, reversed)?, None)
}

/// Elements of `N` bytes each, if there are as many bytes as the shape needs.
fn array<T: Scalar, const N: usize>(
    data: &[u8],
    shape: &[usize],
    read: impl Fn([u8; N]) -> T,
) -> Option<Result<Tensor>> {
    let size = shape.iter().try_fold(N, |a, &n| a.checked_mul(n))?;
    if size != data.len() {
        return None;
    }
    let (chunks, _) = data.as_chunks::<N>();
    let values: Vec<T> = chunks.iter().map(|c| read(*c)).collect();
    Some(Tensor::new(&values, shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn both_orders_are_read() {
        let data: Vec<u8> = [1i32, 2, 3, 4, 5, 6]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let header =
            |order| format!("{{'descr': '<i4', 'fortran_order': {order}, 'shape': (2, 3), }}");
        let c = read_npy("c", &npy(&header("False"), &data)).unwrap();
        assert_eq!(c.to_vec::<i32>().unwrap(), [1, 2, 3, 4, 5, 6]);
        let f = read_npy("f", &npy(&header("True"), &data)).unwrap();
        assert_eq!(
            (f.shape().to_string(), f.to_vec::<i32>().unwrap()),
            ("(2, 3)".into(), vec![1, 3, 5, 2, 4, 6])
        );
    }

    #[test]
    fn both_ends_of_elements_are_read() {
        for (kind, data) in [("<f4", 1.5f32.to_le_bytes()), (">f4", 1.5f32.to_be_bytes())] {
            let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': (1,), }}");
            let t = read_npy(kind, &npy(&header, &data)).unwrap();
            assert_eq!(t.to_vec::<f32>().unwrap(), [1.5], "{kind}");
        }
    }

    #[test]
    fn hostile_headers_are_errors() {
        for header in [
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967295, 4294967295), }",
            "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
            "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
            "{'shape': (1,), }",
            "",
        ] {
            assert!(read_npy("h", &npy(header, &[0; 4])).is_err(), "{header}");
        }
        assert!(read_npy("h", b"\x93NUMPY\x02\x00\xff\xff\xff\xff").is_err());
        assert!(read_npz("h", b"not a zip").is_err());
    }
}
