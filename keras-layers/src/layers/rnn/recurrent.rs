use keras_tensor::{Outputs, Result, Tensor};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use std::fmt::Debug;
use std::sync::OnceLock;

use super::sequence::{Options, States, sequence_setters};
use crate::regularizers::Regularizer;
use crate::{Arguments, Call, Dims, Layer, LayerExt, LayerRef, Weights};

/// A cell with a layer class of its own, whose config holds that of the cell.
pub trait Gated: Layer + Clone + Debug + Default + Serialize + DeserializeOwned {
    /// The name of the layer class: `LSTM`.
    const LAYER: &'static str;
    /// The name of the cell in the paths of weights: `lstm_cell`.
    const CELL: &'static str;
    /// What Keras leaves out of the layer's config.
    const HIDDEN: &'static [&'static str];
}

/// A recurrent layer that makes its cell from its own config: [`crate::layers::LSTM`], [`crate::layers::GRU`] and
/// [`crate::layers::SimpleRNN`].
///
/// [`crate::layers::ConvLSTM2D`] and its kin are others.
///
/// Takes a sequence `[batch, time, features]`, with a mask `[batch, time]` perhaps, and as `initial_state` a list of
/// states `[batch, units]`. Gives `[batch, units]`, or `[batch, time, units]` with `return_sequences`, then the last
/// states with `return_state`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, bound = "C: Gated")]
pub struct Recurrent<C> {
    #[serde(flatten)]
    pub(super) options: Options,
    #[serde(flatten, serialize_with = "of_cell")]
    pub(super) cell: C,
    activity_regularizer: Option<Regularizer>,
    #[serde(skip)]
    made: Made,
    #[serde(skip)]
    states: States,
}

/// The cell's config without what Keras leaves out of the layer's.
fn of_cell<C: Gated, S: Serializer>(cell: &C, s: S) -> Result<S::Ok, S::Error> {
    let mut config = serde_json::to_value(cell).map_err(serde::ser::Error::custom)?;
    if let Value::Object(keys) = &mut config {
        C::HIDDEN.iter().for_each(|key| drop(keys.remove(*key)));
    }
    config.serialize(s)
}

/// The cell, once it is made. Clones are empty.
#[derive(Debug, Default)]
struct Made(OnceLock<LayerRef>);

impl Clone for Made {
    fn clone(&self) -> Self {
        Made::default()
    }
}

impl<C: Gated> Recurrent<C> {
    /// A layer that runs this cell.
    pub(super) fn of(cell: C) -> Self {
        Recurrent {
            cell,
            ..Recurrent::default()
        }
    }

    sequence_setters!();

    /// What the output adds to the loss.
    pub fn activity_regularizer(mut self, activity_regularizer: impl Into<Regularizer>) -> Self {
        self.activity_regularizer = Some(activity_regularizer.into());
        self
    }

    /// The cell in use, in the dtype of the layer.
    fn made(&self) -> Result<&LayerRef> {
        self.made.0.get().ok_or_else(|| {
            keras_tensor::Error::not_ready("a recurrent layer", "call it through its LayerRef")
        })
    }
}

impl<C: Gated> Layer for Recurrent<C> {
    fn takes_mask(&self) -> bool {
        true
    }

    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        let make = || self.cell.clone().name(C::CELL).with_dtype(w.dtype_policy());
        let cell = self.made.0.get_or_init(make);
        w.layer_as("cell", cell);
        self.options.build(cell, &self.states, input)
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        Ok(self.call_many(&x.into(), cx)?.swap_remove(0))
    }

    fn call_many(&self, inputs: &Arguments<Tensor>, cx: &Call) -> Result<Outputs> {
        self.options.run(self.made()?, &self.states, inputs, cx)
    }

    fn mask(&self, x: &Tensor) -> Result<Option<Tensor>> {
        Ok(x.mask().filter(|_| self.options.return_sequences).cloned())
    }

    fn class_name(&self) -> Option<&'static str> {
        Some(C::LAYER)
    }

    fn activity_regularizer(&self) -> Option<&Regularizer> {
        self.activity_regularizer.as_ref()
    }

    fn reset_state(&self) -> Result<()> {
        self.states.reset()
    }
}
