//! An observer that writes down which ops run.

use keras_tensor::observe::{self, Observer};
use keras_tensor::{Op, Result, Tensor, Variable};
use std::cell::RefCell;
use std::rc::Rc;

/// An op that ran, with its tensors.
pub struct Recorded {
    /// The op.
    pub op: Op,
    /// What it was given.
    pub inputs: Vec<Tensor>,
    /// What it made.
    pub outputs: Vec<Tensor>,
}

/// What was heard.
#[derive(Default)]
pub struct Record {
    /// The ops in their order.
    pub ops: RefCell<Vec<Recorded>>,
    /// Variables that were read.
    pub weights: RefCell<Vec<Variable>>,
    /// Variables that were written.
    pub states: RefCell<Vec<Variable>>,
    wants_small_ops: bool,
}

impl Observer for Record {
    fn op(&self, op: &Op, inputs: &[&Tensor], outputs: &[Tensor]) {
        self.ops.borrow_mut().push(Recorded {
            op: op.clone(),
            inputs: inputs.iter().map(|&t| t.clone()).collect(),
            outputs: outputs.to_vec(),
        });
    }

    fn wants_small_ops(&self) -> bool {
        self.wants_small_ops
    }

    fn read(&self, variable: &Variable, _: &Tensor) {
        let mut weights = self.weights.borrow_mut();
        if !weights.iter().any(|w| w.is(variable)) {
            weights.push(variable.clone());
        }
    }

    fn assigned(&self, variable: &Variable, _: &Tensor) {
        self.states.borrow_mut().push(variable.clone());
    }
}

/// What runs during `work`, in small ops, and its result.
///
/// # Errors
/// Those of `work`.
pub fn record<R>(work: impl FnOnce() -> Result<R>) -> Result<(Rc<Record>, R)> {
    struct Remove(Rc<dyn Observer>);
    impl Drop for Remove {
        fn drop(&mut self) {
            observe::remove(&self.0);
        }
    }
    let record = Rc::new(Record {
        wants_small_ops: true,
        ..Record::default()
    });
    observe::push(record.clone());
    let remove = Remove(record.clone());
    let result = work();
    drop(remove);
    Ok((record, result?))
}

/// What `work` would run; see [`observe::traced`].
pub(super) fn traced<R>(work: impl FnOnce() -> Result<R>) -> Result<(Rc<Record>, R)> {
    let record = Rc::new(Record::default());
    let result = observe::traced(record.clone(), work)?;
    Ok((record, result))
}
