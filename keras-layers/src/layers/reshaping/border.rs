//! How much is cut off or put around each axis of space.

use keras_tensor::{Error, Result, Tensor};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::DataFormat;

/// Elements before and after each of `N` axes: one number for all, one or a pair for each axis.
///
/// In one dimension a pair is `(before, after)`; in more, two numbers are one for each axis, as in Keras.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Border<const N: usize>([(usize, usize); N]);

impl<const N: usize> Border<N> {
    /// As many elements before as after each axis.
    pub(super) const fn even(width: usize) -> Self {
        Border([(width, width); N])
    }

    /// The widths for each axis of `x`, whose axes of space begin where `format` says.
    pub(super) fn widths(
        &self,
        x: &Tensor,
        format: &DataFormat,
        layer: &str,
    ) -> Result<Vec<(usize, usize)>> {
        if x.rank() != N + 2 {
            return Err(Error::shape(
                layer,
                &[x.shape()],
                format!("an input with {} axes", N + 2),
            ));
        }
        let mut widths = vec![(0, 0); x.rank()];
        let first = format.first_in_space()?;
        widths[first..first + N].copy_from_slice(&self.0);
        Ok(widths)
    }
}

impl<const N: usize> From<usize> for Border<N> {
    fn from(width: usize) -> Self {
        Border::even(width)
    }
}

impl<const N: usize> From<[usize; N]> for Border<N> {
    fn from(widths: [usize; N]) -> Self {
        Border(widths.map(|w| (w, w)))
    }
}

impl<const N: usize> From<[(usize, usize); N]> for Border<N> {
    fn from(widths: [(usize, usize); N]) -> Self {
        Border(widths)
    }
}

impl From<(usize, usize)> for Border<1> {
    fn from(widths: (usize, usize)) -> Self {
        Border([widths])
    }
}

impl From<(usize, usize)> for Border<2> {
    fn from((rows, columns): (usize, usize)) -> Self {
        [rows, columns].into()
    }
}

impl From<((usize, usize), (usize, usize))> for Border<2> {
    fn from((rows, columns): ((usize, usize), (usize, usize))) -> Self {
        Border([rows, columns])
    }
}

impl From<(usize, usize, usize)> for Border<3> {
    fn from((a, b, c): (usize, usize, usize)) -> Self {
        [a, b, c].into()
    }
}

/// Pairs, but one dimension's pair is not in a list of its own.
impl<const N: usize> Serialize for Border<N> {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(s),
            several => several.serialize(s),
        }
    }
}

impl<'de, const N: usize> Deserialize<'de> for Border<N> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        let json = Value::deserialize(d)?;
        let wanted = || {
            D::Error::custom(format!(
                "{json} is no border of {N} axes: a number that is not negative, or for each axis a number or a pair"
            ))
        };
        let one = |v: &Value| v.as_u64().map(|n| (n as usize, n as usize));
        let pair = |v: &Value| match v.as_array().map(Vec::as_slice) {
            Some([a, b]) => Some((a.as_u64()? as usize, b.as_u64()? as usize)),
            _ => one(v),
        };
        if let Some(all) = one(&json) {
            return Ok(Border([all; N]));
        }
        let widths: Option<Vec<_>> = match (N, json.as_array()) {
            (1, Some(_)) => pair(&json).map(|p| vec![p]),
            (_, Some(list)) => list.iter().map(pair).collect(),
            _ => None,
        };
        let widths = widths.and_then(|w| <[(usize, usize); N]>::try_from(w).ok());
        widths.map(Border).ok_or_else(wanted)
    }
}
