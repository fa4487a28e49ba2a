use keras_tensor::{Error, Result, Shape, Tensor, Variable, ops};
use serde::{Deserialize, Serialize};

use super::sequence::without_time;
use crate::{Call, Dims, Layer, LayerRef, Weights};

/// Applies a layer to each step of a sequence `[batch, time, ..]`, with the same weights.
///
/// ```
/// use keras_layers::{Call, LayerRef, layers::{Dense, TimeDistributed}};
/// use keras_tensor::ops;
/// let layer = LayerRef::from(TimeDistributed::new(Dense::new(8)));
/// let y = layer.call(&ops::ones([32, 10, 16], Default::default())?, &Call::inference())?;
/// assert_eq!(y.shape().to_string(), "(32, 10, 8)");
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TimeDistributed {
    layer: LayerRef,
}

impl TimeDistributed {
    /// Applies this layer to each step.
    pub fn new(layer: impl Into<LayerRef>) -> Self {
        TimeDistributed {
            layer: layer.into(),
        }
    }

    /// Whether a step's output does not depend on which others are computed with it: in training, random numbers and
    /// statistics of the batch are those of one step.
    fn is_of_each_sample(&self, cx: &Call) -> bool {
        let variables = self.layer.variables();
        !cx.is_training() || variables.iter().all(Variable::declared_trainable)
    }

    /// All steps as one batch.
    fn together(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        let merged = merge_axes(x)?;
        // A mask of whole steps is not one of places in a step.
        let mask = x.mask().filter(|m| m.rank() > 2).map(merge_axes);
        let y = self.layer.call(&merged.with_mask(mask.transpose()?), cx)?;
        let rest = y.shape().iter().skip(1);
        let shape: Shape = x.shape().iter().take(2).chain(rest).copied().collect();
        ops::reshape_to(y, shape)
    }

    /// One step after the other, as Keras does.
    fn in_turn(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        let at = |all: &Tensor, t| ops::squeeze(ops::slice_axis(all, 1, t, 1)?, 1);
        let steps = (0..x.shape()[1]).map(|t| {
            let mask = x.mask().map(|m| at(m, t)).transpose()?;
            self.layer.call(&at(x, t)?.with_mask(mask), cx)
        });
        let steps = steps.collect::<Result<Vec<_>>>()?;
        ops::stack(&steps.iter().collect::<Vec<_>>(), 1)
    }
}

/// `[batch * time, ..]` of `[batch, time, ..]`.
fn merge_axes(x: &Tensor) -> Result<Tensor> {
    let first = x.shape()[0] * x.shape()[1];
    let shape: Shape = std::iter::once(first)
        .chain(x.shape().iter().skip(2).copied())
        .collect();
    ops::reshape_to(x, shape)
}

impl Layer for TimeDistributed {
    fn takes_mask(&self) -> bool {
        true
    }

    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        if input.len() < 3 {
            let wanted = "a sequence [batch, time, ..]";
            return Err(Error::argument("input shape", input, wanted));
        }
        w.layer_as("layer", &self.layer);
        self.layer.build(without_time(input))
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        let fits = |m: &Tensor| m.rank() >= 2 && m.shape()[..2] == x.shape()[..2];
        if x.rank() < 3 || x.shape()[1] == 0 || !x.mask().is_none_or(fits) {
            let shapes: Vec<&[usize]> = std::iter::once(x)
                .chain(x.mask())
                .map(|t| &t.shape()[..])
                .collect();
            return Err(Error::shape(
                "time_distributed",
                &shapes,
                "a sequence [batch, time, ..] and a mask that begins with [batch, time]",
            ));
        }
        if x.is_meta() || self.is_of_each_sample(cx) {
            self.together(x, cx)
        } else {
            self.in_turn(x, cx)
        }
    }
}
