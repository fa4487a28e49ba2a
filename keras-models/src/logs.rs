//! Named numbers.

use std::fmt;

/// Named numbers in the order in which they are shown: `loss`, `accuracy`, `val_loss`, ...
///
/// The same numbers are printed, returned in `History` and given to callbacks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logs(Vec<(String, f64)>);

impl Logs {
    /// No numbers.
    pub fn new() -> Self {
        Logs::default()
    }

    /// The number of this name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| *v)
    }

    /// Sets the number of this name, at the end where it is new.
    pub fn set(&mut self, name: &str, value: f64) {
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some((_, v)) => *v = value,
            None => self.0.push((name.to_string(), value)),
        }
    }

    /// Names and numbers.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(n, v)| (n.as_str(), *v))
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(n, _)| n.as_str())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Brings the names into the order of the alphabet, as Keras 3 does.
    pub(crate) fn sort(&mut self) {
        self.0.sort_by(|a, b| a.0.cmp(&b.0));
    }
}

/// `accuracy: 0.9500 - loss: 0.1234`
impl fmt::Display for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self
            .iter()
            .map(|(n, v)| format!("{n}: {}", shown(v)))
            .collect();
        f.write_str(&parts.join(" - "))
    }
}

/// A number as the progress bar shows it: four places, or an exponent for small ones.
pub(crate) fn shown(value: f64) -> String {
    if value.abs() > 1e-3 {
        return format!("{value:.4}");
    }
    // Python writes exponents of at least two digits, with their sign.
    let text = format!("{value:.4e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => {
            let exponent: i32 = exponent.parse().unwrap_or(0);
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.abs())
        }
        None => text.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_python_shows_them() {
        for (value, text) in [
            (0.94567, "0.9457"),
            (12.0, "12.0000"),
            (0.0, "0.0000e+00"),
            (1.5e-5, "1.5000e-05"),
            (-2.0, "-2.0000"),
            (1e-120, "1.0000e-120"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(shown(value), text);
        }
    }
}
