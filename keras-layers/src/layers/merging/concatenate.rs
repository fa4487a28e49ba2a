use keras_tensor::{DType, Outputs, Result, Tensor, ops};

use super::merge::{any_of_last, beside, misfit};
use crate::layer::only_output;
use crate::{Arguments, Call, Dims, Layer, Weights};

layer! {
    /// Tensors one after the other along an axis; all other axes have equal sizes.
    ///
    /// Masks are put one after the other, too; a tensor without one counts as not masked.
    ///
    /// ```
    /// use keras_layers::{Arguments, Call, LayerRef, layers::Concatenate};
    /// use keras_tensor::ops;
    /// let (x, y) = (ops::ones([2, 3], Default::default())?, ops::ones([2, 4], Default::default())?);
    /// let layer = LayerRef::from(Concatenate::new());
    /// let both = layer.call_many(Arguments::new([x, y]), &Call::inference())?;
    /// assert_eq!(both[0].shape().to_string(), "(2, 7)");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    Concatenate() {
        /// The axis; -1 by default.
        set axis: isize = -1,
    } keeps {}
}

impl Concatenate {
    fn masks(&self, inputs: &[Tensor]) -> Result<Option<Tensor>> {
        if inputs.iter().all(|x| x.mask().is_none()) {
            return Ok(None);
        }
        let masks = inputs
            .iter()
            .map(|x| match x.mask() {
                Some(mask) => ops::broadcast_to(beside(mask, x)?, x.shape().clone()),
                None => ops::full(x.shape().clone(), 1.0, DType::Bool),
            })
            .collect::<Result<Vec<_>>>()?;
        let all = ops::concatenate(&masks.iter().collect::<Vec<_>>(), self.axis)?;
        any_of_last(&all).map(Some)
    }
}

impl Layer for Concatenate {
    fn is_weightless(&self) -> bool {
        true
    }

    fn build_many(&self, inputs: &Arguments<Dims>, _: &mut Weights) -> Result<()> {
        let first = inputs.first()?;
        let all = inputs.inputs();
        let rank = first.len() as isize;
        let axis = if self.axis < 0 {
            self.axis + rank
        } else {
            self.axis
        };
        if !(0..rank).contains(&axis) {
            return Err(misfit(
                "concatenate",
                all,
                &format!("inputs with an axis {}", self.axis),
            ));
        }
        for other in all {
            let fits = |(i, (a, b)): (usize, (&Option<usize>, &Option<usize>))| {
                i == axis as usize || a.is_none() || b.is_none() || a == b
            };
            let same = first.iter().zip(other.iter()).enumerate().all(fits);
            if other.len() != first.len() || !same {
                let wanted = format!("inputs with equal sizes of all axes but {}", self.axis);
                return Err(misfit("concatenate", all, &wanted));
            }
        }
        Ok(())
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        Ok(x.clone())
    }

    fn call_many(&self, inputs: &Arguments<Tensor>, _: &Call) -> Result<Outputs> {
        let all = inputs.inputs();
        let y = ops::concatenate(&all.iter().collect::<Vec<_>>(), self.axis)?;
        only_output(y, self.masks(all))
    }
}
