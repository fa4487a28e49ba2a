//! Numbers in configs: one, or lists of them as deep as axes.

use keras_tensor::{DType, Error, Result, Shape, Tensor};
use serde::{Deserialize, Serialize};

/// One number, or a list: `2.0.into()`, `[0.5, 1.0].into()`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Form")]
pub enum Numbers {
    /// One number.
    #[serde(untagged)]
    One(f64),
    /// A list of numbers or of lists of one length.
    #[serde(untagged)]
    Several(Vec<Numbers>),
}

/// As configs hold it: Keras puts an array of numpy into an object.
#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    One(f64),
    Several(Vec<Numbers>),
    Array { config: Held },
}

#[derive(Deserialize)]
struct Held {
    value: Numbers,
}

impl From<Form> for Numbers {
    fn from(form: Form) -> Self {
        match form {
            Form::One(number) => Numbers::One(number),
            Form::Several(list) => Numbers::Several(list),
            Form::Array { config } => config.value,
        }
    }
}

impl From<f64> for Numbers {
    fn from(number: f64) -> Self {
        Numbers::One(number)
    }
}

impl<const N: usize> From<[f64; N]> for Numbers {
    fn from(list: [f64; N]) -> Self {
        list.to_vec().into()
    }
}

impl From<Vec<f64>> for Numbers {
    fn from(list: Vec<f64>) -> Self {
        Numbers::Several(list.into_iter().map(Numbers::One).collect())
    }
}

impl Numbers {
    /// The sizes of the lists, outer ones first; none for a number.
    ///
    /// # Errors
    /// Lists of several lengths side by side.
    pub fn shape(&self) -> Result<Shape> {
        let Numbers::Several(list) = self else {
            return Ok(Shape::from(&[][..]));
        };
        let mut shapes = list.iter().map(Numbers::shape);
        let first = shapes.next().unwrap_or_else(|| Ok(Shape::from(&[][..])))?;
        for shape in shapes {
            let shape = shape?;
            if shape != first {
                let wanted = "lists of one length";
                return Err(Error::shape("numbers", &[&first, &shape], wanted));
            }
        }
        Ok(std::iter::once(list.len())
            .chain(first.iter().copied())
            .collect())
    }

    /// As a tensor.
    ///
    /// # Errors
    /// Those of [`Numbers::shape`].
    pub fn tensor(&self, dtype: DType) -> Result<Tensor> {
        let (shape, mut data) = (self.shape()?, Vec::new());
        self.collect(&mut data);
        Tensor::from_f64(&data, shape, dtype)
    }

    fn collect(&self, data: &mut Vec<f64>) {
        match self {
            Numbers::One(number) => data.push(*number),
            Numbers::Several(list) => list.iter().for_each(|n| n.collect(data)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    #[test]
    fn numbers_lists_and_arrays_are_read() {
        for (json, shape) in [
            (json!(2), "()"),
            (json!([1.0, 2.0]), "(2,)"),
            (json!([[1, 2, 3], [4, 5, 6]]), "(2, 3)"),
            (
                json!({"class_name": "__numpy__", "config": {"value": [1, 2], "dtype": "float64"}}),
                "(2,)",
            ),
        ] {
            let numbers: Numbers = from_value(json).unwrap();
            assert_eq!(numbers.shape().unwrap().to_string(), shape);
        }
        let ragged: Numbers = from_value(json!([[1, 2], [3]])).unwrap();
        assert!(ragged.tensor(DType::F32).is_err());
        assert!(from_value::<Numbers>(json!("two")).is_err());
        assert_eq!(json!(Numbers::from([0.5, 1.0])), json!([0.5, 1.0]));
    }
}
