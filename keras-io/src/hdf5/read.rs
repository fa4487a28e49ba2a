//! Reading, with nothing believed that the file says of sizes.

use hdf5_pure::{AttrValue, File, FormatError, Layout, Source};
use keras_tensor::{DType, Error, Result, Tensor};
use std::collections::HashMap;
use std::sync::Arc;

use super::dtype::dtype_of;
use crate::Limits;
use crate::bytes::{byte_size, tensor_from, tensor_of};
use crate::limits::format_error;
use crate::stored::Stored;

struct Opened {
    stored: Stored,
    limits: Limits,
}

impl Source for Stored {
    fn len(&self) -> u64 {
        self.size()
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), FormatError> {
        match self.read(offset, out) {
            Some(done) => done.map_err(|e| FormatError::Source(e.to_string())),
            None => Err(FormatError::UnexpectedEof {
                expected: out.len(),
                available: self.size().saturating_sub(offset) as usize,
            }),
        }
    }
}

/// A group of an HDF5 file that is being read.
#[derive(Clone)]
pub struct Group {
    opened: Arc<Opened>,
    group: hdf5_pure::Group,
    path: String,
}

impl Group {
    /// The root of a file.
    ///
    /// # Errors
    /// The file cannot be read, is larger than the limits, or is no HDF5.
    pub fn open(path: impl AsRef<std::path::Path>, limits: &Limits) -> Result<Self> {
        let path = path.as_ref();
        let file = crate::open_file(path, limits, &["an HDF5 file"])?;
        let size = file.metadata().map_err(|e| Error::io(path, e))?.len();
        Self::of(
            &path.display().to_string(),
            Stored::part(file, 0, size),
            limits,
        )
    }

    /// The root of a file that is in memory.
    ///
    /// # Errors
    /// The bytes are no HDF5.
    pub fn from_bytes(bytes: Vec<u8>, limits: &Limits) -> Result<Self> {
        Self::of("HDF5 file", Stored::Memory(Arc::new(bytes)), limits)
    }

    /// The root of a file whose bytes lie there; `what` names it in errors.
    pub(crate) fn of(what: &str, stored: Stored, limits: &Limits) -> Result<Self> {
        let file = File::from_source(stored.clone()).map_err(|e| failed(what, &e))?;
        let (end, held) = (file.superblock().eof_address, stored.size());
        if end > held {
            let problem = format!("it is cut off: {held} bytes of {end}");
            return Err(format_error(what, problem));
        }
        let group = file.root();
        let limits = limits.clone();
        Ok(Group {
            opened: Arc::new(Opened { stored, limits }),
            group,
            path: String::new(),
        })
    }

