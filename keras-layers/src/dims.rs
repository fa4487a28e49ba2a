//! Shapes in which some axes are not known yet.

use keras_tensor::{Error, Result, Shape, SmallVec};
use std::fmt;
use std::ops::Deref;

/// The sizes of axes, `None` where any size will do: the batch axis of a model's input is `None`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dims(SmallVec<[Option<usize>; 6]>);

impl Dims {
    /// The size of the last axis.
    ///
    /// # Errors
    /// There is no axis, or its size is not known.
    pub fn last(&self) -> Result<usize> {
        self.axis(-1)
    }

    /// The size of an axis, negative ones counting from the last.
    ///
    /// # Errors
    /// There is no such axis, or its size is not known.
    pub fn axis(&self, axis: isize) -> Result<usize> {
        let rank = self.0.len() as isize;
        let i = if axis < 0 { axis + rank } else { axis };
        self.0
            .get(usize::try_from(i).unwrap_or(usize::MAX))
            .copied()
            .flatten()
            .ok_or_else(|| {
                Error::argument(
                    "input shape",
                    self,
                    format!("a known size of axis {axis}, because weights have that size"),
                )
            })
    }

    /// Whether a tensor of this shape fits: equal sizes where they are known.
    pub fn fits(&self, shape: &[usize]) -> bool {
        self.0.len() == shape.len()
            && self
                .0
                .iter()
                .zip(shape)
                .all(|(d, n)| d.is_none_or(|d| d == *n))
    }

    /// The same shape with the first axis unknown.
    pub fn any_batch(mut self) -> Self {
        if let Some(first) = self.0.first_mut() {
            *first = None;
        }
        self
    }

    /// The shape, if every size is known.
    pub fn known(&self) -> Option<Shape> {
        self.0
            .iter()
            .copied()
            .collect::<Option<SmallVec<[usize; 6]>>>()
            .map(|s| Shape::from(&s[..]))
    }
}

impl Deref for Dims {
    type Target = [Option<usize>];
    fn deref(&self) -> &[Option<usize>] {
        &self.0
    }
}

impl<const N: usize> From<[Option<usize>; N]> for Dims {
    fn from(d: [Option<usize>; N]) -> Self {
        Dims(SmallVec::from_slice(&d))
    }
}

impl<const N: usize> From<[usize; N]> for Dims {
    fn from(d: [usize; N]) -> Self {
        d.into_iter().map(Some).collect()
    }
}

impl From<&Shape> for Dims {
    fn from(s: &Shape) -> Self {
        s.iter().copied().map(Some).collect()
    }
}

impl From<&Dims> for Dims {
    fn from(d: &Dims) -> Self {
        d.clone()
    }
}

impl FromIterator<Option<usize>> for Dims {
    fn from_iter<I: IntoIterator<Item = Option<usize>>>(i: I) -> Self {
        Dims(i.into_iter().collect())
    }
}

/// As Python prints it: `(None, 784)`.
impl fmt::Display for Dims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let axes: Vec<String> = self
            .0
            .iter()
            .map(|d| d.map_or("None".to_string(), |n| n.to_string()))
            .collect();
        match axes.as_slice() {
            [one] => write!(f, "({one},)"),
            _ => write!(f, "({})", axes.join(", ")),
        }
    }
}

impl serde::Serialize for Dims {
    fn serialize<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        self.0.as_slice().serialize(s)
    }
}

impl<'de> serde::Deserialize<'de> for Dims {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        Ok(Vec::<Option<usize>>::deserialize(d)?.into_iter().collect())
    }
}
