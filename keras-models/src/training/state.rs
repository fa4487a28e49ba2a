//! Where training stands, so that it can go on after an interruption.

use keras_datasets::Order;
use keras_tensor::{Error, Result, Tensor, Variable};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Model;

/// Where training stands, but for the weights and the optimizer's state: the epoch and the batch to go on with, random
/// orders and seeds, and what metrics and callbacks have gathered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TrainingState {
    epoch: usize,
    batch: usize,
    exact: Option<Exact>,
    #[serde(skip)]
    tensors: Vec<Tensor>,
}

/// What makes the rest of training the same, bit for bit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Exact {
    /// The random orders at the start of the iteration in which training stands.
    pub(super) orders: Vec<Order>,
    /// How many batches of that iteration were trained on.
    pub(super) taken: usize,
    pub(super) validation_orders: Vec<Order>,
    /// How many of the tensors are seeds of layers, and how many after them belong to metrics.
    pub(super) seeds: usize,
    pub(super) metrics: usize,
    pub(super) callbacks: Vec<Held>,
}

/// What a callback needs to go on; its tensors are the next ones.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Held {
    class: String,
    settings: Value,
    tensors: usize,
}

/// What a callback needs to go on, told by [`Callback::state`](crate::callbacks::Callback::state).
#[derive(Clone, Debug, Default)]
pub struct CallbackState {
    /// The callback's class: states find the callback by it.
    pub class: String,
    /// Small things, as JSON.
    pub settings: Value,
    /// Large things.
    pub tensors: Vec<Tensor>,
}

impl TrainingState {
    /// The beginning of an epoch, of which nothing else is known: what Keras keeps.
    pub fn at_epoch(epoch: usize) -> Self {
        TrainingState {
            epoch,
            ..TrainingState::default()
        }
    }

    pub(super) fn new(
        (epoch, batch): (usize, usize),
        exact: Exact,
        callbacks: Vec<CallbackState>,
        mut tensors: Vec<Tensor>,
    ) -> Self {
        let hold = |state: CallbackState| {
            let held = Held {
                class: state.class,
                settings: state.settings,
                tensors: state.tensors.len(),
            };
            tensors.extend(state.tensors);
            held
        };
        let callbacks = callbacks.into_iter().map(hold).collect();
        TrainingState {
            epoch,
            batch,
            exact: Some(Exact { callbacks, ..exact }),
            tensors,
        }
    }

    /// The epoch to go on with, counted from 0.
    pub fn epoch(&self) -> usize {
        self.epoch
    }

    /// How many batches of that epoch are done.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The state but for its tensors.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("numbers, texts and lists are JSON")
    }

    /// What cannot be told in JSON.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The state that [`TrainingState::to_json`] and [`TrainingState::tensors`] told.
    ///
    /// # Errors
    /// Another JSON, or another number of tensors.
    pub fn from_json(json: &Value, tensors: Vec<Tensor>) -> Result<Self> {
        let wrong = |problem: String| Error::Format {
            what: "the state of training".into(),
            problem,
        };
        let mut state = TrainingState::deserialize(json).map_err(|e| wrong(e.to_string()))?;
        let counts = state.exact.iter().flat_map(|e| {
            let held = e.callbacks.iter().map(|c| c.tensors);
            held.chain([e.seeds, e.metrics])
        });
        let wanted = counts.fold(0usize, usize::saturating_add);
        if wanted != tensors.len() {
            let got = tensors.len();
            return Err(wrong(format!("{got} tensors; wanted {wanted}")));
        }
        state.tensors = tensors;
        Ok(state)
    }

    pub(super) fn exact(&self) -> Option<&Exact> {
        self.exact.as_ref()
    }

    /// The seeds of layers.
    pub(super) fn seeds(&self) -> &[Tensor] {
        let seeds = self.exact.as_ref().map_or(0, |e| e.seeds);
        &self.tensors[..seeds]
    }

    /// What metrics have gathered.
    pub(super) fn metrics(&self) -> &[Tensor] {
        let (seeds, metrics) = self.exact.as_ref().map_or((0, 0), |e| (e.seeds, e.metrics));
        &self.tensors[seeds..seeds + metrics]
    }

    /// What callbacks need to go on.
    pub(super) fn callbacks(&self) -> Vec<CallbackState> {
        let Some(exact) = &self.exact else {
            return Vec::new();
        };
        let mut tensors = self.tensors[exact.seeds + exact.metrics..].iter();
        let state = |held: &Held| CallbackState {
            class: held.class.clone(),
            settings: held.settings.clone(),
            tensors: tensors.by_ref().take(held.tensors).cloned().collect(),
        };
        exact.callbacks.iter().map(state).collect()
    }
}

impl Model {
    /// The states of random generators.
    pub(super) fn seeds(&self) -> Vec<Variable> {
        self.variables().split_off(self.weights().len())
    }

    /// Everything that training changes.
    pub(super) fn all_variables(&self) -> Result<Vec<Variable>> {
        let mut all = self.variables();
        all.extend(self.optimizer()?.variables());
        Ok(all)
    }
}

/// The values of variables.
pub(super) fn values(variables: &[Variable]) -> Result<Vec<Tensor>> {
    variables.iter().map(Variable::value).collect()
}

/// Gives variables their values, all of them or none.
pub(super) fn assign(what: &str, variables: &[Variable], values: &[Tensor]) -> Result<()> {
    let fits = |(v, t): (&Variable, &Tensor)| v.shape() == t.shape() && v.dtype() == t.dtype();
    if variables.len() != values.len() || !variables.iter().zip(values).all(fits) {
        return Err(Error::data(
            "the state of training",
            format!(
                "its {what} do not fit; wanted those of the same model, compiled in the same way"
            ),
        ));
    }
    let mut both = variables.iter().zip(values);
    both.try_for_each(|(variable, value)| variable.assign(value))
}