    /// Where the group is, from the root: `layers/dense`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The names of the groups in this one.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn groups(&self) -> Result<Vec<String>> {
        let names = self.group.groups();
        self.counted(names.map_err(|e| failed(&self.what(), &e))?)
    }

    /// The names of the datasets in this group.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn datasets(&self) -> Result<Vec<String>> {
        let names = self.group.datasets();
        self.counted(names.map_err(|e| failed(&self.what(), &e))?)
    }

    fn counted(&self, names: Vec<String>) -> Result<Vec<String>> {
        let limit = self.opened.limits.nodes;
        if names.len() > limit {
            let problem = format!("{} names, more than the limit of {limit}", names.len());
            return Err(format_error(self.what(), problem));
        }
        // By an empty name a group would be found again and again in itself.
        match names.iter().find(|n| n.is_empty() || n.contains('/')) {
            Some(name) => Err(format_error(
                self.what(),
                format!(
                    "something of the name {name:?}; wanted a name that is not empty and without `/`"
                ),
            )),
            None => Ok(names),
        }
    }

    /// The group at a path, if there is one.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn find_group(&self, path: &str) -> Result<Option<Group>> {
        let mut at = self.clone();
        for name in self.parts(path)? {
            let Some(group) = found(at.group.group(name)).map_err(|e| failed(&at.what(), &e))?
            else {
                return Ok(None);
            };
            (at.group, at.path) = (group, join(&at.path, name));
        }
        Ok(Some(at))
    }

    /// The group at a path.
    ///
    /// # Errors
    /// There is none.
    pub fn group(&self, path: &str) -> Result<Group> {
        self.find_group(path)?
            .ok_or_else(|| self.missing("group", path))
    }

    /// The dataset at a path, if there is one.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn find_dataset(&self, path: &str) -> Result<Option<Dataset>> {
        let (before, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(group) = self.find_group(before)? else {
            return Ok(None);
        };
        self.parts(name)?;
        let path = join(&group.path, name);
        let dataset = found(group.group.dataset(name)).map_err(|e| failed(&path, &e))?;
        Ok(dataset.map(|dataset| Dataset {
            opened: self.opened.clone(),
            dataset,
            path,
        }))
    }

    /// The dataset at a path.
    ///
    /// # Errors
    /// There is none.
    pub fn dataset(&self, path: &str) -> Result<Dataset> {
        self.find_dataset(path)?
            .ok_or_else(|| self.missing("dataset", path))
    }

    /// An attribute that is one text.
    ///
    /// # Errors
    /// The file is damaged, or the attribute is no text.
    pub fn text(&self, name: &str) -> Result<Option<String>> {
        let mut attributes = self.attributes()?;
        let Some(value) = attributes.remove(name) else {
            return Ok(None);
        };
        match value.as_str() {
            Some(text) => Ok(Some(text.to_string())),
            None => Err(self.no_text(name)),
        }
    }

    /// An attribute that is a list of texts, whole or cut by Keras into `name0`, `name1`, ...
    ///
    /// # Errors
    /// The file is damaged, or the attribute is no list of texts.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<String>>> {
        let attributes = self.attributes()?;
        if let Some(value) = attributes.get(name) {
            return Ok(Some(self.list(name, value)?));
        }
        let mut all = None;
        for i in 0.. {
            let Some(part) = attributes.get(&format!("{name}{i}")) else {
                break;
            };
            all.get_or_insert_with(Vec::new)
                .extend(self.list(name, part)?);
        }
        Ok(all)
    }

    fn list(&self, name: &str, value: &AttrValue) -> Result<Vec<String>> {
        if let Some(texts) = value.as_strings() {
            return Ok(texts.to_vec());
        }
        // NumPy's empty array of floats stands for an empty list.
        match value.to_f64s() {
            Some(empty) if empty.is_empty() => Ok(Vec::new()),
            _ => Err(self.no_text(name)),
        }
    }

    fn attributes(&self) -> Result<HashMap<String, AttrValue>> {
        self.group.attrs().map_err(|e| failed(&self.what(), &e))
    }

    fn no_text(&self, name: &str) -> Error {
        let what = format!("attribute `{name}` of {}", self.what());
        format_error(what, "a number; wanted text")
    }

    fn missing(&self, kind: &str, path: &str) -> Error {
        format_error(
            self.what(),
            format!(
                "it holds no {kind} {path:?}; links to other places and files are not followed"
            ),
        )
    }

    fn what(&self) -> String {
        format!("HDF5 group /{}", self.path)
    }

    /// The names of a path.
    fn parts<'a>(&self, path: &'a str) -> Result<Vec<&'a str>> {
        let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
        let deep = parts.len() + self.path.split('/').count() > self.opened.limits.depth;
        if deep || parts.iter().any(|p| matches!(*p, "." | "..")) {
            let wanted = "a path of names, not deeper than the limits allow";
            return Err(Error::argument("HDF5 path", format!("{path:?}"), wanted));
        }
        Ok(parts)
    }
}

/// A dataset of an HDF5 file that is being read.
pub struct Dataset {
    opened: Arc<Opened>,
    dataset: hdf5_pure::Dataset,
    path: String,
}

