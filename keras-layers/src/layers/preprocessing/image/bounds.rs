use keras_tensor::{Error, Result};
use serde::{Deserialize, Serialize};

use super::super::Numbers;

/// How far something may go: `0.2` from -0.2 to 0.2, `[0.1, 0.3]` from 0.1 to 0.3.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Numbers")]
pub struct Bounds(Numbers);

impl From<Numbers> for Bounds {
    fn from(numbers: Numbers) -> Self {
        match numbers {
            Numbers::One(number) => number.into(),
            several => Bounds(several),
        }
    }
}

impl From<f64> for Bounds {
    fn from(number: f64) -> Self {
        [-number.abs(), number.abs()].into()
    }
}

impl From<[f64; 2]> for Bounds {
    fn from(bounds: [f64; 2]) -> Self {
        Bounds(bounds.into())
    }
}

impl Bounds {
    /// The lower and the upper one, of an argument of this name; both from -1 to 1.
    ///
    /// # Errors
    /// Anything else.
    pub(super) fn of(&self, argument: &str) -> Result<[f64; 2]> {
        of(&self.0, argument)
    }
}

/// [`Bounds::of`] of what configs hold as it was given.
pub(super) fn of(numbers: &Numbers, argument: &str) -> Result<[f64; 2]> {
    let bounds = match numbers {
        Numbers::One(number) => Some([-number.abs(), number.abs()]),
        Numbers::Several(list) => match list[..] {
            [Numbers::One(a), Numbers::One(b)] => Some([a.min(b), a.max(b)]),
            _ => None,
        },
    };
    let inside = |bounds: &[f64; 2]| bounds.iter().all(|b| (-1.0..=1.0).contains(b));
    bounds.filter(inside).ok_or_else(|| {
        let wanted = "a number from -1 to 1, or two of them";
        Error::argument(argument, format!("{numbers:?}"), wanted)
    })
}
