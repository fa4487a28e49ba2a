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

/// What stands before the elements of an `.npy` file, and the elements.
struct Npy<'a> {
    name: &'a str,
    kind: &'a str,
    fortran: bool,
    shape: Vec<usize>,
    data: &'a [u8],
}

impl<'a> Npy<'a> {
    fn parse(name: &'a str, bytes: &'a [u8]) -> Result<Self> {
        let wrong = |problem: &str| format_error(name, problem);
        let cut = || wrong("its header is cut off");
        let rest = bytes
            .strip_prefix(b"\x93NUMPY")
            .ok_or_else(|| wrong("it does not begin as an .npy file does"))?;
        let (length, begin) = match rest {
            [1, _, a, b, ..] => (u16::from_le_bytes([*a, *b]) as usize, 4),
            [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 6),
            _ => return Err(wrong("its version is unknown")),
        };
        let end = length
            .checked_add(begin)
            .filter(|&e| e <= rest.len())
            .ok_or_else(cut)?;
        let header = std::str::from_utf8(&rest[begin..end]).map_err(|_| cut())?;
        let value = |key: &str| {
            let (_, after) = header.split_once(&format!("'{key}':"))?;
            Some(after.trim_start())
        };
        let kind = value("descr")
            .and_then(|v| v.strip_prefix('\'')?.split_once('\''))
            .map(|(kind, _)| kind)
            .ok_or_else(|| wrong("its dtype is not a plain one"))?;
        let shape = value("shape")
            .and_then(|v| v.strip_prefix('(')?.split_once(')'))
            .and_then(|(axes, _)| {
                axes.split(',')
                    .map(str::trim)
                    .filter(|a| !a.is_empty())
                    .map(|a| a.parse().ok())
                    .collect::<Option<Vec<usize>>>()
            })
            .ok_or_else(|| wrong("its shape cannot be read"))?;
        Ok(Npy {
            name,
            kind,
            fortran: value("fortran_order").is_some_and(|v| v.starts_with("True")),
            shape,
            data: &rest[end..],
        })
    }

    /// The bytes of each element, if there are as many as the shape needs.
    fn elements(&self, size: usize) -> Result<impl Iterator<Item = &'a [u8]>> {
        let wanted = self.shape.iter().try_fold(size, |a, &n| a.checked_mul(n));
        if wanted != Some(self.data.len()) {
            let (shape, bytes) = (&self.shape, self.data.len());
            let problem = format!(
                "its header tells {shape:?} of {}, and {bytes} bytes follow",
                self.kind
            );
            return Err(format_error(self.name, problem));
        }
        Ok(self.data.chunks_exact(size))
    }

    fn numbers<T: Scalar, const N: usize>(&self, read: impl Fn([u8; N]) -> T) -> Result<Tensor> {
        let big_endian = self.kind.starts_with('>');
        let number = |bytes: &[u8]| {
            let mut element = [0; N];
            element.copy_from_slice(bytes);
            if big_endian {
                element.reverse();
            }
            read(element)
        };
        let values: Vec<T> = self.elements(N)?.map(number).collect();
        Tensor::new(&values, &self.shape[..])
    }
}

fn format_error(name: &str, problem: impl Into<String>) -> Error {
    Error::Format {
        what: name.to_string(),
        problem: problem.into(),
    }
}

/// The texts of an `.npy` file of fixed width, bytes in UTF-8 (`S8`) or Unicode (`U8`), with the shape of the array.
///
/// # Errors
/// Another kind of file, elements that are no texts, or sizes that do not fit what is there.
pub fn read_npy_texts(name: &str, bytes: &[u8]) -> Result<(Shape, Vec<String>)> {
    let npy = Npy::parse(name, bytes)?;
    let (letter, width) = npy
        .kind
        .trim_start_matches(['<', '>', '|', '='])
        .split_at_checked(1)
        .unwrap_or_default();
    let width = width
        .parse::<usize>()
        .ok()
        .filter(|_| matches!(letter, "S" | "U"));
    let width = width.filter(|width| *width > 0 && !(npy.fortran && npy.shape.len() > 1));
    let Some(width) = width else {
        let problem = format!(
            "its dtype is {}; wanted texts of a fixed width, in C's order",
            npy.kind
        );
        return Err(format_error(name, problem));
    };
    let no_text = || format_error(name, "an element is no text");
    let text = |bytes: &[u8]| {
        let text: Option<String> = match letter {
            "S" => std::str::from_utf8(bytes).ok().map(str::to_string),
            _ => {
                let (letters, _) = bytes.as_chunks::<4>();
                let code = |b: &[u8; 4]| match npy.kind.starts_with('>') {
                    true => u32::from_be_bytes(*b),
                    false => u32::from_le_bytes(*b),
                };
                letters.iter().map(|b| char::from_u32(code(b))).collect()
            }
        };
        // What is shorter is filled with zeros.
        Ok(text.ok_or_else(no_text)?.trim_end_matches('\0').to_string())
    };
    let size = if letter == "S" {
        Some(width)
    } else {
        width.checked_mul(4)
    };
    let texts = npy.elements(size.ok_or_else(no_text)?)?.map(text);
    let texts = texts.collect::<Result<Vec<String>>>()?;
    Ok((npy.shape.iter().copied().collect(), texts))
}

