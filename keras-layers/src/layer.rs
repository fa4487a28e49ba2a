//! What a layer is.

use keras_tensor::op::Fused;
use keras_tensor::{DType, Outputs, Result, Tensor};
use std::any::Any;
use std::cell::{Cell, RefCell};

use crate::layers::RnnCell;
use crate::regularizers::Regularizer;
use crate::{Arguments, DTypePolicy, Dims, Symbolic, Weights, dtype_policy};

/// What a layer of one output gives, with its mask.
pub(crate) fn only_output(y: Tensor, mask: Result<Option<Tensor>>) -> Result<Outputs> {
    Ok(Outputs::from_iter([y.with_mask(mask?)]))
}

/// A piece of a network. Only [`Layer::call`] is required.
///
/// Everything is `&self`: weights are slots that `build` fills once, so a layer can stand in two places of a network and
/// predict on several threads. A layer that holds layers declares them in `build`, too.
///
/// ```
/// use keras_layers::{Call, Dims, Layer, LayerRef, Weight, Weights};
/// use keras_tensor::{Result, Tensor, ops};
///
/// struct MyDense { units: usize, kernel: Weight }
///
/// impl Layer for MyDense {
///     fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
///         w.add(&self.kernel, "w", [input.last()?, self.units], "glorot_uniform")
///     }
///     fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
///         ops::relu(ops::matmul(x, &self.kernel)?)
///     }
/// }
///
/// let layer = LayerRef::from(MyDense { units: 3, kernel: Weight::default() });
/// let y = layer.call(&ops::ones([2, 4], Default::default())?, &Call::inference())?;
/// assert_eq!((layer.name(), y.shape().to_string()), ("my_dense", "(2, 3)".to_string()));
/// # Ok::<(), keras_tensor::Error>(())
/// ```
pub trait Layer: Any + Send + Sync {
    /// Declares the weights and the layers that this layer owns, for inputs of this shape.
    ///
    /// # Errors
    /// A shape that the layer cannot take.
    fn build(&self, _input: &Dims, _weights: &mut Weights) -> Result<()> {
        Ok(())
    }

    /// [`Layer::build`] for a layer that is called with several tensors: their shapes, in their places.
    ///
    /// # Errors
    /// Shapes that the layer cannot take.
    fn build_many(&self, inputs: &Arguments<Dims>, weights: &mut Weights) -> Result<()> {
        self.build(inputs.first()?, weights)
    }

    /// Computes the output.
    ///
    /// # Errors
    /// An input that the layer cannot take.
    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor>;

    /// Computes the outputs from several inputs: for layers that merge, attend, or start from given states.
    ///
    /// Such a layer sets the masks of its outputs itself. Others leave this as it is: one input, one output.
    ///
    /// # Errors
    /// Inputs that the layer cannot take.
    fn call_many(&self, inputs: &Arguments<Tensor>, cx: &Call) -> Result<Outputs> {
        let x = inputs.first()?;
        only_output(self.call(x, cx)?, self.mask(x))
    }

    /// [`Layer::call`] with what follows the layer, in one pass over memory; `None` where the layer has no such pass.
    ///
    /// A graph asks for it where layers that tell of it ([`Layer::follows`]) come after this one.
    ///
    /// # Errors
    /// An input that the layer cannot take.
    fn call_then(&self, _x: &Tensor, _then: &Following, _cx: &Call) -> Result<Option<Tensor>> {
        Ok(None)
    }

    /// What the layer is, where a layer before it may do it in the same pass.
    fn follows(&self) -> Option<Follows> {
        None
    }

    /// The mask of the output, for an input with or without one; it passes through unless a layer says otherwise.
    ///
    /// # Errors
    /// A mask that the layer cannot use.
    fn mask(&self, x: &Tensor) -> Result<Option<Tensor>> {
        Ok(x.mask().cloned())
    }

