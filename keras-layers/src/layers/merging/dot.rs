use keras_tensor::{Error, Outputs, Result, Shape, Tensor, ops};
use serde::{Deserialize, Serialize};

use super::merge::misfit;
use crate::{Arguments, Call, Dims, Layer, Weights};

/// The axes that a [`Dot`] sums over: one number for both tensors, or one for each.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DotAxes {
    /// The same number for both.
    Both(isize),
    /// One for the first, one for the second.
    Each(isize, isize),
}

impl DotAxes {
    /// The axes of tensors of these ranks.
    fn of(self, ranks: [usize; 2]) -> Option<[usize; 2]> {
        let (a, b) = match self {
            DotAxes::Both(axis) => (axis, axis),
            DotAxes::Each(a, b) => (a, b),
        };
        let at = |axis: isize, rank: usize| {
            let i = if axis < 0 { axis + rank as isize } else { axis };
            // The first axis is the batch.
            (1..rank as isize).contains(&i).then_some(i as usize)
        };
        Some([at(a, ranks[0])?, at(b, ranks[1])?])
    }
}

impl From<isize> for DotAxes {
    fn from(axis: isize) -> Self {
        DotAxes::Both(axis)
    }
}

impl From<(isize, isize)> for DotAxes {
    fn from((a, b): (isize, isize)) -> Self {
        DotAxes::Each(a, b)
    }
}

layer! {
    /// Products of two tensors, summed over an axis of each, sample by sample.
    ///
    /// `[batch, a, n]` and `[batch, b, n]` give `[batch, a, b]`; two of `[batch, n]` give `[batch, 1]`.
    ///
    /// ```
    /// use keras_layers::{Arguments, Call, LayerRef, layers::Dot};
    /// use keras_tensor::ops;
    /// let (x, y) = (ops::ones([2, 4, 3], Default::default())?, ops::ones([2, 5, 3], Default::default())?);
    /// let layer = LayerRef::from(Dot::new(2));
    /// let products = layer.call_many(Arguments::new([x, y]), &Call::inference())?;
    /// assert_eq!(products[0].shape().to_string(), "(2, 4, 5)");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    Dot(
        /// The axis of both, or a pair; the batch is axis 0.
        into axes: DotAxes = DotAxes::Both(-1),
    ) {
        /// Whether both are brought to length 1 along their axis before, which gives the cosine; not by default.
        set normalize: bool = false,
    } keeps {}
}

/// `x` as `[batch, rest, n]`, where `n` is the axis, and the sizes of the rest.
fn with_axis_last(x: &Tensor, axis: usize) -> Result<(Tensor, Shape)> {
    let order: Vec<usize> = (0..x.rank()).filter(|&a| a != axis).chain([axis]).collect();
    let moved = ops::transpose(x, Some(&order))?;
    let rest = Shape::from(&moved.shape()[1..x.rank() - 1]);
    let flat = [x.shape()[0], rest.size(), x.shape()[axis]].into();
    Ok((ops::reshape_to(&moved, flat)?, rest))
}

impl Layer for Dot {
    fn is_weightless(&self) -> bool {
        true
    }

    fn build_many(&self, inputs: &Arguments<Dims>, _: &mut Weights) -> Result<()> {
        let all = inputs.inputs();
        let [a, b] = all else {
            return Err(misfit("dot", all, "exactly two tensors"));
        };
        let same = |x: Option<usize>, y: Option<usize>| x.is_none() || y.is_none() || x == y;
        let fits = self
            .axes
            .of([a.len(), b.len()])
            .is_some_and(|[i, j]| same(a[i], b[j]) && same(a[0], b[0]));
        if fits {
            return Ok(());
        }
        let wanted = format!(
            "batches of equal size, and axes {:?} after the batch with equal sizes",
            self.axes
        );
        Err(misfit("dot", all, &wanted))
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        Err(Error::shape("dot", &[x.shape()], "exactly two tensors"))
    }

    fn call_many(&self, inputs: &Arguments<Tensor>, _: &Call) -> Result<Outputs> {
        let shapes: Vec<&[usize]> = inputs.inputs().iter().map(|x| &x.shape()[..]).collect();
        let [a, b] = inputs.inputs() else {
            return Err(Error::shape("dot", &shapes, "exactly two tensors"));
        };
        let Some([i, j]) = self.axes.of([a.rank(), b.rank()]) else {
            let wanted = format!("tensors with axes {:?} after the batch", self.axes);
            return Err(Error::shape("dot", &shapes, wanted));
        };
        let (a, b) = if self.normalize {
            (
                ops::normalize(a, i as isize, 1e-7)?,
                ops::normalize(b, j as isize, 1e-7)?,
            )
        } else {
            (a.clone(), b.clone())
        };
        let (x, left) = with_axis_last(&a, i)?;
        let (y, right) = with_axis_last(&b, j)?;
        let product = ops::matmul_transposed(&x, &y, false, true)?;
        let mut shape: Shape = [x.shape()[0]].into();
        left.iter().chain(right.iter()).for_each(|&n| shape.push(n));
        if shape.rank() == 1 {
            shape.push(1);
        }
        Ok(Outputs::from_iter([ops::reshape_to(product, shape)?]))
    }
}
