//! Axes in configs: Keras takes one number or several.

use keras_tensor::op;
use keras_tensor::{Result, ops::IntoAxes};
use serde::{Deserialize, Serialize};
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

/// One axis, which Keras 2 wrote as a list of one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Axes")]
pub struct Axis(pub isize);

impl TryFrom<Axes> for Axis {
    type Error = String;

    fn try_from(axes: Axes) -> std::result::Result<Self, String> {
        match &axes[..] {
            [axis] => Ok(Axis(*axis)),
            several => Err(format!("got {several:?}, wanted one axis")),
        }
    }
}

impl From<isize> for Axis {
    fn from(axis: isize) -> Self {
        Axis(axis)
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
