//! A checkpoint as TensorFlow stores it: an index of tensors, and files of their bytes.

use keras_tensor::{DType, Error, Result, Tensor};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::table::{self, belongs, masked};
use crate::bytes::{byte_size, bytes_of, tensor_of};
use crate::limits::format_error;
use crate::protobuf::{Message, Writer, varint};
use crate::{Limits, atomic, read_file};

/// TensorFlow's numbers of dtypes.
const DTYPES: &[(u64, DType)] = &[
    (1, DType::F32),
    (2, DType::F64),
    (3, DType::I32),
    (4, DType::U8),
    (5, DType::I16),
    (6, DType::I8),
    (9, DType::I64),
    (10, DType::Bool),
    (14, DType::BF16),
    (17, DType::U16),
    (19, DType::F16),
    (22, DType::U32),
    (23, DType::U64),
];
const STRING: u64 = 7;

/// TensorFlow's number of a dtype.
pub(crate) fn number_of(dtype: DType) -> u64 {
    let known = DTYPES.iter().find(|(_, d)| *d == dtype);
    known.map_or(1, |(number, _)| *number)
}

/// The dtype of a number of TensorFlow's.
///
/// # Errors
/// One that is no dtype of numbers here.
pub(crate) fn dtype_of(number: u64) -> Result<DType> {
    let known = DTYPES.iter().find(|(n, _)| *n == number);
    known.map(|(_, dtype)| *dtype).ok_or_else(|| {
        let problem = format!("its dtype has the number {number}, which is not supported");
        format_error("a tensor of TensorFlow", problem)
    })
}

/// A checkpoint that is open for reading.
pub(crate) struct Checkpoint {
    prefix: PathBuf,
    shards: u64,
    big_endian: bool,
    entries: BTreeMap<String, Entry>,
    limits: Limits,
}

struct Entry {
    dtype: u64,
    shape: Vec<u64>,
    shard: u64,
    offset: u64,
    size: u64,
    crc: u32,
    /// Whether the tensor lies in parts.
    sliced: bool,
}

/// The file with the index of a checkpoint; `path` is the prefix of its files, or that file itself.
pub(crate) fn index_of(path: &Path) -> PathBuf {
    if path.extension().is_some_and(|e| e == "index") {
        return path.to_path_buf();
    }
    beside(path, ".index")
}

