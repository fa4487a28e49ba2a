use keras_tensor::{Error, Outputs, Result, Tensor, ops};

use super::merge::{beside, check, fold, merge, union_of_masks};
use crate::{Arguments, Call, Dims, Follows, Layer, Weights};

/// Layers that merge a list of tensors element by element.
macro_rules! merge_layers {
    ($($(#[doc = $doc:literal])+ $Layer:ident $name:literal $how:expr $(, $follows:expr)?;)*) => {$(
        layer! {
            $(#[doc = $doc])+
            $Layer() {} keeps {}
        }

        impl Layer for $Layer {
            fn is_weightless(&self) -> bool {
                true
            }

            fn build_many(&self, inputs: &Arguments<Dims>, _: &mut Weights) -> Result<()> {
                check($name, inputs)
            }

            $(fn follows(&self) -> Option<Follows> {
                Some($follows)
            })?

            fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
                $how(std::slice::from_ref(x))
            }

            fn call_many(&self, inputs: &Arguments<Tensor>, _: &Call) -> Result<Outputs> {
                merge(inputs, &$how)
            }
        }
    )*};
}

merge_layers! {
    /// The sum of tensors; those of lower rank get new axes after the batch.
    ///
    /// ```
    /// use keras_layers::{Arguments, Call, LayerRef, layers::Add};
    /// use keras_tensor::ops;
    /// let (x, y) = (ops::ones([2, 3], Default::default())?, ops::ones([2, 3], Default::default())?);
    /// let sum = LayerRef::from(Add::new()).call_many(Arguments::new([x, y]), &Call::inference())?;
    /// assert_eq!(sum[0].to_string(), "[[2 2 2]\n [2 2 2]]");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    Add "add" |all: &[Tensor]| fold(all, &|a, b| ops::add(a, b)), Follows::Sum;

    /// The mean of tensors; those of lower rank get new axes after the batch.
    Average "average" |all: &[Tensor]| {
        ops::divide(fold(all, &|a, b| ops::add(a, b))?, all.len() as f64)
    };

    /// The largest of tensors, element by element; those of lower rank get new axes after the batch.
    ///
    /// Where a tensor is masked, the others count.
    Maximum "maximum" |all: &[Tensor]| choose(all, &|a, b| ops::maximum(a, b));

    /// The smallest of tensors, element by element; those of lower rank get new axes after the batch.
    ///
    /// Where a tensor is masked, the others count.
    Minimum "minimum" |all: &[Tensor]| choose(all, &|a, b| ops::minimum(a, b));

    /// The product of tensors; those of lower rank get new axes after the batch.
    ///
    /// Where a tensor is masked, the others count; where all are, the product is 0.
    Multiply "multiply" multiply;

    /// The first of two tensors minus the second; one of lower rank gets new axes after the batch.
    Subtract "subtract" |all: &[Tensor]| match all {
        [a, b] => ops::subtract(a, b),
        _ => {
            let shapes: Vec<&[usize]> = all.iter().map(|x| &x.shape()[..]).collect();
            Err(Error::shape("subtract", &shapes, "exactly two tensors"))
        }
    };
}

/// Folds tensors; a masked place takes the value of what it meets.
fn choose(all: &[Tensor], f: &dyn Fn(&Tensor, &Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let mask_of = |x: &Tensor| x.mask().map(|m| beside(m, x)).transpose();
    let Some((first, rest)) = all.split_first() else {
        return Err(Error::argument("inputs", "no tensors", "at least one"));
    };
    let (mut y, mut known) = (first.clone(), mask_of(first)?);
    for x in rest {
        let mask = mask_of(x)?;
        let x = match &mask {
            Some(mask) => ops::where_(mask, x, &y)?,
            None => x.clone(),
        };
        if let Some(known) = &known {
            y = ops::where_(known, &y, &x)?;
        }
        known = match (known, mask) {
            (Some(a), Some(b)) => Some(ops::logical_or(a, b)?),
            _ => None,
        };
        y = f(&y, &x)?;
    }
    Ok(y)
}

/// The product; what is masked counts as 1, and as 0 where nothing else is there.
fn multiply(all: &[Tensor]) -> Result<Tensor> {
    let seen = all
        .iter()
        .map(|x| match x.mask() {
            Some(mask) => ops::where_(beside(mask, x)?, x, ops::ones_like(x)?),
            None => Ok(x.clone()),
        })
        .collect::<Result<Vec<_>>>()?;
    let product = fold(&seen, &|a, b| ops::multiply(a, b))?;
    match union_of_masks(all)? {
        Some(mask) => ops::where_(
            beside(&mask, &product)?,
            &product,
            ops::zeros_like(&product)?,
        ),
        None => Ok(product),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LayerRef;
    use crate::layers::Concatenate;

    fn steps(values: &[f32]) -> Tensor {
        let doubled: Vec<f32> = values.iter().flat_map(|&v| [v, v]).collect();
        Tensor::new(&doubled, [1, values.len(), 2]).unwrap()
    }

    /// Masked where a step is 0.
    fn masked(values: &[f32]) -> Tensor {
        let mask: Vec<bool> = values.iter().map(|&v| v != 0.0).collect();
        let mask = Tensor::new(&mask, [1, values.len()]).unwrap();
        steps(values).with_mask(Some(mask))
    }

    fn merged(layer: impl Into<LayerRef>, inputs: [Tensor; 2]) -> Tensor {
        let outputs = layer
            .into()
            .call_many(Arguments::new(inputs), &Call::inference());
        outputs.unwrap().swap_remove(0)
    }

    fn check(
        layer: impl Into<LayerRef>,
        inputs: [Tensor; 2],
        values: &[f32],
        mask: Option<&[bool]>,
    ) {
        let y = merged(layer, inputs);
        assert_eq!(
            y.to_vec::<f32>().unwrap(),
            steps(values).to_vec::<f32>().unwrap()
        );
        let got = y.mask().map(|m| m.to_vec::<bool>().unwrap());
        assert_eq!(got.as_deref(), mask);
    }

    /// The values are those of Keras's merging_test.py.
    #[test]
    fn masked_steps_do_not_count() {
        let a = [0.0, -1.0, 0.0, -3.0];
        let b = [0.0, 0.0, -2.0, -4.0];
        let union: &[bool] = &[false, true, true, true];
        check(
            Maximum::new(),
            [masked(&a), steps(&b)],
            &[0.0, 0.0, -2.0, -3.0],
            None,
        );
        check(
            Maximum::new(),
            [masked(&a), masked(&b)],
            &[0.0, -1.0, -2.0, -3.0],
            Some(union),
        );
        let (c, d) = ([0.0, 1.0, 0.0, 3.0], [0.0, 0.0, 2.0, 4.0]);
        check(
            Minimum::new(),
            [masked(&c), steps(&d)],
            &[0.0, 0.0, 2.0, 3.0],
            None,
        );
        check(
            Minimum::new(),
            [masked(&c), masked(&d)],
            &[0.0, 1.0, 2.0, 3.0],
            Some(union),
        );
        check(
            Multiply::new(),
            [masked(&c), steps(&d)],
            &[0.0, 0.0, 2.0, 12.0],
            None,
        );
        check(
            Multiply::new(),
            [masked(&c), masked(&d)],
            &[0.0, 1.0, 2.0, 12.0],
            Some(union),
        );
        check(
            Add::new(),
            [masked(&c), masked(&d)],
            &[0.0, 1.0, 2.0, 7.0],
            Some(union),
        );
        check(
            Subtract::new(),
            [masked(&c), steps(&d)],
            &[0.0, 1.0, -2.0, -1.0],
            None,
        );
    }

    #[test]
    fn masks_are_put_one_after_the_other() {
        let y = merged(
            Concatenate::new().axis(1),
            [masked(&[0.0, 1.0]), steps(&[0.0])],
        );
        let mask = y.mask().unwrap().to_vec::<bool>().unwrap();
        assert_eq!(mask, [false, true, true]);
    }

    #[test]
    fn one_tensor_is_returned_and_misfits_are_named() {
        let x = masked(&[1.0, 0.0]);
        let y = LayerRef::from(Average::new())
            .call(&x, &Call::inference())
            .unwrap();
        assert_eq!(y.to_string(), x.to_string());
        assert!(y.mask().is_some());
        assert!(
            LayerRef::from(Subtract::new())
                .call(&x, &Call::inference())
                .is_err()
        );
        let inputs = Arguments::new([steps(&[1.0, 2.0]), steps(&[1.0, 2.0, 3.0])]);
        let error = LayerRef::from(Add::new()).call_many(inputs, &Call::inference());
        let message = error.unwrap_err().to_string();
        assert!(message.contains("(1, 2, 2) and (1, 3, 2)"), "{message}");
    }
}
