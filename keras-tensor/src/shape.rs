//! Shapes, decided at run time and kept inline up to six axes.

use smallvec::SmallVec;
use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::{Error, Result};

/// The sizes of a tensor's axes, outermost first.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(SmallVec<[usize; 6]>);

impl Shape {
    /// The shape of a scalar, `[]`.
    pub fn scalar() -> Self {
        Shape::default()
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The number of elements.
    pub fn size(&self) -> usize {
        self.0.iter().product()
    }

    /// The number of elements, or an error where it cannot be counted.
    pub fn checked_size(&self, op: &str) -> Result<usize> {
        self.0
            .iter()
            .try_fold(1usize, |a, &n| a.checked_mul(n))
            .filter(|&n| n <= isize::MAX as usize / 8)
            .ok_or_else(|| Error::shape(op, &[self], "fewer elements than memory can hold"))
    }

    /// Adds an axis at the end.
    pub fn push(&mut self, n: usize) {
        self.0.push(n);
    }

    /// Adds an axis before `axis`.
    pub fn insert(&mut self, axis: usize, n: usize) {
        self.0.insert(axis, n);
    }

    /// Takes an axis away.
    pub fn remove(&mut self, axis: usize) -> usize {
        self.0.remove(axis)
    }

    /// The shape that `self` and `other` broadcast to, by NumPy's rules.
    pub fn broadcast(&self, other: &Shape, op: &str) -> Result<Shape> {
        let rank = self.rank().max(other.rank());
        let at = |s: &Shape, i: usize| {
            let missing = rank - s.rank();
            if i < missing { 1 } else { s[i - missing] }
        };
        (0..rank)
            .map(|i| match (at(self, i), at(other, i)) {
                (a, b) if a == b => Ok(a),
                (1, b) => Ok(b),
                (a, 1) => Ok(a),
                _ => Err(Error::shape(
                    op,
                    &[self, other],
                    "each axis, counted from the last, must be equal or 1",
                )),
            })
            .collect()
    }

    /// The axis that `axis` means, negative counting from the last.
    pub fn axis(&self, axis: isize, op: &str) -> Result<usize> {
        let rank = self.rank() as isize;
        let i = if axis < 0 { axis + rank } else { axis };
        if (0..rank).contains(&i) {
            Ok(i as usize)
        } else {
            Err(Error::Shape {
                op: op.to_string(),
                got: self.to_string(),
                wanted: format!(
                    "axis {axis} is outside of a tensor with {rank} axes; give one from {} to {}",
                    -rank,
                    rank - 1
                ),
            })
        }
    }
}

impl Deref for Shape {
    type Target = [usize];
    #[inline]
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl DerefMut for Shape {
    fn deref_mut(&mut self) -> &mut [usize] {
        &mut self.0
    }
}

impl From<&[usize]> for Shape {
    fn from(s: &[usize]) -> Self {
        Shape(SmallVec::from_slice(s))
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(s: [usize; N]) -> Self {
        Shape(SmallVec::from_slice(&s))
    }
}

impl From<Vec<usize>> for Shape {
    fn from(s: Vec<usize>) -> Self {
        Shape(SmallVec::from_vec(s))
    }
}

impl From<&Shape> for Shape {
    fn from(s: &Shape) -> Self {
        s.clone()
    }
}

impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(i: I) -> Self {
        Shape(i.into_iter().collect())
    }
}

impl<T: AsRef<[usize]> + ?Sized> PartialEq<T> for Shape {
    fn eq(&self, other: &T) -> bool {
        self.0.as_slice() == other.as_ref()
    }
}

/// As Python prints a tuple: `(32, 784)`, `(3,)`, `()`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [n] => write!(f, "({n},)"),
            axes => {
                let axes: Vec<String> = axes.iter().map(ToString::to_string).collect();
                write!(f, "({})", axes.join(", "))
            }
        }
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasts_as_numpy() {
        let s = |v: &[usize]| Shape::from(v);
        assert_eq!(
            s(&[2, 1, 3]).broadcast(&s(&[4, 1]), "add").unwrap(),
            [2, 4, 3]
        );
        assert_eq!(s(&[]).broadcast(&s(&[0, 2]), "add").unwrap(), [0, 2]);
        let message = s(&[2]).broadcast(&s(&[3]), "add").unwrap_err().to_string();
        assert!(message.contains("add: shapes (2,) and (3,)"), "{message}");
    }

    #[test]
    fn axis_out_of_range_says_which_are_allowed() {
        let message = Shape::from([2, 3])
            .axis(2, "softmax")
            .unwrap_err()
            .to_string();
        assert!(message.contains("from -2 to 1"), "{message}");
    }
}