impl Dataset {
    /// Where the dataset is, from the root: `layers/dense/vars/0`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The sizes of its axes, as the file declares them.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn shape(&self) -> Result<Vec<u64>> {
        self.dataset.shape().map_err(|e| failed(&self.what(), &e))
    }

    /// The dtype of its elements.
    ///
    /// # Errors
    /// Elements that are no numbers.
    pub fn dtype(&self) -> Result<DType> {
        Ok(self.stored_type()?.0)
    }

    fn stored_type(&self) -> Result<(DType, bool)> {
        let what = self.what();
        let stored = self.dataset.datatype().map_err(|e| failed(&what, &e))?;
        dtype_of(&what, &stored)
    }

    /// Its elements.
    ///
    /// # Errors
    /// A size that the file does not hold or the limits do not allow; data kept elsewhere; a damaged file.
    pub fn read(&self) -> Result<Tensor> {
        let what = self.what();
        let (dtype, big_endian) = self.stored_type()?;
        let shape = self.shape()?;
        let declared = byte_size(&what, dtype, &shape)?;
        let limits = &self.opened.limits;
        match self.dataset.layout().map_err(|e| failed(&what, &e))? {
            Layout::Contiguous {
                address: Some(at),
                size,
            } if size == declared => {
                let stored = &self.opened.stored;
                if at.checked_add(size).is_none_or(|end| end > stored.size()) {
                    let problem =
                        format!("it declares {declared} bytes that the file does not hold");
                    return Err(format_error(&what, problem));
                }
                limits.check_bytes(&what, declared, size)?;
                // Straight out of the file, without a copy between; data kept in other files has no address here.
                return tensor_from(&what, dtype, &shape, big_endian, |bytes| {
                    match stored.read(at, bytes) {
                        Some(Ok(())) => Ok(()),
                        Some(Err(e)) => Err(format_error(&what, e.to_string())),
                        None => Err(format_error(&what, "the file ends before its data does")),
                    }
                });
            }
            Layout::Compact { size } => limits.check_bytes(&what, declared, size)?,
            Layout::Chunked { .. } => {
                let chunks = self.dataset.chunks().map_err(|e| failed(&what, &e))?;
                let stored = chunks
                    .iter()
                    .fold(0u64, |a, c| a.saturating_add(c.storage_size));
                // Chunks that lie on top of each other count once.
                let stored = stored.min(self.opened.stored.size());
                limits.check_bytes(&what, declared, stored)?;
            }
            Layout::Contiguous { .. } if declared == 0 => {}
            Layout::Virtual => {
                let problem = "a virtual dataset, whose data lies in other datasets or files; these are not opened";
                return Err(format_error(&what, problem));
            }
            _ => {
                let problem = format!(
                    "it declares {declared} bytes and stores none in this file; data kept in other files is not opened"
                );
                return Err(format_error(&what, problem));
            }
        }
        let bytes = self.dataset.read_raw().map_err(|e| failed(&what, &e))?;
        tensor_of(&what, dtype, &shape, &bytes, big_endian)
    }

    fn what(&self) -> String {
        format!("HDF5 dataset /{}", self.path)
    }
}

/// What a look-up gives where there may be nothing; links that lead elsewhere count as nothing.
fn found<T>(
    looked_up: std::result::Result<T, hdf5_pure::Error>,
) -> std::result::Result<Option<T>, hdf5_pure::Error> {
    match looked_up {
        Ok(found) => Ok(Some(found)),
        Err(hdf5_pure::Error::Format(FormatError::PathNotFound(_))) => Ok(None),
        Err(e) => Err(e),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_string()
    } else {
        format!("{path}/{name}")
    }
}

fn failed(what: &str, e: &hdf5_pure::Error) -> Error {
    format_error(what, format!("it cannot be read: {e}"))
}
