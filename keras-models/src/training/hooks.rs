//! The callbacks of one call of `fit`, `evaluate` or `predict`.

use keras_tensor::Result;

use super::{CallbackState, TrainingState};
use crate::Model;
use crate::callbacks::{Callback, Params};

/// Callbacks in the order in which they are told.
pub(super) struct Hooks<'a>(Vec<Box<dyn Callback + 'a>>);

impl<'a> Hooks<'a> {
    pub(super) fn new(callbacks: Vec<Box<dyn Callback + 'a>>, params: &Params) -> Self {
        let mut hooks = Hooks(callbacks);
        hooks.0.iter_mut().for_each(|c| c.set_params(params));
        hooks
    }

    /// Tells each callback; the first error ends it.
    pub(super) fn tell(
        &mut self,
        model: &mut Model,
        mut hook: impl FnMut(&mut (dyn Callback + 'a), &mut Model) -> Result<()>,
    ) -> Result<()> {
        self.0.iter_mut().try_for_each(|c| hook(&mut **c, model))
    }

    /// Where a callback says that training was interrupted.
    pub(super) fn resume(&mut self, model: &mut Model) -> Result<Option<TrainingState>> {
        for callback in &mut self.0 {
            if let Some(state) = callback.resume(model)? {
                return Ok(Some(state));
            }
        }
        Ok(None)
    }

    /// Whether a callback wants to save where training stands.
    pub(super) fn want_state(&self) -> bool {
        self.0.iter().any(|c| c.wants_state())
    }

    /// Hands where training stands to the callbacks that want it.
    pub(super) fn save_state(&mut self, model: &mut Model, state: &TrainingState) -> Result<()> {
        let mut wanting = self.0.iter_mut().filter(|c| c.wants_state());
        wanting.try_for_each(|c| c.save_state(model, state))
    }

    /// What the callbacks need to go on.
    pub(super) fn states(&self) -> Result<Vec<CallbackState>> {
        let states = self.0.iter().filter_map(|c| c.state().transpose());
        states.collect()
    }

    /// Hands each callback its state: the first of its class that no other had.
    pub(super) fn set_states(&mut self, states: &[CallbackState]) -> Result<()> {
        let mut left: Vec<&CallbackState> = states.iter().collect();
        for callback in &mut self.0 {
            let Some(own) = callback.state()? else {
                continue;
            };
            if let Some(place) = left.iter().position(|state| state.class == own.class) {
                callback.set_state(left.remove(place))?;
            }
        }
        Ok(())
    }
}
