//! Axes in configs: Keras takes one number or several.

use keras_tensor::op;
use keras_tensor::{Result, ops::IntoAxes};
use serde::{Deserialize, Deserializer, Serialize};
use std::ops::Deref;

/// One axis, or several; a config keeps the form that was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Axes {
    /// One axis.
    One(isize),
    /// Several axes.
    Several(Vec<isize>),
}

/// Axes that a config always holds as a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Axes")]
pub struct AxisList(Vec<isize>);

/// One axis, which Keras 2 wrote as a list of one; for `#[serde(deserialize_with)]`.
pub(crate) fn one_axis<'de, D: Deserializer<'de>>(d: D) -> std::result::Result<isize, D::Error> {
    match &Axes::deserialize(d)?[..] {
        [axis] => Ok(*axis),
        several => Err(serde::de::Error::invalid_length(several.len(), &"one axis")),
    }
}

impl Deref for Axes {
    type Target = [isize];
    fn deref(&self) -> &[isize] {
        match self {
            Axes::One(axis) => std::slice::from_ref(axis),
            Axes::Several(axes) => axes,
        }
    }
}

impl Deref for AxisList {
    type Target = [isize];
    fn deref(&self) -> &[isize] {
        &self.0
    }
}

impl IntoAxes for &Axes {
    fn axes(&self, rank: usize, op: &str) -> Result<op::Axes> {
        (&self[..]).axes(rank, op)
    }
}

impl IntoAxes for &AxisList {
    fn axes(&self, rank: usize, op: &str) -> Result<op::Axes> {
        (&self[..]).axes(rank, op)
    }
}

impl From<isize> for Axes {
    fn from(axis: isize) -> Self {
        Axes::One(axis)
    }
}

impl<const N: usize> From<[isize; N]> for Axes {
    fn from(axes: [isize; N]) -> Self {
        Axes::Several(axes.to_vec())
    }
}

impl From<&[isize]> for Axes {
    fn from(axes: &[isize]) -> Self {
        Axes::Several(axes.to_vec())
    }
}

impl From<Vec<isize>> for Axes {
    fn from(axes: Vec<isize>) -> Self {
        Axes::Several(axes)
    }
}

impl<T: Into<Axes>> From<T> for AxisList {
    fn from(axes: T) -> Self {
        AxisList(axes.into().to_vec())
    }
}
