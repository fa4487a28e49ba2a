//! An observer that writes down which ops run.

use keras_tensor::observe::{self, Observer};
use keras_tensor::{Op, Result, Tensor, Variable};
use std::cell::RefCell;
use std::rc::Rc;

/// An op that ran, with its tensors.
pub(super) struct Recorded {
    pub(super) op: Op,
    pub(super) inputs: Vec<Tensor>,
    pub(super) outputs: Vec<Tensor>,
}

#[derive(Default)]
pub(super) struct Record {
    pub(super) ops: RefCell<Vec<Recorded>>,
    pub(super) weights: RefCell<Vec<Variable>>,
    /// Variables that were written.
    pub(super) states: RefCell<Vec<Variable>>,
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
        true
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

/// What runs during `work`, and its result.
pub(super) fn record<R>(work: impl FnOnce() -> Result<R>) -> Result<(Rc<Record>, R)> {
    struct Remove(Rc<dyn Observer>);
    impl Drop for Remove {
        fn drop(&mut self) {
            observe::remove(&self.0);
        }
    }
    let record = Rc::new(Record::default());
    observe::push(record.clone());
    let remove = Remove(record.clone());
    let result = work();
    drop(remove);
    Ok((record, result?))
}
