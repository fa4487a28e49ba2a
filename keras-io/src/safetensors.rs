//! safetensors: a header of JSON that tells where each tensor's bytes are.
//!
//! Weights are named by their paths (`sequential/dense/kernel`); Keras has no writer of this format.

use keras_layers::LayerRef;
use keras_tensor::{DType, Error, Result, Tensor};
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::Path;

use crate::bytes::{byte_size, bytes_of, tensor_of};
use crate::limits::format_error;
use crate::named::by_path;
use crate::{Limits, atomic};

const NAMES: [(DType, &str); 13] = [
    (DType::F32, "F32"),
    (DType::F64, "F64"),
    (DType::F16, "F16"),
    (DType::BF16, "BF16"),
    (DType::I8, "I8"),
    (DType::I16, "I16"),
    (DType::I32, "I32"),
    (DType::I64, "I64"),
    (DType::U8, "U8"),
    (DType::U16, "U16"),
    (DType::U32, "U32"),
    (DType::U64, "U64"),
    (DType::Bool, "BOOL"),
];

/// The tensors of a file with their names, in the order of their bytes.
///
/// ```
/// use keras_io::{Limits, safetensors};
/// use keras_tensor::Tensor;
/// let kernel = Tensor::new(&[1.0f32, 2.0], [2])?;
/// let bytes = safetensors::to_bytes(&[("kernel".to_string(), kernel)])?;
/// let read = safetensors::from_bytes("here", &bytes, &Limits::default())?;
/// assert_eq!(read[0].1.to_vec::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), keras_tensor::Error>(())
/// ```
///
/// # Errors
/// Bytes that are no safetensors, or a header that does not fit them.
pub fn from_bytes(what: &str, bytes: &[u8], limits: &Limits) -> Result<Vec<(String, Tensor)>> {
    let wrong = |problem: String| format_error(what, problem);
    let cut = || wrong("it is cut off, or no safetensors file".into());
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(cut)?;
    let length = u64::from_le_bytes(*length);
    if length > limits.json_bytes {
        let limit = limits.json_bytes;
        return Err(wrong(format!(
            "a header of {length} bytes, more than the limit of {limit}"
        )));
    }
    let header = rest.get(..length as usize).ok_or_else(cut)?;
    let data = &rest[length as usize..];
    let header: Map<String, Value> =
        serde_json::from_slice(header).map_err(|e| wrong(format!("its header is no JSON: {e}")))?;
    if header.len() > limits.nodes {
        return Err(wrong(format!(
            "{} tensors, more than the limit of {}",
            header.len(),
            limits.nodes
        )));
    }
    let mut entries = Vec::new();
    for (name, entry) in &header {
        if name == "__metadata__" {
            continue;
        }
        let what = format!("{what}: {name}");
        let entry = Entry::parse(&what, entry)?;
        entries.push((name.clone(), what, entry));
    }
    entries.sort_by_key(|(_, _, e)| (e.begin, e.end));
    // Each byte belongs to one tensor, so no more memory is taken than there are bytes.
    let mut before = 0;
    let mut read = Vec::new();
    for (name, what, entry) in entries {
        if entry.begin != before {
            return Err(format_error(
                what,
                "its bytes do not follow those of the tensor before it",
            ));
        }
        let bytes = usize::try_from(entry.end)
            .ok()
            .and_then(|end| data.get(entry.begin as usize..end));
        let bytes =
            bytes.ok_or_else(|| format_error(&what, "its bytes lie outside of the file"))?;
        read.push((
            name,
            tensor_of(&what, entry.dtype, &entry.shape, bytes, false)?,
        ));
        before = entry.end;
    }
    if before != data.len() as u64 {
        return Err(wrong(format!(
            "{} bytes that belong to no tensor",
            data.len() as u64 - before
        )));
    }
    Ok(read)
}

struct Entry {
    dtype: DType,
    shape: Vec<u64>,
    begin: u64,
    end: u64,
}

impl Entry {
    fn parse(what: &str, json: &Value) -> Result<Self> {
        let name = json["dtype"].as_str().unwrap_or_default();
        let dtype = NAMES.iter().find(|(_, n)| *n == name).map(|(d, _)| *d);
        let dtype = dtype
            .ok_or_else(|| format_error(what, format!("its dtype {} is unknown", json["dtype"])))?;
        let numbers = |json: &Value| -> Option<Vec<u64>> {
            json.as_array()?.iter().map(Value::as_u64).collect()
        };
        let shape = numbers(&json["shape"]);
        let (shape, offsets) = shape.zip(numbers(&json["data_offsets"])).ok_or_else(|| {
            format_error(what, "no shape and data_offsets that are lists of numbers")
        })?;
        let [begin, end] = offsets[..] else {
            return Err(format_error(what, "data_offsets that are not two numbers"));
        };
        let wanted = byte_size(what, dtype, &shape)?;
        if begin.checked_add(wanted) != Some(end) {
            return Err(format_error(
                what,
                format!("data_offsets {begin} and {end} where its shape needs {wanted} bytes"),
            ));
        }
        Ok(Entry {
            dtype,
            shape,
            begin,
            end,
        })
    }
}

/// The tensors of a file with their names.
///
/// # Errors
/// Those of [`from_bytes`], and what the system says.
pub fn read(path: impl AsRef<Path>, limits: &Limits) -> Result<Vec<(String, Tensor)>> {
    let path = path.as_ref();
    let bytes = crate::read_file(path, limits, "a safetensors file")?;
    from_bytes(&path.display().to_string(), &bytes, limits)
}

/// The bytes of a file of these tensors; larger elements come first, so that all are aligned.
///
/// # Errors
/// Two tensors of one name, or one without data.
pub fn to_bytes(tensors: &[(String, Tensor)]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write_to(&mut bytes, tensors, Path::new("safetensors"))?;
    Ok(bytes)
}

/// Writes a file of these tensors.
///
/// # Errors
/// Those of [`to_bytes`], and what the system says; an old file is then left as it was.
pub fn write(path: impl AsRef<Path>, tensors: &[(String, Tensor)]) -> Result<()> {
    let path = path.as_ref();
    atomic::write_file(path, |file| write_to(file, tensors, path))
}

fn write_to(file: &mut dyn Write, tensors: &[(String, Tensor)], path: &Path) -> Result<()> {
    let mut sorted: Vec<&(String, Tensor)> = tensors.iter().collect();
    sorted.sort_by(|(a, x), (b, y)| y.dtype().size().cmp(&x.dtype().size()).then(a.cmp(b)));
    let mut header = Map::new();
    let mut begin = 0;
    for (name, tensor) in &sorted {
        let end = begin + tensor.size() * tensor.dtype().size();
        let dtype = NAMES
            .iter()
            .find(|(d, _)| *d == tensor.dtype())
            .map(|(_, n)| *n);
        let entry =
            json!({"dtype": dtype, "shape": &tensor.shape()[..], "data_offsets": [begin, end]});
        if header.insert(name.clone(), entry).is_some() {
            return Err(Error::argument(
                "tensors",
                format!("{name:?} twice"),
                "a name for each tensor",
            ));
        }
        begin = end;
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut put = |bytes: &[u8]| file.write_all(bytes).map_err(|e| Error::io(path, e));
    put(&(header.len() as u64).to_le_bytes())?;
    put(&header)?;
    sorted
        .iter()
        .try_for_each(|(_, tensor)| put(&bytes_of(tensor)?))
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
