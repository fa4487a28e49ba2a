use keras_tensor::ops::IntoAxes;
use keras_tensor::{DType, Error, Result, Shape, Tensor, ops};
use std::borrow::Borrow;

use super::super::normalization::{sizes, spread};
use super::Numbers;
use crate::{AxisList, Call, Declare, Dims, Layer, LayerRef, Weight, Weights};

/// What the square root of the variance is at least.
const EPSILON: f64 = 1e-7;

layer! {
    /// Brings features to mean 0 and variance 1: `(x - mean) / sqrt(variance)`, by statistics that are given, or that
    /// [`Normalization::adapt`] learns.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::Normalization};
    /// use keras_tensor::Tensor;
    /// let x = Tensor::new(&[1.0f32, 3.0], [2, 1])?;
    /// let layer = LayerRef::from(Normalization::new());
    /// Normalization::adapt(&layer, [&x])?;
    /// assert_eq!(layer.call(&x, &Call::inference())?.to_vec::<f32>()?, [-1.0, 1.0]);
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    Normalization() {
        /// The axes whose elements have statistics of their own; -1 by default, `[]` for one mean of all.
        into axis: AxisList = (-1).into(),
        /// Whether the layer does the opposite: `x * sqrt(variance) + mean`; it does not by default.
        set invert: bool = false,
        /// The mean, if it is known; a number, or numbers for the axes.
        some mean: Option<Numbers> = None,
        /// The variance, if it is known; it has the form of the mean.
        some variance: Option<Numbers> = None,
    } keeps {
        learned_mean: Weight,
        learned_variance: Weight,
        count: Weight,
    }
}

impl Normalization {
    /// Learns mean and variance of the features from batches of data, in place of what was learned before. The layer is
    /// built if it is not yet.
    ///
    /// # Errors
    /// A layer of another class, or one whose statistics were given; no batch, or batches whose features differ.
    pub fn adapt(
        layer: &LayerRef,
        batches: impl IntoIterator<Item = impl Borrow<Tensor>>,
    ) -> Result<()> {
        let wrong =
            |got: String, wanted: &str| Err(Error::argument("Normalization.adapt", got, wanted));
        let Some(this) = layer.downcast_ref::<Normalization>() else {
            return wrong(format!("{layer:?}"), "a Normalization");
        };
        if this.given()?.is_some() {
            return wrong(
                "a layer whose mean was given".into(),
                "one that is to learn it",
            );
        }
        let (mut total, mut seen) = (None, 0.0);
        for batch in batches {
            let batch = batch.borrow();
            layer.build(batch.shape())?;
            let x = ops::cast(batch, DType::F32)?;
            let kept = this.kept(x.rank())?;
            let others: Vec<isize> = (0..x.rank() as isize)
                .filter(|a| !kept.contains(a))
                .collect();
            let now = ops::moments(&x, &others[..], false)?;
            let size: usize = others.iter().map(|&a| x.shape()[a as usize]).product();
            if size == 0 {
                return wrong(
                    format!("a batch of shape {}", x.shape()),
                    "batches that are not empty",
                );
            }
            seen += size as f64;
            total = Some(match total {
                None => now,
                Some(before) => merged(before, now, size as f64 / seen)?,
            });
        }
        let Some((mean, variance)) = total else {
            return wrong("no batch".into(), "at least one");
        };
        this.learned_mean.assign(&mean)?;
        this.learned_variance.assign(&variance)
    }

    /// The axes that have statistics of their own, in their order.
    fn kept(&self, rank: usize) -> Result<Vec<isize>> {
        let axes = (&self.axis).axes(rank, "normalization")?;
        let mut kept: Vec<isize> = axes.iter().map(|&a| a as isize).collect();
        kept.sort_unstable();
        Ok(kept)
    }

    /// Mean and variance, if they were given.
    fn given(&self) -> Result<Option<(&Numbers, &Numbers)>> {
        match (&self.mean, &self.variance) {
            (None, None) => Ok(None),
            (Some(mean), Some(variance)) => {
                let (a, b) = (mean.shape()?, variance.shape()?);
                if a != b || a.rank() > self.axis.len() {
                    let wanted = format!(
                        "mean and variance of one shape, with at most {} axes",
                        self.axis.len()
                    );
                    return Err(Error::shape("normalization", &[&a, &b], wanted));
                }
                Ok(Some((mean, variance)))
            }
            _ => {
                let wanted = "both, mean and variance, or none of them";
                Err(Error::argument("Normalization.mean", "one of both", wanted))
            }
        }
    }

    /// Given numbers as they lie beside `x`: their last axis belongs to the last of the axes that are kept.
    fn beside(&self, numbers: &Numbers, x: &Tensor) -> Result<Tensor> {
        let (t, kept) = (numbers.tensor(x.dtype())?, self.kept(x.rank())?);
        let mut shape: Shape = std::iter::repeat_n(1, x.rank()).collect();
        for (&axis, &n) in kept.iter().rev().zip(t.shape().iter().rev()) {
            shape[axis as usize] = n;
        }
        ops::reshape_to(t, shape)
    }
}

