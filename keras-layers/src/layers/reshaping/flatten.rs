use keras_tensor::{Result, Tensor, ops};

use crate::{Call, DataFormat, Dims, Layer, Weights};

layer! {
    /// `[batch, ..]` to `[batch, features]`, row by row; with `channels_first`, channels are moved to the end before.
    Flatten() {
        /// Where channels lie; `channels_last` by default.
        into data_format: DataFormat = DataFormat::default(),
    } keeps {}
}

impl Layer for Flatten {
    fn is_weightless(&self) -> bool {
        true
    }

    fn build(&self, _: &Dims, _: &mut Weights) -> Result<()> {
        self.data_format.is_channels_first().map(|_| ())
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        if x.rank() == 1 {
            return ops::expand_dims(x, -1);
        }
        if self.data_format.is_channels_first()? && x.rank() > 2 {
            let order: Vec<usize> = std::iter::once(0).chain(2..x.rank()).chain([1]).collect();
            return ops::flatten(ops::transpose(x, Some(&order))?);
        }
        ops::flatten(x)
    }

    fn mask(&self, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }
}
