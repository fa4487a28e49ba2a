//! What a data set yields.

use keras_tensor::{Error, Result, Tensor};

/// Inputs, and labels and weights of samples where there are any; a single sample or a whole batch.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Inputs `[batch, ..]`.
    pub x: Tensor,
    /// Labels `[batch, ..]`.
    pub y: Option<Tensor>,
    /// A weight for each sample.
    pub sample_weight: Option<Tensor>,
}

impl Batch {
    /// A batch of these parts.
    pub fn new(x: Tensor, y: Option<Tensor>, sample_weight: Option<Tensor>) -> Self {
        Batch {
            x,
            y,
            sample_weight,
        }
    }

    /// Inputs and labels.
    ///
    /// # Errors
    /// There are no labels.
    pub fn pair(self) -> Result<(Tensor, Tensor)> {
        match self.y {
            Some(y) => Ok((self.x, y)),
            None => Err(Error::data("a batch", "it has inputs only and no labels")),
        }
    }

    /// The same work on every part.
    pub(crate) fn each(&self, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Batch> {
        Ok(Batch {
            x: f(&self.x)?,
            y: self.y.as_ref().map(&f).transpose()?,
            sample_weight: self.sample_weight.as_ref().map(&f).transpose()?,
        })
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = &Tensor> {
        std::iter::once(&self.x)
            .chain(&self.y)
            .chain(&self.sample_weight)
    }
}

/// What a data set can be made of: a tensor, a pair, or three.
pub trait IntoColumns {
    /// The tensors as a batch of all samples.
    fn into_columns(self) -> Batch;
}

impl IntoColumns for Tensor {
    fn into_columns(self) -> Batch {
        Batch::new(self, None, None)
    }
}

impl IntoColumns for (Tensor, Tensor) {
    fn into_columns(self) -> Batch {
        Batch::new(self.0, Some(self.1), None)
    }
}

impl IntoColumns for (Tensor, Tensor, Tensor) {
    fn into_columns(self) -> Batch {
        Batch::new(self.0, Some(self.1), Some(self.2))
    }
}

impl IntoColumns for Batch {
    fn into_columns(self) -> Batch {
        self
    }
}
