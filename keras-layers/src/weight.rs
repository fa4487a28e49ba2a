//! Weights: slots in layers, and the list that owns them.

use keras_tensor::ops::Operand;
use keras_tensor::random::SeedGenerator;
use keras_tensor::{DType, Error, Result, Shape, Tensor, Variable};
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::constraints::{Constrain, Constraint};
use crate::initializers::Initializer;
use crate::lora::Adaptable;
use crate::regularizers::{Regularize, Regularizer};
use crate::{Adapter, DTypePolicy, Gauge, LayerRef, Lora, dtype_policy, names};

/// A place in a layer that [`Weights::add`] fills with a variable. Clones are empty.
#[derive(Default)]
pub struct Weight(OnceLock<Slot>);

struct Slot {
    variable: Variable,
    autocast: bool,
    adaptable: Option<Adaptable>,
}

impl Weight {
    /// The variable, once the layer is built.
    pub fn variable(&self) -> Option<&Variable> {
        self.0.get().map(|slot| &slot.variable)
    }

    /// Gives the variable a new value; batch normalization does it with its moving statistics.
    ///
    /// # Errors
    /// The layer is not built, or the value has another shape.
    pub fn assign(&self, value: &Tensor) -> Result<()> {
        self.built()?.variable.assign(value)
    }

    fn built(&self) -> Result<&Slot> {
        self.0.get().ok_or_else(|| {
            Error::not_ready(
                "a weight",
                "call the layer through its LayerRef, which builds it, and declare the weight in `build`",
            )
        })
    }
}

impl Clone for Weight {
    fn clone(&self) -> Self {
        Weight::default()
    }
}

impl fmt::Debug for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get() {
            Some(slot) => slot.variable.fmt(f),
            None => f.write_str("<Weight not built>"),
        }
    }
}

/// The value, in the dtype that the layer which is being called computes in.
impl Operand for Weight {
    fn tensor(&self) -> Result<Cow<'_, Tensor>> {
        let slot = self.built()?;
        let value = slot.variable.value()?;
        let value = match slot.adaptable.as_ref().and_then(Adaptable::adapter) {
            Some(adapter) => adapter.added_to(value)?,
            None => value,
        };
        Ok(Cow::Owned(if slot.autocast {
            dtype_policy::as_read(value)?
        } else {
            value
        }))
    }
}

/// A place in a layer that [`Weights::add_seed`] fills with a generator of random seeds. Clones are empty.
#[derive(Default, Debug)]
pub struct Seed(OnceLock<SeedGenerator>);

impl Clone for Seed {
    fn clone(&self) -> Self {
        Seed::default()
    }
}

impl Seed {
    /// The seed of the next draw.
    ///
    /// # Errors
    /// The layer is not built.
    pub fn next(&self) -> Result<Tensor> {
        self.0
            .get()
            .ok_or_else(|| Error::not_ready("a seed", "declare it in `build` with `add_seed`"))?
            .next()
    }
}

/// How a weight begins, and what governs it.
///
/// A string or an initializer makes one: `w.add(&self.kernel, "w", shape, "glorot_uniform")`.
#[derive(Clone, Debug)]
pub struct Declare {
    initializer: Initializer,
    trainable: bool,
    autocast: bool,
    dtype: Option<DType>,
    regularizer: Option<Regularizer>,
    constraint: Option<Constraint>,
    adapts: bool,
    lora: Option<Lora>,
}

impl Declare {
    /// A trainable weight that begins as the initializer says.
    pub fn new(initializer: impl Into<Initializer>) -> Self {
        Declare {
            initializer: initializer.into(),
            trainable: true,
            autocast: true,
            dtype: None,
            regularizer: None,
            constraint: None,
            adapts: false,
            lora: None,
        }
    }

    /// A trainable weight with all that a layer's config says of it.
    pub fn of(
        initializer: &Initializer,
        regularizer: &Option<Regularizer>,
        constraint: &Option<Constraint>,
    ) -> Self {
        Declare {
            regularizer: regularizer.clone(),
            constraint: constraint.clone(),
            ..Declare::new(initializer.clone())
        }
    }

    /// Whether training changes it.
    pub fn trainable(mut self, trainable: bool) -> Self {
        self.trainable = trainable;
        self
    }

    /// Whether a layer that computes in another dtype reads it in that one; so it is unless said otherwise.
    pub fn autocast(mut self, autocast: bool) -> Self {
        self.autocast = autocast;
        self
    }

    /// Of this dtype, whatever the layer keeps its other weights in.
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = Some(dtype);
        self
    }

    /// A kernel that [`LayerRef::enable_lora`] can adapt, and does at once where the layer's config has a rank.
    pub fn adaptable(mut self, rank: Option<usize>, alpha: Option<f64>) -> Self {
        self.adapts = true;
        self.lora = rank.map(|rank| Lora::new(rank).alpha(alpha));
        self
    }
}

impl<T: Into<Initializer>> From<T> for Declare {
    fn from(initializer: T) -> Self {
        Declare::new(initializer)
    }
}

/// A weight with what governs it.
#[derive(Clone)]
pub struct WeightInfo {
    /// The variable.
    pub variable: Variable,
    /// What it adds to the loss.
    pub regularizer: Option<Arc<dyn Regularize>>,
    /// What holds after each update.
    pub constraint: Option<Arc<dyn Constrain>>,
}

