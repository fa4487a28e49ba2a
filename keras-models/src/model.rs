//! A layer with what training needs.

use keras_layers::{Call, Dims, Layer, LayerRef};
use keras_optimizers::Optimizer;
use keras_tensor::{Error, Result, Tensor, Variable};
use std::fmt;
use std::ops::Deref;

use crate::config;
use crate::summary::{self, Summary};
use crate::training::{Compiled, Plans, TrainStep};

/// A network that can be summarized, compiled, trained, evaluated and used.
///
/// Any layer makes one: `Model::from(MyModel::new())`. It derefs to [`LayerRef`], for weights, names and freezing.
pub struct Model {
    root: LayerRef,
    pub(crate) compiled: Option<Compiled>,
    pub(crate) train_step: Option<TrainStep>,
    pub(crate) plans: Plans,
    pub(crate) stopped: bool,
}

impl<L: Layer> From<L> for Model {
    fn from(layer: L) -> Self {
        Model::from_root(LayerRef::from(layer))
    }
}

impl Model {
    pub(crate) fn from_root(root: LayerRef) -> Self {
        config::register();
        Model {
            root,
            compiled: None,
            train_step: None,
            plans: Plans::default(),
            stopped: false,
        }
    }

    pub(crate) fn root(&self) -> &LayerRef {
        &self.root
    }

    pub(crate) fn set_root(&mut self, root: LayerRef) {
        self.root = root;
        self.plans = Plans::default();
    }

    /// Declares all weights for inputs of this shape: `model.build([None, Some(784)])`.
    ///
    /// # Errors
    /// A shape that a layer cannot take; the message names the layer.
    pub fn build(&self, input: impl Into<Dims>) -> Result<()> {
        self.root.build(input)
    }

    /// Computes the output of a batch; the first call builds the model.
    ///
    /// # Errors
    /// An input that a layer cannot take; the message names the layer.
    pub fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        self.root.call(x, cx)
    }

    /// The layers, in their order.
    ///
    /// # Errors
    /// No layer of this name; the message lists those there are.
    pub fn get_layer(&self, name: &str) -> Result<&LayerRef> {
        let layers = self.root.children();
        layers.iter().find(|l| l.name() == name).ok_or_else(|| {
            let known: Vec<&str> = layers.iter().map(|l| l.name()).collect();
            Error::argument(
                "get_layer.name",
                format!("{name:?}"),
                format!("one of {}", known.join(", ")),
            )
        })
    }

    /// Prints the table of layers, as Keras 3 draws it.
    pub fn summary(&self) {
        println!("{self}");
    }

    /// The table of layers as text.
    ///
    /// # Errors
    /// A line that is too short for the columns.
    pub fn summary_text(&self, how: &Summary) -> Result<String> {
        summary::text(self, how)
    }

    /// The optimizer that the model was compiled with.
    ///
    /// # Errors
    /// The model is not compiled.
    pub fn optimizer(&self) -> Result<&Optimizer> {
        Ok(&self.compiled()?.optimizer)
    }

    pub(crate) fn compiled(&self) -> Result<&Compiled> {
        self.compiled.as_ref().ok_or_else(|| self.not_compiled())
    }

    pub(crate) fn not_compiled(&self) -> Error {
        Error::not_ready(
            format!("model `{}`", self.root.name()),
            "it has no optimizer and loss; call `compile` first",
        )
    }

    /// The optimizer's state, once it is built.
    pub(crate) fn optimizer_variables(&self) -> Option<Vec<Variable>> {
        let optimizer = &self.compiled.as_ref()?.optimizer;
        optimizer.is_built().then(|| optimizer.variables())
    }

    /// Makes `fit` end after this batch; for callbacks.
    pub fn stop_training(&mut self) {
        self.stopped = true;
    }
}

impl Deref for Model {
    type Target = LayerRef;
    fn deref(&self) -> &LayerRef {
        &self.root
    }
}

impl From<Model> for LayerRef {
    fn from(model: Model) -> LayerRef {
        model.root
    }
}

/// The summary.
impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = summary::text(self, &Summary::new()).map_err(|_| fmt::Error)?;
        f.write_str(text.trim_end())
    }
}
