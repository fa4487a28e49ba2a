//! Where the axis of channels lies.

use keras_tensor::{Error, Result, Tensor, ops};
use serde::{Deserialize, Serialize};

/// `"channels_last"`, `[batch, .., channels]`, or `"channels_first"`, `[batch, channels, ..]`.
///
/// Nothing, as Keras writes it for the default, means `"channels_last"`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Option<String>", into = "String")]
pub struct DataFormat(String);

impl DataFormat {
    /// Whether channels come before what is in space.
    ///
    /// # Errors
    /// A name that is neither.
    pub fn is_channels_first(&self) -> Result<bool> {
        match self.0.as_str() {
            "channels_last" => Ok(false),
            "channels_first" => Ok(true),
            other => Err(Error::argument(
                "data_format",
                format!("{other:?}"),
                "\"channels_last\" or \"channels_first\"",
            )),
        }
    }

    /// `work` with channels last: on a transposed input where they come first, and its output transposed back.
    pub(crate) fn channels_last(
        &self,
        x: &Tensor,
        work: &mut dyn FnMut(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        if !self.is_channels_first()? {
            return work(x);
        }
        let rank = x.rank();
        let to_last: Vec<usize> = [0].into_iter().chain(2..rank).chain([1]).collect();
        let to_first: Vec<usize> = [0, rank - 1].into_iter().chain(1..rank - 1).collect();
        ops::transpose(work(&ops::transpose(x, Some(&to_last))?)?, Some(&to_first))
    }

    /// The first axis of space: the one after the batch, or after the channels.
    ///
    /// # Errors
    /// A name that is neither.
    pub fn first_in_space(&self) -> Result<usize> {
        Ok(if self.is_channels_first()? { 2 } else { 1 })
    }
}

impl Default for DataFormat {
    fn default() -> Self {
        DataFormat("channels_last".into())
    }
}

impl From<&str> for DataFormat {
    fn from(name: &str) -> Self {
        DataFormat(name.into())
    }
}

impl From<Option<String>> for DataFormat {
    fn from(name: Option<String>) -> Self {
        name.map(DataFormat).unwrap_or_default()
    }
}

impl From<DataFormat> for String {
    fn from(format: DataFormat) -> Self {
        format.0
    }
}
