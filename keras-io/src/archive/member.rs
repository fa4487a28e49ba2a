//! Members that are read in parts.

use keras_tensor::{Error, Result};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use zip::{CompressionMethod, ZipArchive};

use super::Archive;
use crate::limits::format_error;
use crate::stored::Stored;

/// How much is read at once while a member is checked.
const BLOCK: usize = 1 << 18;

/// A member that is being compared with its checksum, beside whatever else is done with it.
pub(crate) struct Check(Option<JoinHandle<Result<()>>>);

impl Check {
    /// Waits for the outcome.
    pub(crate) fn finish(self) -> Result<()> {
        let Some(thread) = self.0 else { return Ok(()) };
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl Archive {
    /// A member of the archive at `path` for reading parts of it, and the check of it as a whole, which must be finished before the parts are
    /// believed. A member that is stored packed is unpacked into memory.
    pub(crate) fn open_member(
        &mut self,
        path: &Path,
        name: &str,
    ) -> Result<Option<(Stored, Check)>> {
        let what = format!("{}: {name}", self.what);
        let Some(place) = self.zip.index_for_name(name) else {
            return Ok(None);
        };
        let damaged =
            |e: &dyn std::fmt::Display| format_error(&what, format!("it cannot be read: {e}"));
        let member = self.zip.by_index(place).map_err(|e| damaged(&e))?;
        let (size, start) = (member.size(), member.data_start());
        let is_stored = member.compression() == CompressionMethod::Stored;
        drop(member);
        let Some(start) = start.filter(|_| is_stored) else {
            let bytes = self.read(name, self.limits.bytes)?.unwrap_or_default();
            // Unpacking has checked it.
            return Ok(Some((Stored::Memory(Arc::new(bytes)), Check(None))));
        };
        self.limits.check_bytes(&what, size, size)?;
        let open = || File::open(path).map_err(|e| Error::io(path, e));
        let (file, mut zip) = (
            open()?,
            ZipArchive::new(BufReader::with_capacity(BLOCK, open()?)).map_err(|e| damaged(&e))?,
        );
        let work = move || {
            let damaged =
                |e: &dyn std::fmt::Display| format_error(&what, format!("it cannot be read: {e}"));
            let member = zip.by_index(place).map_err(|e| damaged(&e))?;
            let read = io::copy(&mut member.take(size + 1), &mut io::sink());
            match read.map_err(|e| damaged(&e))? {
                read if read == size => Ok(()),
                read => Err(format_error(
                    what,
                    format!("{read} bytes where it declares {size}"),
                )),
            }
        };
        let thread = std::thread::Builder::new().spawn(work);
        let check = Check(Some(thread.map_err(|e| Error::io(path, e))?));
        Ok(Some((Stored::part(file, start, size), check)))
    }
}
