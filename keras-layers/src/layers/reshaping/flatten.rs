use keras_tensor::{Error, Result, Tensor, ops};
use serde::{Deserialize, Serialize};

use crate::{Call, Dims, Layer, Weights};

/// `[batch, ..]` to `[batch, features]`, row by row; with `channels_first`, channels are moved to the end before.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Flatten {
    data_format: String,
}

impl Default for Flatten {
    fn default() -> Self {
        Flatten {
            data_format: "channels_last".into(),
        }
    }
}

impl Flatten {
    /// Flattens as the data lies.
    pub fn new() -> Self {
        Flatten::default()
    }

    /// `"channels_last"`, or `"channels_first"`.
    pub fn data_format(mut self, data_format: &str) -> Self {
        self.data_format = data_format.into();
        self
    }
}

impl Layer for Flatten {
    fn is_weightless(&self) -> bool {
        true
    }

    fn build(&self, _: &Dims, _: &mut Weights) -> Result<()> {
        match self.data_format.as_str() {
            "channels_last" | "channels_first" => Ok(()),
            other => Err(Error::argument(
                "data_format",
                format!("{other:?}"),
                "\"channels_last\" or \"channels_first\"",
            )),
        }
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        if x.rank() == 1 {
            return ops::expand_dims(x, -1);
        }
        if self.data_format == "channels_first" && x.rank() > 2 {
            let order: Vec<usize> = std::iter::once(0).chain(2..x.rank()).chain([1]).collect();
            return ops::flatten(ops::transpose(x, Some(&order))?);
        }
        ops::flatten(x)
    }
}
