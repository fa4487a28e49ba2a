//! To and from ndarray.

use ndarray::{ArrayBase, ArrayD, Data, Dimension, IxDyn};

use crate::dtype::Element;
use crate::{Error, Result, Tensor};

impl<T, S, D> TryFrom<&ArrayBase<S, D>> for Tensor
where
    T: Element,
    S: Data<Elem = T>,
    D: Dimension,
{
    type Error = Error;

    /// A tensor with a copy of the elements, in row-major order whatever the array's layout is.
    fn try_from(array: &ArrayBase<S, D>) -> Result<Self> {
        let shape = array.shape();
        match array.as_slice() {
            Some(data) => Tensor::new(data, shape),
            None => Tensor::new(&array.iter().copied().collect::<Vec<T>>(), shape),
        }
    }
}

impl Tensor {
    /// The elements as an ndarray array.
    ///
    /// # Errors
    /// Another dtype, or no data.
    pub fn to_ndarray<T: Element>(&self) -> Result<ArrayD<T>> {
        ArrayD::from_shape_vec(IxDyn(self.shape()), self.to_vec()?)
            .map_err(|e| Error::data("to_ndarray", e.to_string()))
    }

    /// The tensor in another dtype.
    ///
    /// # Errors
    /// No memory.
    pub fn to_dtype(&self, dtype: crate::DType) -> Result<Tensor> {
        crate::ops::cast(self, dtype)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn layout_does_not_matter() {
        let a = array![[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let t = Tensor::try_from(&a.t()).unwrap();
        assert_eq!(t.shape(), &[3, 2]);
        assert_eq!(t.to_vec::<f32>().unwrap(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(t.to_ndarray::<f32>().unwrap(), a.t().into_dyn());
    }
}
