//! How much a file may ask for.

use keras_tensor::{Error, Result};

/// Bounds for reading files of strangers. A file that asks for more is refused before memory is taken.
///
/// ```
/// use keras_io::Limits;
/// let careful = Limits { bytes: 1 << 20, ..Limits::default() };
/// assert!(careful.check_bytes("weights", 1 << 21, 1 << 21).is_err());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Bytes that one file may hold, and that one part of it may hold once it is unpacked. Default: 16 GiB.
    pub bytes: u64,
    /// How many times larger than its stored form a part may become. Default: 1000.
    pub ratio: u64,
    /// Bytes below which the ratio does not matter. Default: 16 MiB.
    pub small: u64,
    /// Bytes of JSON in a config. Default: 256 MiB.
    pub json_bytes: u64,
    /// How deeply groups and configs may be nested. Default: 100.
    pub depth: usize,
    /// How many groups, datasets, names or archive members one file may hold. Default: 100 000.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bytes: 16 << 30,
            ratio: 1000,
            small: 16 << 20,
            json_bytes: 256 << 20,
            depth: 100,
            nodes: 100_000,
        }
    }
}

impl Limits {
    /// Whether something that is stored in so many bytes may become `declared` bytes.
    ///
    /// # Errors
    /// It is larger than the limits allow; `what` names it.
    pub fn check_bytes(&self, what: &str, declared: u64, stored: u64) -> Result<()> {
        let problem = if declared > self.bytes {
            format!(
                "it declares {declared} bytes, more than the limit of {}",
                self.bytes
            )
        } else if declared > self.small && declared / self.ratio.max(1) > stored {
            format!(
                "it declares {declared} bytes but stores only {stored}; a ratio above {} looks like an attack",
                self.ratio
            )
        } else {
            return Ok(());
        };
        Err(format_error(what, problem))
    }
}

/// A file that is not what it should be.
pub(crate) fn format_error(what: impl Into<String>, problem: impl Into<String>) -> Error {
    Error::Format {
        what: what.into(),
        problem: problem.into(),
    }
}
