//! npz: a zip of NumPy's arrays. Pickles are never read.

use keras_layers::LayerRef;
use keras_tensor::{DType, Error, Result, Tensor};
use std::path::Path;

use crate::bytes::bytes_of;
use crate::named::by_path;
use crate::{Limits, archive, atomic};

pub use keras_datasets::npz::{read_npy, read_npy_texts, read_npz};

/// The arrays of a file with their names.
///
/// # Errors
/// Another kind of file, one that asks for more than the limits allow, or an array that cannot be read.
pub fn read(path: impl AsRef<Path>, limits: &Limits) -> Result<Vec<(String, Tensor)>> {
    let path = path.as_ref();
    let mut zip = archive::Archive::open(path, limits, &["an npz file", "a zip archive"])?;
    let mut arrays = Vec::new();
    let names: Vec<String> = zip.names().collect();
    for member in names {
        if let Some(bytes) = zip.read(&member, limits.bytes)? {
            let what = format!("{}: {member}", path.display());
            let name = member.strip_suffix(".npy").unwrap_or(&member);
            arrays.push((name.to_string(), read_npy(&what, &bytes)?));
        }
    }
    Ok(arrays)
}

/// Writes a file of these arrays, as `numpy.savez` does.
///
/// # Errors
/// A tensor without data, a bfloat16, which NumPy does not know, or what the system says; an old file is then left as it
/// was.
pub fn write(path: impl AsRef<Path>, tensors: &[(String, Tensor)]) -> Result<()> {
    let path = path.as_ref();
    let members = tensors
        .iter()
        .map(|(name, t)| Ok((format!("{name}.npy"), to_npy(t)?)));
    let members = members.collect::<Result<Vec<_>>>()?;
    atomic::write_file(path, |file| {
        archive::write(file, &members).map_err(|e| Error::io(path, e))
    })
}

/// The bytes of an `.npy` file, format 1.0.
///
/// # Errors
/// A tensor without data, or a bfloat16, which NumPy does not know.
pub fn to_npy(tensor: &Tensor) -> Result<Vec<u8>> {
    let dtype = tensor.dtype();
    let letter = match dtype {
        DType::BF16 => {
            let wanted = "a dtype that NumPy knows; cast it to float32 first";
            return Err(Error::dtype("npz", DType::BF16, wanted));
        }
        DType::Bool => 'b',
        DType::U8 | DType::U16 | DType::U32 | DType::U64 => 'u',
        d if d.is_float() => 'f',
        _ => 'i',
    };
    // Single bytes have no order.
    let order = if dtype.size() == 1 { '|' } else { '<' };
    let kind = format!("{order}{letter}{}", dtype.size());
    let shape: Vec<String> = tensor.shape().iter().map(usize::to_string).collect();
    let shape = match &shape[..] {
        [one] => format!("({one},)"),
        all => format!("({})", all.join(", ")),
    };
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    // The data begins at a multiple of 64 bytes, after a line break.
    let begin = 10 + header.len() + 1;
    header.extend(std::iter::repeat_n(' ', begin.next_multiple_of(64) - begin));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(bytes_of(tensor)?);
    Ok(bytes)
}

/// Reads the weights of a model by their paths.
///
/// # Errors
/// Those of [`read`]; a weight that the file does not hold, or of another shape; then no weight is changed.
pub fn load_weights(model: &LayerRef, path: impl AsRef<Path>, limits: &Limits) -> Result<()> {
    let what = path.as_ref().display().to_string();
    by_path(&what, model, &read(path, limits)?)
}

/// Writes the weights of a model under their paths.
///
/// # Errors
/// Those of [`write`](write()).
pub fn save_weights(model: &LayerRef, path: impl AsRef<Path>) -> Result<()> {
    write(path, &crate::named::of(model)?)
}
