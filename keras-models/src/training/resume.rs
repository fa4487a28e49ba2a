//! Saving where training stands, and going on from there.

use keras_datasets::Dataset;
use keras_tensor::Result;

use super::batches::Batches;
use super::hooks::Hooks;
use super::state::{Exact, TrainingState, assign, values};
use crate::{Logs, Model};

impl Model {
    /// Hands callbacks that want it where training stands: before this batch of this epoch.
    pub(super) fn save_state(
        &mut self,
        at: (usize, usize),
        batches: &Batches<'_>,
        validation: Option<&Dataset>,
        hooks: &mut Hooks<'_>,
    ) -> Result<()> {
        if !hooks.want_state() {
            return Ok(());
        }
        let mut tensors = values(&self.seeds())?;
        let seeds = tensors.len();
        if at.1 > 0 {
            tensors.extend(values(&self.compiled()?.metric_variables())?);
        }
        let (orders, taken) = batches.place();
        let exact = Exact {
            orders,
            taken,
            validation_orders: validation.map(Dataset::orders).unwrap_or_default(),
            seeds,
            metrics: tensors.len() - seeds,
            callbacks: Vec::new(),
        };
        let state = TrainingState::new(at, exact, hooks.states()?, tensors);
        hooks.save_state(self, &state)
    }

    /// Goes on from where training stood; weights and optimizer are there already.
    pub(super) fn go_on(
        &mut self,
        at: &TrainingState,
        batches: &mut Batches<'_>,
        validation: Option<&Dataset>,
        hooks: &mut Hooks<'_>,
    ) -> Result<()> {
        let Some(exact) = at.exact() else {
            return hooks.tell(self, |c, m| c.on_epoch_begin(at.epoch(), m, &Logs::new()));
        };
        if let Some(validation) = validation {
            validation.set_orders(&exact.validation_orders)?;
        }
        assign("seeds", &self.seeds(), at.seeds())?;
        if at.batch() == 0 {
            hooks.set_states(&at.callbacks())?;
            hooks.tell(self, |c, m| c.on_epoch_begin(at.epoch(), m, &Logs::new()))?;
        } else {
            // The epoch had begun: what callbacks do then must not be done twice.
            let variables = self.all_variables()?;
            let before = values(&variables)?;
            hooks.tell(self, |c, m| c.on_epoch_begin(at.epoch(), m, &Logs::new()))?;
            // Metrics are made by the first batch.
            let sample = batches.sample()?;
            self.test_step(&sample, &mut Logs::new())?;
            assign("variables", &variables, &before)?;
            let metrics = self.compiled()?.metric_variables();
            assign("metrics", &metrics, at.metrics())?;
            hooks.set_states(&at.callbacks())?;
        }
        batches.go_to((at.epoch(), at.batch()), &exact.orders, exact.taken)
    }
}