/// The moments of two sets of data together, of which the second holds a share `weight`.
fn merged(
    (mean, variance): (Tensor, Tensor),
    (new_mean, new_variance): (Tensor, Tensor),
    weight: f64,
) -> Result<(Tensor, Tensor)> {
    let mixed = |a: &Tensor, b: &Tensor| {
        ops::add(ops::multiply(a, 1.0 - weight)?, ops::multiply(b, weight)?)
    };
    let both = mixed(&mean, &new_mean)?;
    let around = |variance: &Tensor, mean: &Tensor| {
        ops::add(variance, ops::square(ops::subtract(mean, &both)?)?)
    };
    let variance = mixed(
        &around(&variance, &mean)?,
        &around(&new_variance, &new_mean)?,
    )?;
    Ok((both, variance))
}

impl Layer for Normalization {
    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        if self.given()?.is_some() {
            return Ok(());
        }
        let shape = sizes(input, &self.kept(input.len())?)?;
        let state = |initializer: &str| Declare::new(initializer).trainable(false);
        w.add(&self.learned_mean, "mean", shape.clone(), state("zeros"))?;
        w.add(&self.learned_variance, "variance", shape, state("ones"))?;
        // Nothing counts any more, but files hold it.
        let count = state("zeros").dtype(DType::I64);
        w.add(&self.count, "count", Shape::from(&[][..]), count)
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        let x = ops::cast(x, cx.compute_dtype())?;
        let (mean, variance) = match self.given()? {
            Some((mean, variance)) => (self.beside(mean, &x)?, self.beside(variance, &x)?),
            None => {
                let kept = self.kept(x.rank())?;
                let mean = spread(&self.learned_mean, x.shape(), &kept)?;
                (mean, spread(&self.learned_variance, x.shape(), &kept)?)
            }
        };
        let deviation = ops::maximum(ops::sqrt(variance)?, EPSILON)?;
        match self.invert {
            true => ops::add(&mean, ops::multiply(&x, &deviation)?),
            false => ops::divide(ops::subtract(&x, &mean)?, &deviation),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LayerExt;

    fn data(numbers: &[f32], shape: [usize; 2]) -> Tensor {
        Tensor::new(numbers, shape).unwrap()
    }

    fn near(got: &Tensor, expected: &[f64]) {
        let got = got.to_f64_vec().unwrap();
        assert_eq!(got.len(), expected.len());
        let mut pairs = got.iter().zip(expected);
        assert!(pairs.all(|(g, e)| (g - e).abs() < 1e-5), "{got:?}");
    }

    // Values of Keras 3.15.1.
    #[test]
    fn what_batches_of_several_sizes_teach_is_what_keras_learns() {
        let layer = Normalization::new().name("scaled");
        let first = data(&[1.0, 10.0, 2.0, 30.0, 4.0, 20.0], [3, 2]);
        let batches = [first, data(&[7.0, -5.0], [1, 2])];
        Normalization::adapt(&layer, &batches).unwrap();
        let weights = layer.weights();
        near(&weights[0].value().unwrap(), &[3.5, 13.75]);
        near(&weights[1].value().unwrap(), &[5.25, 167.1875]);
        assert_eq!(weights[2].dtype(), DType::I64);
        let y = layer.call(&data(&[3.5, 13.75], [1, 2]), &Call::inference());
        near(&y.unwrap(), &[0.0, 0.0]);
    }

    #[test]
    fn given_statistics_lie_along_the_last_axes() {
        let given = Normalization::new().mean([1.0, 2.0]).variance([4.0, 0.25]);
        let x = data(&[3.0, 3.0], [1, 2]);
        let layer = LayerRef::from(given.clone());
        near(&layer.call(&x, &Call::inference()).unwrap(), &[1.0, 2.0]);
        let layer = LayerRef::from(given.invert(true));
        near(&layer.call(&x, &Call::inference()).unwrap(), &[7.0, 3.5]);
        assert!(Normalization::adapt(&layer, [&x]).is_err());
    }

    #[test]
    fn wrong_statistics_and_data_are_told() {
        let x = data(&[3.0, 3.0], [1, 2]);
        for layer in [
            Normalization::new().mean(1.0),
            Normalization::new().mean(1.0).variance([1.0, 2.0]),
            Normalization::new().axis([]).mean([1.0]).variance([1.0]),
            Normalization::new().axis(3),
        ] {
            assert!(LayerRef::from(layer).call(&x, &Call::inference()).is_err());
        }
        let layer = LayerRef::from(Normalization::new());
        assert!(Normalization::adapt(&layer, [] as [&Tensor; 0]).is_err());
        Normalization::adapt(&layer, [&x]).unwrap();
        assert!(Normalization::adapt(&layer, [&data(&[1.0], [1, 1])]).is_err());
    }
}
