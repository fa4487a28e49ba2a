//! What models hold: a layer with its name, its weights and its flags.

use keras_tensor::registry::{self, Entry, Family};
use keras_tensor::{DType, Error, Outputs, Result, Tensor, Variable, ops};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::layers::RnnCell;
use crate::operations::Operation;
use crate::symbolic::{self, Nodes};
use crate::{
    Argument, Arguments, Call, DTypePolicy, Dims, Layer, Place, Spec, Symbolic, WeightInfo,
    Weights, dtype_policy, infer, layers, names,
};

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

    /// Whether training changes the layer.
    pub fn trainable(&self) -> bool {
        self.0.trainable.load(Ordering::Relaxed)
    }

    /// Freezes or thaws the layer and the layers that it holds.
    pub fn set_trainable(&self, trainable: bool) {
        self.0.trainable.store(trainable, Ordering::Relaxed);
        if let Some(built) = self.0.built.get() {
            for w in &built.owned.weights {
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

    fn in_layer(&self, source: Error) -> Error {
        Error::InLayer {
            name: self.0.name.clone(),
            class: self.0.class_name.clone(),
            source: Box::new(source),
        }
    }

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

    /// Visits every weight, those of held layers after one's own; a layer that stands in two places is visited once.
    pub fn visit_weights(&self, visit: &mut dyn FnMut(&WeightInfo)) {
        self.visit(&mut Vec::new(), &mut |owned| {
            owned.weights.iter().for_each(&mut *visit)
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

    /// The layer as Keras writes it: `{"module", "class_name", "config", "registered_name"}`.
    ///
    /// # Errors
    /// A class that no table holds.
    pub fn to_json(&self) -> Result<Value> {
        if let Some(operation) = self.downcast_ref::<Operation>() {
            return Ok(operation.to_json(self.name()));
        }
        let saved = registry::save::<dyn Layer>(&*self.0.layer).ok_or_else(|| {
            Error::data(
                format!("layer `{}`", self.name()),
                format!(
                    "its class {} is in no table, so it has no config; derive Serialize and Deserialize for it and register it",
                    self.class_name()
                ),
            )
        })?;
        let mut config = Map::new();
        config.insert("name".into(), self.name().into());
        config.insert("trainable".into(), self.trainable().into());
        config.insert("dtype".into(), self.0.policy.to_json());
        let written = self.0.layer.base_keys();
        config.retain(|key, _| written.contains(&key.as_str()));
        if let Value::Object(own) = saved.config? {
            config.extend(own);
        }
        // Keras tells the name of classes that it does not export, and no module of those that users registered.
        let module = self.0.layer.module();
        let hidden = module.starts_with("keras.src.");
        let registered_name = saved.registered_name.as_deref();
        Ok(json!({
            "module": registered_name.is_none().then_some(module),
            "class_name": self.class_name(),
            "config": config,
            "registered_name": registered_name.or(hidden.then_some(self.class_name())),
        }))
    }

    /// The layer that Keras wrote.
    ///
    /// # Errors
    /// An unknown class, or a config that does not fit it.
    pub fn from_json(json: &Value) -> Result<Self> {
        if let Some(operation) = Operation::from_json(json)? {
            return Ok(operation);
        }
        let class_name = json["class_name"].as_str().unwrap_or_default();
        let registered_name = json["registered_name"].as_str().unwrap_or_default();
        let entry = registry::find::<dyn Layer>(class_name, registered_name)?;
        let config = &json["config"];
        let base = |key: &str| config.get(key);
        let name = base("name")
            .and_then(|n| n.as_str().map(str::to_string))
            .unwrap_or_else(|| names::of_class(entry.class_name));
        let trainable = base("trainable").and_then(|t| t.as_bool()).unwrap_or(true);
        let policy = DTypePolicy::from_json(base("dtype").unwrap_or_default())?;
        let layer = Self::from_parts((entry.load)(config)?, entry.class_name.into(), name);
        Ok(layer.with_dtype(policy).with_trainable(trainable))
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

impl Serialize for LayerRef {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        self.to_json()
            .map_err(serde::ser::Error::custom)?
            .serialize(s)
    }
}

impl<'de> Deserialize<'de> for LayerRef {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        let json = Value::deserialize(d)?;
        LayerRef::from_json(&json).map_err(serde::de::Error::custom)
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
