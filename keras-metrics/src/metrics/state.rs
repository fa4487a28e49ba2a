//! The variables of metrics.

use keras_tensor::{DType, Result, Tensor, Variable, ops};
use std::sync::OnceLock;

/// A variable of a metric that begins with zeros, made when it is first used. A clone is another variable.
#[derive(Debug, Default)]
pub struct State(OnceLock<Variable>);

impl Clone for State {
    fn clone(&self) -> Self {
        State::default()
    }
}

impl State {
    /// The variable `owner/name`; shape and dtype count when it is first used.
    pub fn variable(&self, owner: &str, name: &str, shape: &[usize], dtype: DType) -> &Variable {
        self.0.get_or_init(|| {
            let zeros = keras_tensor::Shape::from(shape);
            let v = Variable::lazy(shape, dtype, name, move || ops::zeros(zeros.clone(), dtype));
            v.set_trainable(false);
            v.set_path(format!("{owner}/{name}"));
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
    let value = ops::cast(value, variable.dtype())?;
    variable.assign(&ops::add(variable, value)?)
}

/// Makes a variable zero.
pub(super) fn clear(variable: &Variable) -> Result<()> {
    variable.assign(&ops::zeros(variable.shape(), variable.dtype())?)
}
