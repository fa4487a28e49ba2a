//! The weights of a layer and of the layers that it holds.

use keras_tensor::{Error, Result, Tensor, Variable, ops};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{LayerRef, Node, STRUCTURE};
use crate::{Adapter, Gauge, Lora, Place, WeightInfo, Weights};

impl LayerRef {
    /// The layers that this layer holds.
    pub fn children(&self) -> &[LayerRef] {
        self.0.built.get().map_or(&[], |b| &b.owned.layers)
    }

    /// The layers that this layer holds, with the places where it keeps them.
    pub fn children_in_places(&self) -> impl Iterator<Item = (&Place, &LayerRef)> {
        let places = self.0.built.get().map_or(&[][..], |b| &b.owned.places);
        places.iter().zip(self.children())
    }

    /// The weights that this layer itself lists, the trainable ones first; those of held layers are theirs.
    pub fn own_weights(&self) -> Vec<Variable> {
        let built = self.0.built.get();
        built.map_or_else(Vec::new, |b| b.owned.listed().cloned().collect())
    }

    /// Freezes the kernel of a `Dense`, `EinsumDense`, `Embedding` or convolution, and adds the product of two small
    /// matrices to it, which are trained in its place. A number is their rank; see [`Lora`].
    ///
    /// An optimizer that was built before does not know them: compile the model anew.
    ///
    /// # Errors
    /// A layer that is not built, is of another class, has a constraint on its kernel, or is adapted already.
    pub fn enable_lora(&self, how: impl Into<Lora>) -> Result<()> {
        let built = self.0.built.get().ok_or_else(|| {
            let what = format!("layer `{}`", self.name());
            Error::not_ready(
                what,
                "it has no kernel yet; build it before its kernel is adapted",
            )
        })?;
        let Some((adaptable, _)) = &built.owned.adaptable else {
            let wanted = "a layer with one kernel: Dense, EinsumDense, Embedding, Conv1D to Conv3D";
            return Err(self.in_layer(Error::argument("lora", self.class_name(), wanted)));
        };
        adaptable
            .enable(&how.into())
            .map_err(|e| self.in_layer(e))?;
        STRUCTURE.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// What [`LayerRef::enable_lora`] added to the kernel.
    pub fn adapter(&self) -> Option<&Adapter> {
        self.0.built.get()?.owned.adapter()
    }

    /// Visits every weight, those of held layers after one's own; a layer that stands in two places is visited once.
    pub fn visit_weights(&self, visit: &mut dyn FnMut(&WeightInfo)) {
        self.visit(&mut Vec::new(), &mut |owned| {
            owned.infos().for_each(&mut *visit)
        });
    }

    fn visit(&self, seen: &mut Vec<*const Node>, visit: &mut dyn FnMut(&Weights)) {
        let address = Arc::as_ptr(&self.0);
        if seen.contains(&address) {
            return;
        }
        seen.push(address);
        if let Some(built) = self.0.built.get() {
            visit(&built.owned);
            for layer in &built.owned.layers {
                layer.visit(seen, visit);
            }
        }
    }

    /// The weights, in the order of declaration, of each layer the trainable ones first.
    pub fn weights(&self) -> Vec<Variable> {
        let mut all = Vec::new();
        let mut adopted: Vec<Variable> = Vec::new();
        self.visit(&mut Vec::new(), &mut |owned| {
            let is_new = |v: &&Variable| !adopted.iter().any(|a| a.is(v));
            all.extend(owned.listed().filter(is_new).cloned());
            adopted.extend(owned.adopted.iter().cloned());
        });
        all
    }

    /// The weights, and the state of random generators.
    pub fn variables(&self) -> Vec<Variable> {
        let mut all = self.weights();
        self.visit(&mut Vec::new(), &mut |owned| {
            all.extend(owned.states.iter().cloned())
        });
        all
    }

    /// The metrics that this layer and the layers that it holds update.
    pub fn metrics(&self) -> Vec<Arc<dyn Gauge>> {
        let mut all = Vec::new();
        self.visit(&mut Vec::new(), &mut |owned| {
            all.extend(owned.metrics.iter().cloned())
        });
        all
    }

    /// The weights that training changes.
    pub fn trainable_variables(&self) -> Vec<Variable> {
        let mut all = self.weights();
        all.retain(Variable::is_trainable);
        all
    }

    /// The weights that training does not change.
    pub fn non_trainable_variables(&self) -> Vec<Variable> {
        let mut all = self.weights();
        all.retain(|v| !v.is_trainable());
        all
    }

    /// How many numbers the weights hold.
    pub fn count_params(&self) -> usize {
        self.weights().iter().map(|v| v.shape().size()).sum()
    }

    /// The values of the weights, in their order.
    ///
    /// # Errors
    /// A first value cannot be computed.
    pub fn get_weights(&self) -> Result<Vec<Tensor>> {
        self.weights().iter().map(Variable::value).collect()
    }

    /// Sets the values of the weights, in their order; either all are set or none.
    ///
    /// # Errors
    /// Another number of values, or another shape; the message names the weight.
    pub fn set_weights(&self, values: &[Tensor]) -> Result<()> {
        let weights = self.weights();
        if weights.len() != values.len() {
            return Err(Error::argument(
                format!("set_weights of `{}`", self.name()),
                format!("{} values", values.len()),
                format!("one for each of its {} weights", weights.len()),
            ));
        }
        let converted = weights
            .iter()
            .zip(values)
            .map(|(w, v)| {
                if v.shape() == w.shape() {
                    ops::cast(v, w.dtype())
                } else {
                    Err(Error::shape(
                        format!("weight `{}`", w.path()),
                        &[v.shape()],
                        format!("a value of shape {}", w.shape()),
                    ))
                }
            })
            .collect::<Result<Vec<_>>>()?;
        weights
            .iter()
            .zip(&converted)
            .try_for_each(|(w, v)| w.assign(v))
    }
}