    /// The name of the class, where it is not that of the Rust type.
    fn class_name(&self) -> Option<&'static str> {
        None
    }

    /// The name that the layer was given, where the layer itself keeps it.
    fn given_name(&self) -> Option<&str> {
        None
    }

    /// Keras's module of the class, for configs.
    fn module(&self) -> &'static str {
        "keras.layers"
    }

    /// Whether inputs are brought to the layer's dtype before the call, as almost all layers want it.
    fn autocasts(&self) -> bool {
        true
    }

    /// Whether Keras's `call` of this class has an argument `mask`; in a graph, the mask is then one of the inputs.
    fn takes_mask(&self) -> bool {
        false
    }

    /// The mask that the layer gives to what it makes of a tensor of a graph; `None` where the mask is none or that of
    /// the input.
    ///
    /// # Errors
    /// A shape that has no such mask.
    fn symbolic_mask(&self, _x: &Symbolic) -> Result<Option<Symbolic>> {
        Ok(None)
    }

    /// What its config holds of what every layer has: all of it, but for a few classes of Keras.
    fn base_keys(&self) -> &'static [&'static str] {
        &["name", "trainable", "dtype"]
    }

    /// Whether the layer never has weights; a summary then counts it as built.
    fn is_weightless(&self) -> bool {
        false
    }

    /// The layer as a step of a recurrent layer, if it is one.
    fn cell(&self) -> Option<&dyn RnnCell> {
        None
    }

    /// Forgets what earlier calls left behind: the states of a stateful recurrent layer.
    ///
    /// # Errors
    /// A state cannot be written.
    fn reset_state(&self) -> Result<()> {
        Ok(())
    }

    /// The names of the outputs in their order, by which targets, losses and metrics find them; none by default.
    fn output_names(&self) -> Vec<String> {
        Vec::new()
    }

    /// What is added to the loss for the layer's output.
    fn activity_regularizer(&self) -> Option<&Regularizer> {
        None
    }
}

/// What a layer is that another one may do in its own pass over memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// The sum of two tensors of one shape.
    Sum,
    /// An activation.
    Activation(Fused),
}

/// What follows the output of a layer: `activation(output + residual)`.
#[derive(Clone, Debug, Default)]
pub struct Following {
    /// What is added, of the shape of the output; nothing by default.
    pub residual: Option<Tensor>,
    /// What is applied then; nothing by default.
    pub activation: Fused,
}

/// How a layer is called.
#[derive(Debug, Default)]
pub struct Call {
    training: Cell<bool>,
    /// Whether the layer that is being called now is trainable.
    trainable: Cell<bool>,
    /// What the layer that is being called now computes in.
    compute_dtype: Cell<DType>,
    losses: RefCell<Vec<Tensor>>,
}

impl Call {
    /// A call that trains: dropout drops, batch normalization uses the batch's statistics.
    pub fn training() -> Self {
        Call {
            training: Cell::new(true),
            ..Call::default()
        }
    }

    /// A call that predicts.
    pub fn inference() -> Self {
        Call::default()
    }

    /// Whether this call trains.
    pub fn is_training(&self) -> bool {
        self.training.get()
    }

    /// Whether the layer that is being called is not frozen.
    pub fn is_trainable(&self) -> bool {
        self.trainable.get()
    }

    /// The dtype that the layer which is being called computes in, and that its outputs should have.
    pub fn compute_dtype(&self) -> DType {
        self.compute_dtype.get()
    }

    /// Adds to the loss that training minimizes.
    pub fn add_loss(&self, loss: Tensor) {
        self.losses.borrow_mut().push(loss);
    }

    /// Takes out what was added to the loss.
    pub fn take_losses(&self) -> Vec<Tensor> {
        self.losses.take()
    }

    /// Runs `work` as a call that trains or does not, whatever this call does.
    pub(crate) fn with_training<R>(&self, training: bool, work: impl FnOnce() -> R) -> R {
        let before = self.training.replace(training);
        let result = work();
        self.training.set(before);
        result
    }

    /// Runs `work` as the call of a layer that is trainable or not and has this policy.
    pub(crate) fn of_layer<R>(
        &self,
        trainable: bool,
        policy: &DTypePolicy,
        work: impl FnOnce() -> R,
    ) -> R {
        let trainable = self.trainable.replace(trainable);
        let dtype = self.compute_dtype.replace(policy.compute_dtype());
        let result = dtype_policy::scope(policy, work);
        self.compute_dtype.set(dtype);
        self.trainable.set(trainable);
        result
    }
}
