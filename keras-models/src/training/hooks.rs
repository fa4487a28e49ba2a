//! The callbacks of one call of `fit`, `evaluate` or `predict`.

use keras_tensor::Result;

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
}
