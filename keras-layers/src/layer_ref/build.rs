//! Declaring weights, and what is known of outputs before anything is computed.

use keras_tensor::{DType, Result};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::{Built, LayerRef, STRUCTURE};
use crate::{Arguments, Call, Dims, Spec, Weights, infer, names};

impl LayerRef {
    /// Whether weights are declared.
    pub fn is_built(&self) -> bool {
        self.0.built.get().is_some()
    }

    /// The shape of input that the layer was built for.
    pub fn input_dims(&self) -> Option<&Dims> {
        self.0.built.get()?.inputs.first().ok()
    }

    /// The shapes of inputs that the layer was built for.
    pub fn built_for(&self) -> Option<&Arguments<Dims>> {
        self.0.built.get().map(|b| &b.inputs)
    }

    /// Declares the weights for inputs of this shape; nothing happens if they are declared.
    ///
    /// # Errors
    /// A shape that the layer cannot take.
    pub fn build(&self, input: impl Into<Dims>) -> Result<()> {
        if self.is_built() {
            return Ok(());
        }
        self.build_many(&Arguments::new(input.into()))
    }

    /// [`LayerRef::build`] for several inputs.
    ///
    /// # Errors
    /// Shapes that the layer cannot take.
    pub fn build_many(&self, inputs: &Arguments<Dims>) -> Result<()> {
        if self.is_built() {
            return Ok(());
        }
        {
            let _building = self
                .0
                .building
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if self.is_built() {
                return Ok(());
            }
            self.0.policy.resolve().map_err(|e| self.in_layer(e))?;
            let mut owned = Weights::new(self.0.policy.clone());
            names::scoped(&self.0.name, || self.0.layer.build_many(inputs, &mut owned))
                .map_err(|e| self.in_layer(e))?;
            if let Some((adaptable, Some(lora))) = &owned.adaptable {
                adaptable.enable(lora).map_err(|e| self.in_layer(e))?;
            }
            let built = Built {
                inputs: inputs.clone(),
                owned,
            };
            let _ = self.0.built.set(built);
        }
        STRUCTURE.fetch_add(1, Ordering::Relaxed);
        if self.children().iter().any(|l| !l.is_built()) {
            self.outputs_dims(inputs)?;
        }
        if !self.trainable() {
            self.set_trainable(false);
        }
        Ok(())
    }

    /// The shape of the output for inputs of this shape; nothing is computed.
    ///
    /// # Errors
    /// A shape that the layer cannot take.
    pub fn output_dims(&self, input: &Dims) -> Result<Dims> {
        let mut all = self.outputs_dims(&Arguments::new(input))?;
        Ok(all.swap_remove(0).0)
    }

    /// The shapes and dtypes of the outputs for inputs of these shapes; nothing is computed.
    ///
    /// # Errors
    /// Shapes that the layer cannot take.
    pub fn outputs_dims(&self, inputs: &Arguments<Dims>) -> Result<Vec<(Dims, DType)>> {
        let specs = inputs.map(|dims| Ok(Spec::new(dims, self.compute_dtype())))?;
        let outputs = self.outputs_spec(&specs)?.into_iter();
        Ok(outputs.map(|y| (y.dims, y.dtype)).collect())
    }

    /// What is known of the outputs for such inputs; nothing is computed.
    ///
    /// # Errors
    /// Inputs that the layer cannot take.
    pub fn outputs_spec(&self, inputs: &Arguments<Spec>) -> Result<Vec<Spec>> {
        self.build_many(&inputs.map(|x| Ok(x.dims.clone()))?)?;
        infer::outputs(inputs, &|x| self.call_many(x, &Call::inference()))
    }
}