/// The array of an `.npy` file.
///
/// # Errors
/// Another kind of file, a dtype that is none of ours, or sizes that do not fit what is there.
pub fn read_npy(name: &str, bytes: &[u8]) -> Result<Tensor> {
    let npy = Npy::parse(name, bytes)?;
    let tensor = match npy.kind.trim_start_matches(['<', '>', '|', '=']) {
        "f2" => npy.numbers(f16::from_le_bytes)?,
        "f4" => npy.numbers(f32::from_le_bytes)?,
        "f8" => npy.numbers(f64::from_le_bytes)?,
        "i1" => npy.numbers(i8::from_le_bytes)?,
        "i2" => npy.numbers(i16::from_le_bytes)?,
        "i4" => npy.numbers(i32::from_le_bytes)?,
        "i8" => npy.numbers(i64::from_le_bytes)?,
        "u1" => npy.numbers(u8::from_le_bytes)?,
        "u2" => npy.numbers(u16::from_le_bytes)?,
        "u4" => npy.numbers(u32::from_le_bytes)?,
        "u8" => npy.numbers(u64::from_le_bytes)?,
        "b1" => npy.numbers(|b: [u8; 1]| b[0] != 0)?,
        _ => {
            let known = [
                DType::F16,
                DType::F32,
                DType::F64,
                DType::I32,
                DType::I64,
                DType::U8,
            ];
            let known = known.map(DType::name).join(", ");
            let problem = format!(
                "its dtype {} is none of {known}, and objects are never read",
                npy.kind
            );
            return Err(format_error(name, problem));
        }
    };
    if !npy.fortran || npy.shape.len() < 2 {
        return Ok(tensor);
    }
    let reversed: Shape = npy.shape.iter().rev().copied().collect();
    ops::transpose(ops::reshape_to(&tensor, reversed)?, None)
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
    fn texts_of_a_fixed_width_are_read() {
        let unicode = |text: &str| -> Vec<u8> {
            let padded = text.chars().chain(std::iter::repeat('\0')).take(4);
            padded.flat_map(|c| (c as u32).to_le_bytes()).collect()
        };
        let header =
            |kind: &str| format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': (2,), }}");
        let data = [unicode("häh"), unicode("four")].concat();
        let (shape, texts) = read_npy_texts("u", &npy(&header("<U4"), &data)).unwrap();
        assert_eq!(
            (shape.to_string().as_str(), &texts[..]),
            ("(2,)", &["häh".to_string(), "four".to_string()][..])
        );
        let bytes = npy(&header("|S3"), b"a\0\0bcd");
        assert_eq!(read_npy_texts("s", &bytes).unwrap().1, ["a", "bcd"]);
        assert!(
            read_npy("s", &bytes)
                .unwrap_err()
                .to_string()
                .contains("|S3")
        );
        for (kind, data) in [
            ("<U4", &[255; 32][..]),
            ("|S3", b"abc"),
            ("|S2", b"a\xff\xffb"),
            ("|S0", b""),
            ("<f4", &[0; 8]),
            ("|S", b""),
        ] {
            assert!(
                read_npy_texts(kind, &npy(&header(kind), data)).is_err(),
                "{kind}"
            );
        }
        let huge = "{'descr': '<U4611686018427387904', 'fortran_order': False, 'shape': (4,), }";
        assert!(read_npy_texts("huge", &npy(huge, &[0; 4])).is_err());
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
