//! A variable of a metric.

use keras_tensor::{DType, Result, Shape, Tensor, Variable, ops};
use std::sync::OnceLock;

/// A float32 variable that begins with zeros, made when it is first used.
#[derive(Debug, Default)]
pub struct State(OnceLock<Variable>);

/// A clone begins anew.
impl Clone for State {
    fn clone(&self) -> Self {
        State::default()
    }
}

impl State {
    /// The variable, of this shape when it is first used.
    pub fn variable(&self, name: &str, shape: &[usize]) -> &Variable {
        self.0.get_or_init(|| {
            let first = Shape::from(shape);
            let v = Variable::lazy(shape, DType::F32, name, move || {
                ops::zeros(first.clone(), DType::F32)
            });
            v.set_trainable(false);
            v
        })
    }

    /// The variable, if it was used.
    pub fn made(&self) -> Option<&Variable> {
        self.0.get()
    }
}

/// Adds to a variable.
pub(super) fn add_to(variable: &Variable, value: &Tensor) -> Result<()> {
    variable.assign(&ops::add(variable, ops::cast(value, variable.dtype())?)?)
}
