//! What models hold: a layer with its name, its weights and its flags.

mod build;
mod call;
mod json;
mod weights;

use keras_tensor::registry::{Entry, Family};
use keras_tensor::{DType, Error, Result};
use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::layers::RnnCell;
use crate::symbolic::Nodes;
use crate::{Arguments, DTypePolicy, Dims, Layer, Symbolic, Weights, dtype_policy, layers, names};

/// A layer in use. Clones are the same layer.
///
/// Freezing, regularizers, constraints, dtype and the context of errors live here or on the weights, never in each
/// layer.
#[derive(Clone)]
pub struct LayerRef(Arc<Node>);

struct Node {
    layer: Arc<dyn Layer>,
    class_name: String,
    name: String,
    policy: DTypePolicy,
    trainable: AtomicBool,
    built: OnceLock<Built>,
    /// Held while the layer is being built, so that threads that race build it once.
    building: Mutex<()>,
    /// The calls of the layer in graphs.
    nodes: Mutex<Nodes>,
}

struct Built {
    inputs: Arguments<Dims>,
    owned: Weights,
}

/// Counts changes of what is built and what is trainable, so that cached lists of variables know when they are stale.
static STRUCTURE: AtomicU64 = AtomicU64::new(0);

impl Family for dyn Layer {
    const NAME: &'static str = "layer";
    const MODULE: &'static str = "keras.layers";
    fn tables() -> &'static [&'static [Entry<Self>]] {
        layers::TABLES
    }
}

impl LayerRef {
    pub(crate) fn new<L: Layer>(layer: L, name: Option<String>) -> Self {
        let class_name = layer
            .class_name()
            .map_or_else(class_name::<L>, str::to_string);
        let name = name.or_else(|| layer.given_name().map(str::to_string));
        let name = name.unwrap_or_else(|| names::of_class(&class_name));
        Self::from_parts(Arc::new(layer), class_name, name)
    }

    fn from_parts(layer: Arc<dyn Layer>, class_name: String, name: String) -> Self {
        LayerRef(Arc::new(Node {
            layer,
            class_name,
            name,
            policy: dtype_policy(),
            trainable: AtomicBool::new(true),
            built: OnceLock::new(),
            building: Mutex::new(()),
            nodes: Mutex::default(),
        }))
    }

    fn change(self, what: &str, change: impl FnOnce(&mut Node)) -> Self {
        let mut node = Arc::try_unwrap(self.0).unwrap_or_else(|shared| {
            // The struct is cheap to make again as long as nothing is built.
            debug_assert!(
                shared.built.get().is_none(),
                "{what} is set before the layer is used"
            );
            Node {
                layer: shared.layer.clone(),
                class_name: shared.class_name.clone(),
                name: shared.name.clone(),
                policy: shared.policy.clone(),
                trainable: AtomicBool::new(shared.trainable.load(Ordering::Relaxed)),
                built: OnceLock::new(),
                building: Mutex::new(()),
                nodes: Mutex::default(),
            }
        });
        change(&mut node);
        LayerRef(Arc::new(node))
    }

    /// The same layer under another dtype, or another policy (`"mixed_float16"`); set it before the layer is used.
    pub fn with_dtype(self, policy: impl Into<DTypePolicy>) -> Self {
        let policy = policy.into();
        self.change("dtype", |n| n.policy = policy)
    }

    /// The same layer, frozen or not.
    pub fn with_trainable(self, trainable: bool) -> Self {
        self.set_trainable(trainable);
        self
    }

    /// The name: `dense_1`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The class: `Dense`.
    pub fn class_name(&self) -> &str {
        &self.0.class_name
    }

    /// The dtype of weights.
    pub fn dtype(&self) -> DType {
        self.0.policy.variable_dtype()
    }

    /// The dtype of computation and of outputs.
    pub fn compute_dtype(&self) -> DType {
        self.0.policy.compute_dtype()
    }

    /// Both dtypes, with the name that Keras has for them.
    pub fn dtype_policy(&self) -> &DTypePolicy {
        &self.0.policy
    }

    /// The layer itself, if it is an `L`.
    pub fn downcast_ref<L: Layer>(&self) -> Option<&L> {
        (&*self.0.layer as &dyn Any).downcast_ref()
    }

