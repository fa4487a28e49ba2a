//! Calls: inputs in the right dtype, errors that name the layer, penalties of outputs.

use keras_tensor::{Error, Outputs, Result, Tensor, ops, profile};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::{Arc, PoisonError};

use super::LayerRef;
use crate::symbolic;
use crate::{Argument, Arguments, Call, Following, Follows, Symbolic, infer, names};

impl LayerRef {
    /// Computes the output; the first call builds the layer.
    ///
    /// # Errors
    /// An input that the layer cannot take; the error names the layer.
    pub fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        if !self.is_built() {
            self.build(infer::dims_of(x.shape()))?;
        }
        self.run(cx, || {
            let x = &*self.cast(x)?;
            let y = self.0.layer.call(x, cx)?;
            self.regularize(&y, cx)?;
            let mask = self.0.layer.mask(x)?;
            Ok(y.with_mask(mask))
        })
    }

    /// Computes the outputs of a call with several inputs; the first call builds the layer.
    ///
    /// Every layer takes `training` by name, and `mask` for its first input.
    ///
    /// # Errors
    /// Inputs that the layer cannot take; the error names the layer.
    pub fn call_many(&self, inputs: impl Into<Arguments<Tensor>>, cx: &Call) -> Result<Outputs> {
        let mut inputs = inputs.into();
        if let Some(Argument::Value(Value::Bool(training))) = inputs.take("training") {
            return cx.with_training(training, || self.call_many(inputs, cx));
        }
        if let Some(Argument::One(mask)) = inputs.take("mask") {
            inputs.map_first(|x| x.with_mask(Some(mask)));
        }
        if !self.is_built() {
            self.build_many(&inputs.map(|x| Ok(infer::dims_of(x.shape())))?)?;
        }
        self.run(cx, || {
            let inputs = inputs.map(|x| Ok(self.cast(x)?.into_owned()))?;
            let outputs = self.0.layer.call_many(&inputs, cx)?;
            outputs.iter().try_for_each(|y| self.regularize(y, cx))?;
            Ok(outputs)
        })
    }

    /// [`LayerRef::call`] of a layer that is built, with what follows it, in one pass; `None` where there is no such pass.
    ///
    /// # Errors
    /// An input that the layer cannot take; the error names the layer.
    pub fn call_then(&self, x: &Tensor, then: &Following, cx: &Call) -> Result<Option<Tensor>> {
        let residual = then.residual.as_ref();
        let is_plain = |t: &Tensor| t.mask().is_none() && t.dtype() == self.compute_dtype();
        let fits = is_plain(x) && residual.is_none_or(is_plain);
        if !fits || !self.is_built() || self.0.layer.activity_regularizer().is_some() {
            return Ok(None);
        }
        self.run(cx, || self.0.layer.call_then(x, then, cx))
    }

    /// What the layer `next` is, where this one may do it in its own pass: both compute in one dtype, and nothing else is done with
    /// the output of `next`.
    pub fn followed_by(&self, next: &LayerRef) -> Option<Follows> {
        let fits = self.compute_dtype() == next.compute_dtype();
        let fits = fits && next.0.layer.activity_regularizer().is_none();
        next.0.layer.follows().filter(|_| fits)
    }

    /// The mask of the output for an input.
    pub(crate) fn mask(&self, x: &Tensor) -> Result<Option<Tensor>> {
        self.0.layer.mask(x)
    }

    pub(crate) fn takes_mask(&self) -> bool {
        self.0.layer.takes_mask()
    }

    pub(crate) fn symbolic_mask(&self, x: &Symbolic) -> Result<Option<Symbolic>> {
        self.0.layer.symbolic_mask(x)
    }

    /// The calls of the layer in graphs that still stand, in their order.
    pub fn nodes(&self) -> Vec<Arc<symbolic::Node>> {
        let nodes = self.0.nodes.lock();
        nodes.unwrap_or_else(PoisonError::into_inner).all()
    }

    pub(crate) fn add_node(
        &self,
        make: impl FnOnce(usize) -> Arc<symbolic::Node>,
    ) -> Arc<symbolic::Node> {
        let nodes = self.0.nodes.lock();
        nodes.unwrap_or_else(PoisonError::into_inner).add(make)
    }

    /// Runs `work` as a call of this layer; errors name it, and layers that it builds have it in their paths.
    fn run<R>(&self, cx: &Call, work: impl FnOnce() -> Result<R>) -> Result<R> {
        let builds = self.children().iter().any(|l| !l.is_built());
        let work = || profile::within(&self.0.name, work);
        cx.of_layer(self.trainable(), &self.0.policy, || {
            if builds {
                names::scoped(&self.0.name, work)
            } else {
                work()
            }
        })
        .map_err(|e| self.in_layer(e))
    }

    /// The input in the dtype that the layer computes in; only floats are converted.
    fn cast<'a>(&self, x: &'a Tensor) -> Result<Cow<'a, Tensor>> {
        let dtype = self.compute_dtype();
        if x.dtype().is_float() && x.dtype() != dtype && self.0.layer.autocasts() {
            let mask = x.mask().cloned();
            Ok(Cow::Owned(ops::cast(x, dtype)?.with_mask(mask)))
        } else {
            Ok(Cow::Borrowed(x))
        }
    }

    /// Adds what the output costs to the loss.
    fn regularize(&self, y: &Tensor, cx: &Call) -> Result<()> {
        let Some(regularizer) = self.0.layer.activity_regularizer() else {
            return Ok(());
        };
        // By sample, so that the size of the batch does not matter.
        let samples = y.shape().first().copied().unwrap_or(1).max(1);
        let penalty = regularizer.resolve()?.penalty(y)?;
        cx.add_loss(ops::divide(&penalty, samples as f64)?);
        Ok(())
    }

    pub(super) fn in_layer(&self, source: Error) -> Error {
        Error::InLayer {
            name: self.0.name.clone(),
            class: self.0.class_name.clone(),
            source: Box::new(source),
        }
    }
}