/// Where a layer keeps another one, under the names of Keras's class; the paths of weights in files are made of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a field: `cell`, `forward_layer`.
    Field(Cow<'static, str>),
    /// In a list that is kept in a field, each layer at the next place: `layers`, `cells`.
    List(Cow<'static, str>),
}

/// What a layer owns, in the order of declaration: the one source for variables, counts, summaries, files and freezing.
pub struct Weights {
    pub(crate) weights: Vec<WeightInfo>,
    /// State that is saved for resuming and is no weight: the counters of random generators.
    pub(crate) states: Vec<Variable>,
    pub(crate) layers: Vec<LayerRef>,
    /// Where each of the layers stands.
    pub(crate) places: Vec<Place>,
    pub(crate) metrics: Vec<Arc<dyn Gauge>>,
    /// Weights of held layers that stand in this layer's place in lists.
    pub(crate) adopted: Vec<Variable>,
    /// The kernel that an adapter can be added to, and the adapter that the config asks for.
    pub(crate) adaptable: Option<(Adaptable, Option<Lora>)>,
    policy: DTypePolicy,
}

impl Weights {
    pub(crate) fn new(policy: DTypePolicy) -> Self {
        Weights {
            weights: Vec::new(),
            states: Vec::new(),
            layers: Vec::new(),
            places: Vec::new(),
            metrics: Vec::new(),
            adopted: Vec::new(),
            adaptable: None,
            policy,
        }
    }

    /// What is added to a kernel, if anything is.
    pub(crate) fn adapter(&self) -> Option<&Adapter> {
        self.adaptable.as_ref()?.0.adapter()
    }

    /// The layer's own weights with what governs them.
    pub(crate) fn infos(&self) -> impl Iterator<Item = &WeightInfo> {
        let adapters = self.adapter().map_or(&[][..], Adapter::infos);
        self.weights.iter().chain(adapters)
    }

    /// The layer's own weights and those that it adopted, the trainable ones first.
    pub(crate) fn listed(&self) -> impl Iterator<Item = &Variable> {
        let all = || {
            let own = self.infos().map(|w| &w.variable);
            self.adopted.iter().chain(own)
        };
        let frozen = all().filter(|v| !v.declared_trainable());
        all().filter(|v| v.declared_trainable()).chain(frozen)
    }

    /// The dtype of the weights of the layer that is built.
    pub fn dtype(&self) -> DType {
        self.policy.variable_dtype()
    }

    /// The dtypes of the layer that is built; layers that it makes take them over.
    pub fn dtype_policy(&self) -> &DTypePolicy {
        &self.policy
    }

    /// Declares a weight. Its first value is computed when it is first read.
    ///
    /// # Errors
    /// An unknown initializer, regularizer or constraint, or a slot that is filled already.
    pub fn add(
        &mut self,
        slot: &Weight,
        name: &str,
        shape: impl Into<Shape>,
        how: impl Into<Declare>,
    ) -> Result<()> {
        self.declare(slot, name, shape.into(), how.into())
    }

    fn declare(&mut self, slot: &Weight, name: &str, shape: Shape, how: Declare) -> Result<()> {
        let dtype = how.dtype.unwrap_or(self.dtype());
        shape.checked_size(name)?;
        let initializer = how.initializer.resolve()?;
        initializer.fix_seed();
        let first = shape.clone();
        let variable = Variable::lazy(shape, dtype, name, move || {
            initializer.initialize(&first, dtype)
        });
        variable.set_trainable(how.trainable);
        variable.set_path(names::path(name));
        let info = WeightInfo {
            variable: variable.clone(),
            regularizer: how.regularizer.map(|r| r.resolve()).transpose()?,
            constraint: how.constraint.map(|c| c.resolve()).transpose()?,
        };
        let adaptable = how.adapts.then(|| Adaptable::new(&info));
        let filled = Slot {
            variable,
            autocast: how.autocast,
            adaptable: adaptable.clone(),
        };
        slot.0.set(filled).map_err(|_| {
            Error::argument(
                format!("weight `{name}`"),
                "a slot that is filled already",
                "a slot of its own for each weight",
            )
        })?;
        self.weights.push(info);
        if let Some(adaptable) = adaptable {
            self.adaptable = Some((adaptable, how.lora));
        }
        Ok(())
    }

    /// Declares a generator of random seeds, from `seed` or a default one.
    ///
    /// # Errors
    /// A slot that is filled already.
    pub fn add_seed(&mut self, slot: &Seed, seed: Option<u32>) -> Result<()> {
        let generator = SeedGenerator::new(seed);
        generator
            .state()
            .set_path(names::path("seed_generator/seed_generator_state"));
        self.states.push(generator.state().clone());
        slot.0.set(generator).map_err(|_| {
            Error::argument("seed", "a slot that is filled already", "a slot of its own")
        })
    }

    /// Lists a weight of a held layer among this layer's own, as Keras does with one that a layer keeps in a field.
    pub fn adopt(&mut self, weight: &Variable) {
        self.adopted.push(weight.clone());
    }

    /// Declares a metric that this layer updates; training shows it under its name.
    pub fn metric(&mut self, metric: Arc<dyn Gauge>) {
        self.metrics.push(metric);
    }

    /// Declares a layer that this layer calls: the next one of its list `layers`.
    pub fn layer(&mut self, layer: &LayerRef) {
        self.layer_in("layers", layer);
    }

    /// Declares a layer that this layer calls: the next one of a list that it keeps in a field of this name.
    pub fn layer_in(&mut self, list: impl Into<Cow<'static, str>>, layer: &LayerRef) {
        self.layers.push(layer.clone());
        self.places.push(Place::List(list.into()));
    }

    /// Declares a layer that this layer calls and keeps in a field of this name.
    ///
    /// Files find the layer by the name that Keras's class gives to the field, as in `self.dense1 = Dense(64)`.
    pub fn layer_as(&mut self, field: impl Into<Cow<'static, str>>, layer: &LayerRef) {
        self.layers.push(layer.clone());
        self.places.push(Place::Field(field.into()));
    }
}
