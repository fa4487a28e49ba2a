//! Zip archives: the only place that knows which crate reads and writes them.

#[cfg(feature = "hdf5")]
mod member;

use keras_tensor::{Error, Result};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::Limits;
use crate::limits::format_error;

/// An archive that is being read. Members are read into memory by their exact names; nothing is unpacked to disk.
pub(crate) struct Archive {
    zip: ZipArchive<BufReader<File>>,
    what: String,
    limits: Limits,
}

impl Archive {
    /// Opens an archive, of one of these kinds of file.
    pub(crate) fn open(path: &Path, limits: &Limits, kinds: &[&str]) -> Result<Self> {
        let file = crate::open_file(path, limits, kinds)?;
        let what = path.display().to_string();
        let zip = ZipArchive::new(BufReader::new(file))
            .map_err(|e| format_error(&what, format!("it is no whole zip archive: {e}")))?;
        if zip.len() > limits.nodes {
            let problem = format!(
                "{} members, more than the limit of {}",
                zip.len(),
                limits.nodes
            );
            return Err(format_error(what, problem));
        }
        let limits = limits.clone();
        Ok(Archive { zip, what, limits })
    }

    /// The names of the members, but for those that are no text.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.zip
            .file_names()
            .flatten()
            .map(|name| name.into_owned())
    }

    /// The bytes of a member that is not longer than `limit`, if there is one of this name.
    pub(crate) fn read(&mut self, name: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let what = format!("{}: {name}", self.what);
        let Some(place) = self.zip.index_for_name(name) else {
            return Ok(None);
        };
        let damaged =
            |e: &dyn std::fmt::Display| format_error(&what, format!("it cannot be read: {e}"));
        let mut member = self.zip.by_index(place).map_err(|e| damaged(&e))?;
        let limits = Limits {
            bytes: limit.min(self.limits.bytes),
            ..self.limits.clone()
        };
        let size = member.size();
        limits.check_bytes(&what, size, member.compressed_size())?;
        let mut bytes = Vec::new();
        // A stored member is as long as it says; of a packed one, no more is taken than arrives.
        let known = size.min(member.compressed_size()) as usize;
        let out_of_memory = |_| Error::OutOfMemory { asked: known };
        bytes.try_reserve_exact(known).map_err(out_of_memory)?;
        member
            .by_ref()
            .take(size + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| damaged(&e))?;
        if bytes.len() as u64 != size {
            return Err(format_error(
                what,
                format!("{} bytes where it declares {size}", bytes.len()),
            ));
        }
        Ok(Some(bytes))
    }
}

/// Writes an archive as Keras does: members stored, with the first date that zip knows.
pub(crate) fn write(
    file: &mut (impl Write + Seek),
    members: &[(impl AsRef<str>, Vec<u8>)],
) -> io::Result<()> {
    let mut zip = ZipWriter::new(file);
    for (name, bytes) in members {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .large_file(bytes.len() as u64 >= u64::from(u32::MAX))
            .unix_permissions(0o600);
        zip.start_file(name.as_ref(), options)?;
        zip.write_all(bytes)?;
    }
    zip.finish()?;
    Ok(())
}
