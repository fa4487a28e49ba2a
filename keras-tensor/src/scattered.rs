//! Gradients of gathered rows: these rows, until somebody reads the whole.

use std::sync::{Arc, OnceLock};

use crate::op::{Op, ScatterAdd, infer};
use crate::{DType, Result, Shape, Tensor, apply_one, kernels, observe};

/// Rows that are to be added to rows of zeros.
pub(crate) struct Scattered {
    values: Tensor,
    /// For each row of the values, that of the whole.
    places: Vec<usize>,
    whole: OnceLock<Tensor>,
}

impl Scattered {
    /// The rows, one after the other.
    pub(crate) fn values(&self) -> &Tensor {
        &self.values
    }

    /// For each row of the values, that of the whole.
    pub(crate) fn places(&self) -> &[usize] {
        &self.places
    }

    /// Whether nobody has read the whole.
    pub(crate) fn is_apart(&self) -> bool {
        self.whole.get().is_none()
    }

    /// Makes the whole, of this shape, if nobody has.
    pub(crate) fn make(&self, shape: &Shape) -> Result<()> {
        if self.is_apart() {
            let whole = kernels::scatter(&self.values, &self.places, 0, shape.clone())?;
            // Another thread may have been first; its whole is the same.
            let _ = self.whole.set(whole);
        }
        Ok(())
    }

    /// The whole, which was made before.
    pub(crate) fn whole(&self) -> &Tensor {
        self.whole
            .get()
            .expect("whoever reads it has made it before")
    }
}

/// What [`Op::ScatterAdd`] makes of `values` `[n, ..]` along the first axis, which gets `size` rows: each row of the values
/// is added to the row of zeros that `places` `[n]` tells. Values and places may have more axes in place of the first.
///
/// Where there are fewer values than rows, the whole is made when it is first read. A step of an optimizer
/// ([`Op::Update`]) never reads it, but only the values.
///
/// ```
/// use keras_tensor::{Tensor, scattered};
/// let values = Tensor::new(&[1.0f32, 2.0, 3.0], [3, 1])?;
/// let whole = scattered(&values, &Tensor::new(&[4, 0, 4], [3])?, 5)?;
/// assert_eq!(whole.to_vec::<f32>()?, [2.0, 0.0, 0.0, 0.0, 4.0]);
/// # Ok::<(), keras_tensor::Error>(())
/// ```
///
/// # Errors
/// Values that are no numbers, places that are no integers or not of the values' first axes, or outside of the rows; no
/// memory.
pub fn scattered(values: &Tensor, places: &Tensor, size: usize) -> Result<Tensor> {
    let op = Op::ScatterAdd(ScatterAdd { axis: 0, size });
    let pays = (1..size).contains(&places.size())
        && values.size() > 0
        && matches!(values.dtype(), DType::F32 | DType::F64)
        && values.has_data()
        && places.has_data();
    if !pays || observe::anybody() {
        return apply_one(op, &[values, places]);
    }
    let spec = infer(&op, &[values, places])?.remove(0);
    let rows = Scattered {
        values: values.clone(),
        places: kernels::places("scatter_add", places, size)?,
        whole: OnceLock::new(),
    };
    Ok(Tensor::of_rows(spec.dtype, spec.shape, Arc::new(rows)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops;

    fn rows() -> (Tensor, Tensor) {
        let values = Tensor::new(&[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [3, 2]).unwrap();
        (values, Tensor::new(&[3, -4, 3], [3]).unwrap())
    }

    #[test]
    fn whoever_reads_it_sees_the_whole() {
        let (values, places) = rows();
        let make = || scattered(&values, &places, 5).unwrap();
        let op = Op::ScatterAdd(ScatterAdd { axis: 0, size: 5 });
        let whole = apply_one(op, &[&values, &places]).unwrap();
        let wanted = whole.to_vec::<f32>().unwrap();
        assert_eq!(wanted, [0.0, 0.0, 3.0, 4.0, 0.0, 0.0, 6.0, 8.0, 0.0, 0.0]);
        assert!(make().scattered().is_some());
        assert_eq!(make().to_vec::<f32>().unwrap(), wanted);
        assert_eq!(make().as_slice::<f32>().unwrap(), wanted);
        assert_eq!(format!("{}", make()), format!("{whole}"));
        let first = ops::slice_axis(make(), 0, 1, 1).unwrap();
        assert_eq!(first.to_vec::<f32>().unwrap(), wanted[2..4]);
        let flat = ops::reshape(make(), &[-1]).unwrap();
        assert!(flat.scattered().is_none());
        assert_eq!(flat.to_vec::<f32>().unwrap(), wanted);
        assert_eq!(
            ops::add(make(), make()).unwrap().to_vec::<f32>().unwrap()[2],
            6.0
        );
    }

    #[test]
    fn many_rows_are_added_at_once() {
        let (values, places) = rows();
        assert!(
            scattered(&values, &places, 4)
                .unwrap()
                .scattered()
                .is_some()
        );
        let places = ops::clip(&places, 0.0, 2.0).unwrap();
        let places = ops::cast(places, DType::I32).unwrap();
        assert!(
            scattered(&values, &places, 3)
                .unwrap()
                .scattered()
                .is_none()
        );
    }

    #[test]
    fn places_outside_are_errors() {
        let (values, places) = rows();
        let outcome = scattered(&values, &ops::add(places, 2).unwrap(), 5);
        assert!(outcome.unwrap_err().to_string().contains("index 5"));
    }
}
