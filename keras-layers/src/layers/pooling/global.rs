use keras_tensor::op::Fold;
use keras_tensor::{DType, Error, Outputs, Result, Tensor, ops};

use crate::{Arguments, Call, DataFormat, Layer};

macro_rules! global {
    ($(#[doc = $doc:literal])+ $Layer:ident, $space:literal, $fold:ident, $takes_mask:literal) => {
        layer! {
            $(#[doc = $doc])+
            $Layer() {
                /// Where channels lie; `channels_last` by default.
                into data_format: DataFormat = DataFormat::default(),
                /// Whether the axes of space stay, of size 1; they go by default.
                set keepdims: bool = false,
            } keeps {}
        }

        impl Layer for $Layer {
            fn is_weightless(&self) -> bool {
                true
            }

            fn takes_mask(&self) -> bool {
                $takes_mask
            }

            fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
                let first = self.data_format.first_in_space()?;
                if x.rank() != $space + 2 {
                    let wanted = format!("{} axes: batch, {} of space, channels", $space + 2, $space);
                    return Err(Error::shape("pooling", &[x.shape()], wanted));
                }
                let mask = x.mask().filter(|_| $takes_mask);
                if let Some(mask) = mask {
                    return mean_of_seen(x, mask, first, self.keepdims);
                }
                let axes: Vec<isize> = (first..first + $space).map(|a| a as isize).collect();
                ops::reduce(x, Fold::$fold, &axes[..], self.keepdims)
            }

            fn call_many(&self, inputs: &Arguments<Tensor>, cx: &Call) -> Result<Outputs> {
                let x = inputs.first()?;
                let y = match inputs.tensor(1, "mask").filter(|_| $takes_mask) {
                    Some(mask) => self.call(&x.clone().with_mask(Some(mask.clone())), cx)?,
                    None => self.call(x, cx)?,
                };
                Ok(Outputs::from_iter([y]))
            }

            fn mask(&self, _: &Tensor) -> Result<Option<Tensor>> {
                Ok(None)
            }
        }
    };
}

/// The mean over time of the steps that the mask shows.
fn mean_of_seen(x: &Tensor, mask: &Tensor, time: usize, keepdims: bool) -> Result<Tensor> {
    let channels = if time == 1 { 2 } else { 1 };
    let mask = ops::expand_dims(ops::cast(mask, DType::Bool)?, channels)?;
    let seen = ops::where_(&mask, x, ops::zeros_like(x)?)?;
    let sum = |x: &Tensor| ops::reduce(x, Fold::Sum, time as isize, keepdims);
    ops::divide(sum(&seen)?, sum(&ops::cast(&mask, x.dtype())?)?)
}

global! {
    /// The mean over time, `[batch, time, channels]` to `[batch, channels]`; masked steps do not count.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::GlobalAveragePooling1D};
    /// use keras_tensor::Tensor;
    /// let layer = LayerRef::from(GlobalAveragePooling1D::new());
    /// let x = Tensor::new(&[1.0f32, 5.0], [1, 2, 1])?;
    /// assert_eq!(layer.call(&x, &Call::inference())?.to_vec::<f32>()?, [3.0]);
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    GlobalAveragePooling1D, 1, Mean, true
}
global! {
    /// The mean over an image, `[batch, rows, columns, channels]` to `[batch, channels]`.
    GlobalAveragePooling2D, 2, Mean, false
}
global! {
    /// The mean over a volume, `[batch, a, b, c, channels]` to `[batch, channels]`.
    GlobalAveragePooling3D, 3, Mean, false
}
global! {
    /// The largest over time, `[batch, time, channels]` to `[batch, channels]`.
    GlobalMaxPooling1D, 1, Max, false
}
global! {
    /// The largest over an image, `[batch, rows, columns, channels]` to `[batch, channels]`.
    GlobalMaxPooling2D, 2, Max, false
}
global! {
    /// The largest over a volume, `[batch, a, b, c, channels]` to `[batch, channels]`.
    GlobalMaxPooling3D, 3, Max, false
}
