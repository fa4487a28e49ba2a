//! What a data set yields.

use keras_tensor::{Error, Result, Tensor};

use crate::Structure;

/// Inputs, and targets and weights of samples where there are any; a single sample or a whole batch.
///
/// Each is one tensor, a list, or a map by name.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Inputs `[batch, ..]`.
    pub x: Structure<Tensor>,
    /// Targets `[batch, ..]`.
    pub y: Option<Structure<Tensor>>,
    /// A weight for each sample.
    pub sample_weight: Option<Structure<Tensor>>,
}

impl Batch {
    /// A batch of one input, and of one target and weights where there are any.
    pub fn new(x: Tensor, y: Option<Tensor>, sample_weight: Option<Tensor>) -> Self {
        Batch {
            x: x.into(),
            y: y.map(Structure::One),
            sample_weight: sample_weight.map(Structure::One),
        }
    }

    /// The input and the target, where there is one of each.
    ///
    /// # Errors
    /// There is no target, or there are several tensors.
    pub fn pair(self) -> Result<(Tensor, Tensor)> {
        match &self.y {
            Some(y) => Ok((self.x.one()?.clone(), y.one()?.clone())),
            None => Err(Error::data("a batch", "it has inputs only and no labels")),
        }
    }

    /// The same work on every tensor.
    pub(crate) fn each(&self, mut f: impl FnMut(&Tensor) -> Result<Tensor>) -> Result<Batch> {
        Ok(Batch {
            x: self.x.try_map(&mut f)?,
            y: self.y.as_ref().map(|y| y.try_map(&mut f)).transpose()?,
            sample_weight: self
                .sample_weight
                .as_ref()
                .map(|w| w.try_map(&mut f))
                .transpose()?,
        })
    }

    /// Every tensor, in the order of [`Batch::each`].
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Tensor> {
        let rest = self.y.iter().chain(&self.sample_weight);
        std::iter::once(&self.x)
            .chain(rest)
            .flat_map(Structure::iter)
    }
}

/// What a data set can be made of: inputs; inputs and targets; or inputs, targets and weights of samples.
pub trait IntoColumns {
    /// The tensors as a batch of all samples.
    fn into_columns(self) -> Batch;
}

impl IntoColumns for Tensor {
    fn into_columns(self) -> Batch {
        Batch::new(self, None, None)
    }
}

impl IntoColumns for Structure<Tensor> {
    fn into_columns(self) -> Batch {
        Batch {
            x: self,
            y: None,
            sample_weight: None,
        }
    }
}

impl<X, Y> IntoColumns for (X, Y)
where
    X: Into<Structure<Tensor>>,
    Y: Into<Structure<Tensor>>,
{
    fn into_columns(self) -> Batch {
        Batch {
            x: self.0.into(),
            y: Some(self.1.into()),
            sample_weight: None,
        }
    }
}

impl<X, Y, W> IntoColumns for (X, Y, W)
where
    X: Into<Structure<Tensor>>,
    Y: Into<Structure<Tensor>>,
    W: Into<Structure<Tensor>>,
{
    fn into_columns(self) -> Batch {
        Batch {
            x: self.0.into(),
            y: Some(self.1.into()),
            sample_weight: Some(self.2.into()),
        }
    }
}

impl IntoColumns for Batch {
    fn into_columns(self) -> Batch {
        self
    }
}