    /// The layer as a step of a recurrent layer.
    ///
    /// # Errors
    /// It is none.
    pub fn as_cell(&self) -> Result<&dyn RnnCell> {
        self.0.layer.cell().ok_or_else(|| {
            let wanted = "a cell: LSTMCell, GRUCell, or a layer that implements RnnCell";
            Error::argument("cell", self.class_name(), wanted)
        })
    }

    /// Sets the states of stateful recurrent layers to 0, here and in the layers that this layer holds.
    ///
    /// # Errors
    /// A state cannot be written.
    pub fn reset_state(&self) -> Result<()> {
        self.0.layer.reset_state()?;
        self.children().iter().try_for_each(LayerRef::reset_state)
    }

    /// Whether `other` is the same layer.
    pub fn is(&self, other: &LayerRef) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A number that no other layer has as long as this one lives.
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// The names of the outputs in their order; none where the layer names none.
    pub fn output_names(&self) -> Vec<String> {
        self.0.layer.output_names()
    }

    /// Whether training changes the layer.
    pub fn trainable(&self) -> bool {
        self.0.trainable.load(Ordering::Relaxed)
    }

    /// Freezes or thaws the layer and the layers that it holds.
    pub fn set_trainable(&self, trainable: bool) {
        self.0.trainable.store(trainable, Ordering::Relaxed);
        if let Some(built) = self.0.built.get() {
            for w in built.owned.infos() {
                w.variable.set_frozen(!trainable);
            }
            for layer in &built.owned.layers {
                layer.set_trainable(trainable);
            }
        }
        STRUCTURE.fetch_add(1, Ordering::Relaxed);
    }

    /// A number that changes whenever any layer is built, frozen or thawed.
    pub fn structure_version() -> u64 {
        STRUCTURE.load(Ordering::Relaxed)
    }

    /// Whether the layer never has weights.
    pub fn is_weightless(&self) -> bool {
        self.0.layer.is_weightless()
    }
}

/// `keras_layers::layers::core::dense::Dense` is `Dense`.
fn class_name<L>() -> String {
    let full = std::any::type_name::<L>();
    let plain = full.split('<').next().unwrap_or(full);
    plain.rsplit("::").next().unwrap_or(plain).to_string()
}

impl<L: Layer> From<L> for LayerRef {
    fn from(layer: L) -> Self {
        LayerRef::new(layer, None)
    }
}

impl From<&LayerRef> for LayerRef {
    fn from(layer: &LayerRef) -> Self {
        layer.clone()
    }
}

/// Settings that every layer has, at the end of its own.
pub trait LayerExt: Layer + Sized {
    /// The layer under this name.
    fn name(self, name: &str) -> LayerRef {
        LayerRef::new(self, Some(name.to_string()))
    }

    /// The layer, frozen or not.
    fn trainable(self, trainable: bool) -> LayerRef {
        LayerRef::from(self).with_trainable(trainable)
    }

    /// The layer with weights and computation of this dtype, or under this policy: `"mixed_float16"`.
    fn dtype(self, policy: impl Into<DTypePolicy>) -> LayerRef {
        LayerRef::from(self).with_dtype(policy)
    }

    /// Calls the layer on tensors that are not there yet; see [`LayerRef::on`].
    ///
    /// # Errors
    /// Shapes that the layer cannot take.
    fn on(self, inputs: impl Into<Arguments<Symbolic>>) -> Result<Symbolic> {
        LayerRef::from(self).on(inputs)
    }

    /// [`LayerExt::on`] for a layer of several outputs.
    ///
    /// # Errors
    /// Shapes that the layer cannot take.
    fn on_many(self, inputs: impl Into<Arguments<Symbolic>>) -> Result<Vec<Symbolic>> {
        LayerRef::from(self).on_many(inputs)
    }
}

impl<L: Layer> LayerExt for L {}

/// The layer's class and config, or its name where it has no config.
impl fmt::Display for LayerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Debug for LayerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_json() {
            Ok(json) => write!(f, "{}({})", self.class_name(), json["config"]),
            Err(_) => write!(f, "{}(name={})", self.class_name(), self.name()),
        }
    }
}