fn beside(prefix: &Path, suffix: &str) -> PathBuf {
    let mut name = prefix.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn shard_of(prefix: &Path, shard: u64, shards: u64) -> PathBuf {
    beside(prefix, &format!(".data-{shard:05}-of-{shards:05}"))
}

impl Checkpoint {
    /// Reads the index of the checkpoint of this prefix.
    ///
    /// # Errors
    /// A file that cannot be read, is damaged, or asks for more than the limits allow.
    pub(crate) fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let index = index_of(path);
        let what = index.display().to_string();
        let bytes = read_file(&index, limits, "the index of a checkpoint")?;
        let mut table = table::read(&bytes, &what, limits)?.into_iter();
        let header = table.next().filter(|(key, _)| key.is_empty());
        let (_, header) = header.ok_or_else(|| format_error(&what, "it has no header"))?;
        let header = Message::new("the header of a checkpoint", &header);
        let (shards, big_endian) = (header.number(1)?, header.number(2)? == 1);
        let entries = table.map(|(key, value)| {
            let key =
                String::from_utf8(key).map_err(|_| format_error(&what, "a key that is no text"))?;
            Ok((
                key,
                Entry::read(Message::new("an entry of a checkpoint", &value))?,
            ))
        });
        Ok(Checkpoint {
            prefix: index.with_extension(""),
            shards,
            big_endian,
            entries: entries.collect::<Result<_>>()?,
            limits: limits.clone(),
        })
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The shape of a tensor.
    ///
    /// # Errors
    /// There is none of this key.
    pub(crate) fn shape(&self, key: &str) -> Result<&[u64]> {
        Ok(&self.entry(key)?.shape)
    }

    /// A tensor.
    ///
    /// # Errors
    /// There is none of this key, its file is damaged or shorter than the index says, or it holds text.
    pub(crate) fn tensor(&self, key: &str) -> Result<Tensor> {
        let entry = self.entry(key)?;
        let what = format!("tensor `{key}` of a checkpoint");
        let known = DTYPES.iter().find(|(number, _)| *number == entry.dtype);
        let Some(&(_, dtype)) = known else {
            let problem = format!(
                "its dtype has the number {}, which is not supported",
                entry.dtype
            );
            return Err(format_error(what, problem));
        };
        if byte_size(&what, dtype, &entry.shape)? != entry.size {
            let problem = format!(
                "{} bytes for shape {:?} of {dtype}",
                entry.size, entry.shape
            );
            return Err(format_error(what, problem));
        }
        let bytes = self.bytes(key, entry)?;
        if !belongs(crc32c::crc32c(&bytes), entry.crc) {
            return Err(format_error(what, "it is damaged: its checksum is another"));
        }
        tensor_of(&what, dtype, &entry.shape, &bytes, self.big_endian)
    }

    /// The texts of a tensor of strings.
    ///
    /// # Errors
    /// As [`Checkpoint::tensor`], and a tensor of numbers.
    pub(crate) fn strings(&self, key: &str) -> Result<Vec<Vec<u8>>> {
        let entry = self.entry(key)?;
        let what = format!("tensor `{key}` of a checkpoint");
        let damaged = |problem: &str| format_error(&what, problem);
        if entry.dtype != STRING {
            return Err(damaged("numbers where text is wanted"));
        }
        let bytes = self.bytes(key, entry)?;
        let count = entry.shape.iter().try_fold(1u64, |a, &n| a.checked_mul(n));
        let count = count.filter(|&n| n <= bytes.len() as u64);
        let count = count.ok_or_else(|| damaged("more texts than it has bytes"))?;
        let mut rest = &bytes[..];
        let lengths: Option<Vec<u64>> = (0..count).map(|_| varint(&mut rest)).collect();
        // After the lengths stands their checksum.
        let (Some(lengths), Some((sum, mut rest))) = (lengths, rest.split_first_chunk::<4>())
        else {
            return Err(damaged("it is cut off"));
        };
        let crc = checksum_of_texts(&lengths, *sum, rest);
        if !belongs(crc, entry.crc) {
            return Err(damaged("it is damaged: its checksum is another"));
        }
        let mut texts = Vec::with_capacity(lengths.len());
        for length in lengths {
            let split = usize::try_from(length)
                .ok()
                .and_then(|n| rest.split_at_checked(n));
            let (text, after) = split.ok_or_else(|| damaged("it is cut off"))?;
            texts.push(text.to_vec());
            rest = after;
        }
        Ok(texts)
    }

    /// The dtype of a tensor, if it holds numbers.
    pub(crate) fn dtype(&self, key: &str) -> Option<DType> {
        self.entries.get(key).and_then(|e| dtype_of(e.dtype).ok())
    }

    pub(crate) fn is_text(&self, key: &str) -> bool {
        self.entries.get(key).is_some_and(|e| e.dtype == STRING)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    fn entry(&self, key: &str) -> Result<&Entry> {
        let entry = self.entries.get(key).ok_or_else(|| {
            let what = self.prefix.display().to_string();
            format_error(what, format!("it has no tensor `{key}`"))
        })?;
        if entry.sliced {
            let problem = "it is stored in parts, which is not supported";
            return Err(format_error(
                format!("tensor `{key}` of a checkpoint"),
                problem,
            ));
        }
        Ok(entry)
    }

    /// The bytes of an entry, which its file must really hold before memory is taken.
    fn bytes(&self, key: &str, entry: &Entry) -> Result<Vec<u8>> {
        let path = shard_of(&self.prefix, entry.shard, self.shards);
        let failed = |e| Error::io(&path, e);
        let mut file = File::open(&path).map_err(failed)?;
        let stored = file.metadata().map_err(failed)?.len();
        let end = entry.offset.checked_add(entry.size);
        if end.is_none_or(|end| end > stored) {
            let problem = format!(
                "tensor `{key}` lies at {} with {} bytes, but the file has {stored}",
                entry.offset, entry.size
            );
            return Err(format_error(path.display().to_string(), problem));
        }
        self.limits.check_bytes(key, entry.size, entry.size)?;
        file.seek(SeekFrom::Start(entry.offset)).map_err(failed)?;
        let mut bytes = Vec::new();
        let asked = entry.size as usize;
        bytes
            .try_reserve_exact(asked)
            .map_err(|_| Error::OutOfMemory { asked })?;
        file.take(entry.size)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if bytes.len() != asked {
            return Err(format_error(
                path.display().to_string(),
                "it became shorter while it was read",
            ));
        }
        Ok(bytes)
    }
}

impl Entry {
    fn read(message: Message<'_>) -> Result<Self> {
        let dims = message.message(2)?;
        let shape = dims
            .messages(2)
            .map(|dim| dim?.number(1))
            .collect::<Result<_>>()?;
        Ok(Entry {
            dtype: message.number(1)?,
            shape,
            shard: message.number(3)?,
            offset: message.number(4)?,
            size: message.number(5)?,
            crc: message.number(6)? as u32,
            sliced: message.all(7).next().is_some(),
        })
    }
}

/// Lengths count as fixed numbers of 4 bytes, of 8 where they are larger.
fn checksum_of_texts(lengths: &[u64], sum: [u8; 4], texts: &[u8]) -> u32 {
    let mut crc = checksum_of_lengths(lengths);
    crc = crc32c::crc32c_append(crc, &sum);
    crc32c::crc32c_append(crc, texts)
}

fn checksum_of_lengths(lengths: &[u64]) -> u32 {
    lengths
        .iter()
        .fold(0, |crc, &length| match u32::try_from(length) {
            Ok(length) => crc32c::crc32c_append(crc, &length.to_le_bytes()),
            Err(_) => crc32c::crc32c_append(crc, &length.to_le_bytes()),
        })
}

/// What a checkpoint holds under a key.
pub(crate) enum Stored {
    Tensor(Tensor),
    Text(Vec<u8>),
}

/// Writes a checkpoint with all data in one file: the data first, the index that names it last.
///
/// The data goes to a file that the index of an old checkpoint of this prefix does not name: the first of one, or the
/// first of two. So the old checkpoint is whole until the index is replaced.
///
/// # Errors
/// What the system says; an old checkpoint is then left as it was.
pub(crate) fn write(prefix: &Path, values: &BTreeMap<String, Stored>) -> Result<()> {
    let old = Checkpoint::open(prefix, &Limits::default()).map(|old| old.shards);
    let shards = if matches!(old, Ok(1)) { 2 } else { 1 };
    let (mut data, mut entries) = (Vec::new(), Vec::with_capacity(values.len() + 1));
    let header = Writer::new()
        .number(1, shards)
        .message(3, Writer::new().number(1, 1));
    entries.push((Vec::new(), header.finish()));
    for (key, value) in values {
        let offset = data.len() as u64;
        let (dtype, shape, crc) = match value {
            Stored::Tensor(tensor) => {
                data.extend(bytes_of(tensor)?);
                let crc = crc32c::crc32c(&data[offset as usize..]);
                (number_of(tensor.dtype()), &tensor.shape()[..], crc)
            }
            Stored::Text(text) => {
                let length = text.len() as u64;
                let sum = masked(checksum_of_lengths(&[length])).to_le_bytes();
                crate::protobuf::put_varint(&mut data, length);
                data.extend(sum);
                data.extend(text);
                (STRING, &[][..], checksum_of_texts(&[length], sum, text))
            }
        };
        let dims = shape.iter().map(|&n| Writer::new().number(1, n as u64));
        let mut entry = Writer::new()
            .number(1, dtype)
            .message(2, Writer::new().messages(2, dims));
        if offset > 0 {
            entry = entry.number(4, offset);
        }
        let entry = entry
            .number(5, data.len() as u64 - offset)
            .fixed32(6, masked(crc));
        entries.push((key.clone().into_bytes(), entry.finish()));
    }
    atomic::write_bytes(&shard_of(prefix, 0, shards), &data)?;
    atomic::write_bytes(&beside(prefix, ".index"), &table::write(&entries))?;
    if let Ok(old) = old {
        for shard in 0..old {
            // Nothing names it any more; if it stays, it only takes room.
            let _ = std::fs::remove_file(shard_of(prefix, shard, old));
        }
    }
    Ok(())
}
