use keras_tensor::ops::{self, Interpolation};
use keras_tensor::{Error, Result, Tensor};

use crate::{Call, DataFormat, Layer, Sizes};

layer! {
    /// Each step several times, `[batch, time, channels]`.
    UpSampling1D(
        /// How many times.
        set size: usize = 2,
    ) {} keeps {}
}

layer! {
    /// Images in a size that is a multiple of theirs, `[batch, rows, columns, channels]`.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::UpSampling2D};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(UpSampling2D::new([2, 3]).interpolation("bilinear"));
    /// let y = layer.call(&ops::ones([1, 4, 4, 3], Default::default())?, &Call::inference())?;
    /// assert_eq!(y.shape().to_string(), "(1, 8, 12, 3)");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    UpSampling2D(
        /// How many times larger: one number, or one for rows and one for columns.
        into size: Sizes<2> = Sizes::from(2),
    ) {
        /// Where channels lie; `channels_last` by default.
        into data_format: DataFormat = DataFormat::default(),
        /// `"nearest"` (the default), `"bilinear"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.
        into interpolation: String = "nearest".into(),
    } keeps {}
}

layer! {
    /// Each element of volumes several times along each axis, `[batch, a, b, c, channels]`.
    UpSampling3D(
        /// How many times: one number, or one for each axis.
        into size: Sizes<3> = Sizes::from(2),
    ) {
        /// Where channels lie; `channels_last` by default.
        into data_format: DataFormat = DataFormat::default(),
    } keeps {}
}

/// Each element several times along the axes of space.
fn repeated(x: &Tensor, sizes: &[usize], first: usize) -> Result<Tensor> {
    if x.rank() != sizes.len() + 2 {
        let wanted = format!("{} axes", sizes.len() + 2);
        return Err(Error::shape("up_sampling", &[x.shape()], wanted));
    }
    if sizes.contains(&0) {
        return Err(Error::argument("size", format!("{sizes:?}"), "at least 1"));
    }
    let mut x = x.clone().with_mask(None);
    for (i, &n) in sizes.iter().enumerate().filter(|(_, n)| **n > 1) {
        x = ops::repeat(&x, n, (first + i) as isize)?;
    }
    Ok(x)
}

impl Layer for UpSampling1D {
    fn is_weightless(&self) -> bool {
        true
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        repeated(x, &[self.size], 1)
    }

    fn mask(&self, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }
}

impl Layer for UpSampling2D {
    fn is_weightless(&self) -> bool {
        true
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        let interpolation: Interpolation = self.interpolation.parse()?;
        let first = self.data_format.first_in_space()?;
        if interpolation == Interpolation::Nearest || x.rank() != 4 || self.size.contains(&0) {
            return repeated(x, &self.size, first);
        }
        let [rows, columns] = [0, 1].map(|i| x.shape()[first + i] * self.size[i]);
        let resized = |x: &Tensor| ops::resize(x, [rows, columns], interpolation);
        if first == 1 {
            return resized(x);
        }
        let y = resized(&ops::transpose(x, Some(&[0, 2, 3, 1]))?)?;
        ops::transpose(y, Some(&[0, 3, 1, 2]))
    }

    fn mask(&self, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }
}

impl Layer for UpSampling3D {
    fn is_weightless(&self) -> bool {
        true
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        repeated(x, &self.size, self.data_format.first_in_space()?)
    }

    fn mask(&self, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }
}
