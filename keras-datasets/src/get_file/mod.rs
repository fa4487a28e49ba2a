//! Files from the network, kept in Keras's cache.

mod hash;
mod progress;

use keras_tensor::{Error, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::keras_home;
use progress::Progress;

/// How often a download that was cut off is taken up again, as long as each time brings something.
const ATTEMPTS: usize = 5;
const BLOCK: usize = 1 << 16;

/// A file that is downloaded unless Keras's cache has it already (`keras.utils.get_file`).
///
/// It lies where Python's Keras puts it, so that either finds what the other has downloaded. What arrives is written beside
/// (`NAME.partial`), so that a download that was cut off goes on where it ended, also by another program later; only when
/// its hash is right does it get its name. Of several processes, one downloads while the others wait.
///
/// ```no_run
/// use keras_datasets::GetFile;
/// let path = GetFile::new("mnist.npz", "https://example.org/mnist.npz")
///     .file_hash("731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1")
///     .get()?;
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GetFile {
    name: String,
    origin: String,
    file_hash: Option<String>,
    folder: PathBuf,
    progress: bool,
}

impl GetFile {
    /// A file of this name from an address, kept in the folder `datasets` of Keras's cache.
    pub fn new(name: impl Into<String>, origin: impl Into<String>) -> Self {
        GetFile {
            name: name.into(),
            origin: origin.into(),
            file_hash: None,
            folder: keras_home().join("datasets"),
            progress: true,
        }
    }

    /// Its SHA-256 or MD5 sum in hexadecimal digits, by their number; without one, nothing is checked.
    pub fn file_hash(mut self, file_hash: impl Into<String>) -> Self {
        self.file_hash = Some(file_hash.into());
        self
    }

    /// The folder of Keras's cache, `datasets` by default.
    pub fn cache_subdir(self, subdir: impl AsRef<Path>) -> Self {
        let folder = keras_home().join(subdir);
        self.folder(folder)
    }

    /// A folder that is none of Keras's cache.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// Whether progress is told on standard error, where that is a terminal; it is by default.
    pub fn progress(mut self, progress: bool) -> Self {
        self.progress = progress;
        self
    }

    /// The path of the file, downloaded if it is not there, or if its hash is another.
    ///
    /// # Errors
    /// A name that leads out of the folder, no network, another hash, or what the system says.
    pub fn get(&self) -> Result<PathBuf> {
        let is_plain = Path::new(&self.name)
            .file_name()
            .is_some_and(|n| n == &*self.name);
        if !is_plain {
            return Err(Error::argument(
                "get_file",
                &self.name,
                "the name of a file, without folders",
            ));
        }
        let path = self.folder.join(&self.name);
        if self.is_right(&path)? {
            return Ok(path);
        }
        fs::create_dir_all(&self.folder).map_err(|e| Error::io(&self.folder, e))?;
        let partial = self.folder.join(format!("{}.partial", self.name));
        let system = |e| Error::io(&partial, e);
        let open = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&partial);
        let mut file = open.map_err(system)?;
        file.lock().map_err(system)?;
        // Another process may have done it in the meantime; what was opened here is then of no use to anybody.
        if self.is_right(&path)? {
            let _ = fs::remove_file(&partial);
            return Ok(path);
        }
        self.fill(&mut file, &path)?;
        file.sync_all().map_err(system)?;
        if let Some(wanted) = &self.file_hash {
            file.seek(SeekFrom::Start(0)).map_err(system)?;
            let got = hash::of(&mut file, wanted).map_err(system)?;
            if !got.eq_ignore_ascii_case(wanted) {
                file.set_len(0).map_err(system)?;
                return Err(self.failed(
                    &path,
                    &format!("what arrived has the hash {got}; wanted {wanted}"),
                ));
            }
        }
        fs::rename(&partial, &path).map_err(|e| Error::io(&path, e))?;
        Ok(path)
    }

    /// Whether the file is there with the hash that is wanted.
    fn is_right(&self, path: &Path) -> Result<bool> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(Error::io(path, e)),
        };
        match &self.file_hash {
            None => Ok(true),
            Some(wanted) => {
                let got = hash::of(&mut file, wanted).map_err(|e| Error::io(path, e))?;
                Ok(got.eq_ignore_ascii_case(wanted))
            }
        }
    }

    /// Appends what is missing, in several attempts if need be.
    fn fill(&self, file: &mut File, path: &Path) -> Result<()> {
        let size = |file: &File| {
            file.metadata()
                .map(|m| m.len())
                .map_err(|e| Error::io(path, e))
        };
        let mut left = ATTEMPTS;
        loop {
            let before = size(file)?;
            match self.attempt(file, before) {
                Ok(()) => return Ok(()),
                Err(_) if left > 1 && size(file)? > before => left -= 1,
                Err(problem) => return Err(self.failed(path, &problem)),
            }
        }
    }

    /// One request, for what comes after the first `start` bytes.
    fn attempt(&self, file: &mut File, start: u64) -> std::result::Result<(), String> {
        let told = |e: &dyn std::fmt::Display| e.to_string();
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(Duration::from_secs(30)))
            .timeout_recv_response(Some(Duration::from_secs(60)))
            .http_status_as_error(false)
            .build();
        let mut request = ureq::Agent::new_with_config(config).get(&self.origin);
        if start > 0 {
            request = request.header("Range", format!("bytes={start}-"));
        }
        let response = request.call().map_err(|e| told(&e))?;
        let start = match response.status().as_u16() {
            206 => start,
            // The server sends all of it, or what is there is no beginning of it.
            200 | 416 if start > 0 => {
                file.set_len(0).map_err(|e| told(&e))?;
                if response.status() == 416 {
                    return self.attempt(file, 0);
                }
                0
            }
            200 => 0,
            other => return Err(format!("the server answers {other}")),
        };
        let header = response.headers().get("content-length");
        let length: Option<u64> = header.and_then(|l| l.to_str().ok()?.parse().ok());
        let mut progress =
            Progress::new(&self.name, start, length.map(|l| start + l), self.progress);
        let mut body = response.into_body().into_reader();
        let (mut block, mut received) = (vec![0; BLOCK], 0);
        loop {
            let count = body.read(&mut block).map_err(|e| told(&e))?;
            if count == 0 {
                break;
            }
            file.write_all(&block[..count]).map_err(|e| told(&e))?;
            received += count as u64;
            progress.reached(start + received);
        }
        match length {
            Some(length) if length != received => Err(format!(
                "the connection ended after {received} of {length} bytes"
            )),
            _ => Ok(()),
        }
    }

    fn failed(&self, path: &Path, problem: &str) -> Error {
        let hash = self
            .file_hash
            .as_ref()
            .map_or(String::new(), |h| format!(" (hash {h})"));
        Error::data(
            format!("download of {}", self.origin),
            format!(
                "{problem}; try again, or put the file{hash} at {}",
                path.display()
            ),
        )
    }
}
