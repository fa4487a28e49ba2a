//! Sizes along axes of space in configs: Keras takes one number or one for each axis, and writes a list.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Deref;

/// A size for each of `N` axes of space; one number stands for all.
///
/// ```
/// use keras_layers::Sizes;
/// assert_eq!(Sizes::<2>::from(3)[..], [3, 3]);
/// assert_eq!(Sizes::<2>::from([3, 5])[..], [3, 5]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Vec<usize>")]
pub struct Sizes<const N: usize>([usize; N]);

/// As configs hold it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    One(usize),
    Several(Vec<usize>),
}

impl<const N: usize> Deref for Sizes<N> {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl<const N: usize> From<usize> for Sizes<N> {
    fn from(size: usize) -> Self {
        Sizes([size; N])
    }
}

impl<const N: usize> From<[usize; N]> for Sizes<N> {
    fn from(sizes: [usize; N]) -> Self {
        Sizes(sizes)
    }
}

impl<const N: usize> From<Sizes<N>> for Vec<usize> {
    fn from(sizes: Sizes<N>) -> Self {
        sizes.0.to_vec()
    }
}

impl<const N: usize> TryFrom<Form> for Sizes<N> {
    type Error = String;
    fn try_from(form: Form) -> Result<Self, String> {
        match form {
            Form::One(size) => Ok(size.into()),
            Form::Several(sizes) => {
                let got = sizes.len();
                let wrong = |_| format!("{got} sizes, where one or {N} are wanted");
                sizes.try_into().map(Sizes).map_err(wrong)
            }
        }
    }
}

/// As Python prints it: `(3, 3)`.
impl<const N: usize> fmt::Display for Sizes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self.0.iter().map(usize::to_string).collect();
        write!(f, "({})", sizes.join(", "))
    }
}
