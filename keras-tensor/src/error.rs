//! The one error type of the workspace.

use crate::{DType, Shape};

/// What every fallible function of the workspace returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, each with what was found, what was wanted and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Shapes that do not fit an operation.
    #[error("{op}: shapes {got} do not fit: {wanted}")]
    Shape {
        /// The operation or layer.
        op: String,
        /// The shapes that came.
        got: String,
        /// What it wanted, and what to do.
        wanted: String,
    },
    /// An element type that an operation cannot work on.
    #[error("{op}: dtype {got} does not fit: {wanted}")]
    DType {
        /// The operation or layer.
        op: String,
        /// The dtype that came.
        got: DType,
        /// What it wanted, and what to do.
        wanted: String,
    },
    /// An argument with a value that makes no sense.
    #[error("invalid value for `{argument}`: got {got}, wanted {wanted}")]
    Argument {
        /// The argument's name, with its owner where that helps (`Dense.units`).
        argument: String,
        /// The value that came.
        got: String,
        /// What it wanted, and what to do.
        wanted: String,
    },
    /// A string that names no member of a family (optimizer, loss, initializer, ...).
    #[error("unknown {family} {got:?}{}", nearest.as_ref().map(|n| format!("; did you mean {n:?}?")).unwrap_or_default())]
    Unknown {
        /// The family that was searched.
        family: String,
        /// The string that came.
        got: String,
        /// The known name that is nearest, if one is near.
        nearest: Option<String>,
    },
    /// Something was used before it was made ready (built, compiled, called).
    #[error("{what} is not ready: {wanted}")]
    NotReady {
        /// What was used.
        what: String,
        /// What has to be done first.
        wanted: String,
    },
    /// Data with content that an operation cannot use (an empty dataset, a label out of range).
    #[error("{what}: {problem}")]
    Data {
        /// The data set, argument or file.
        what: String,
        /// What was found and what was wanted.
        problem: String,
    },
    /// More memory was asked for than there is.
    #[error("out of memory: {asked} bytes were asked for")]
    OutOfMemory {
        /// The size of the allocation that failed.
        asked: usize,
    },
    /// A value was asked of a tensor that has only a shape.
    #[error(
        "{op}: this tensor has a shape {shape} but no data, because shapes are being inferred; use tensor operations instead of reading values"
    )]
    NoData {
        /// What asked for the value.
        op: String,
        /// The tensor's shape.
        shape: Shape,
    },
    /// An operation that has no derivative met the gradient tape.
    #[error("{op} has no gradient: {wanted}")]
    NoGradient {
        /// The operation.
        op: String,
        /// Why, and what to do.
        wanted: String,
    },
    /// An error inside a layer, with the layer's name.
    #[error("in layer `{name}` ({class}): {source}")]
    InLayer {
        /// The layer's name.
        name: String,
        /// The layer's class.
        class: String,
        /// What went wrong there.
        source: Box<Error>,
    },
    /// A file that could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file or text that is not what it should be.
    #[error("{what}: {problem}")]
    Format {
        /// The file or text.
        what: String,
        /// What was found and what was wanted.
        problem: String,
    },
    /// A callback or user function stopped the work with its own reason.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// Shapes that do not fit `op`.
    pub fn shape(op: impl Into<String>, got: &[&[usize]], wanted: impl Into<String>) -> Self {
        let got = got
            .iter()
            .map(|s| Shape::from(*s).to_string())
            .collect::<Vec<_>>()
            .join(" and ");
        Error::Shape {
            op: op.into(),
            got,
            wanted: wanted.into(),
        }
    }

    /// A dtype that does not fit `op`.
    pub fn dtype(op: impl Into<String>, got: DType, wanted: impl Into<String>) -> Self {
        Error::DType {
            op: op.into(),
            got,
            wanted: wanted.into(),
        }
    }

    /// A value that makes no sense for `argument`.
    pub fn argument(
        argument: impl Into<String>,
        got: impl std::fmt::Display,
        wanted: impl Into<String>,
    ) -> Self {
        Error::Argument {
            argument: argument.into(),
            got: got.to_string(),
            wanted: wanted.into(),
        }
    }

    /// Something was used before it was made ready.
    pub fn not_ready(what: impl Into<String>, wanted: impl Into<String>) -> Self {
        Error::NotReady {
            what: what.into(),
            wanted: wanted.into(),
        }
    }

    /// Data that cannot be used.
    pub fn data(what: impl Into<String>, problem: impl Into<String>) -> Self {
        Error::Data {
            what: what.into(),
            problem: problem.into(),
        }
    }

    /// A file that could not be read or written.
    pub fn io(path: impl AsRef<std::path::Path>, source: std::io::Error) -> Self {
        Error::Io {
            path: path.as_ref().display().to_string(),
            source,
        }
    }
}
