//! Carrying a plan out.

use keras_tensor::{
    Outputs, Result, SmallVec, Tensor, Variable, apply, apply_owned, in_few_buffers,
};
use std::collections::HashMap;
use std::sync::Arc;

use super::{Place, Plan, Program};

impl Plan {
    pub(super) fn of(program: Arc<Program>) -> Result<Plan> {
        // Before the values, so that a write in between is not missed.
        let writes = Variable::writes();
        let mut ids = Vec::with_capacity(program.read.len());
        let mut known: HashMap<usize, Tensor> = program.given.iter().cloned().collect();
        for (place, variable) in &program.read {
            let value = variable.value()?;
            ids.push(value.id());
            known.insert(*place, value);
        }
        for node in &program.ahead {
            let inputs = node.inputs.iter().map(|place| &known[place]);
            let outputs = apply(node.op.clone(), &inputs.collect::<Vec<_>>())?;
            known.extend(node.outputs.iter().copied().zip(outputs));
        }
        let constants = program.kept.iter().map(|place| known[place].clone());
        Ok(Plan {
            constants: constants.collect(),
            program,
            ids,
            writes: writes.into(),
        })
    }

    /// The results for some inputs, which have the shapes and dtypes that the graph was traced with.
    ///
    /// # Errors
    /// Those of the ops; no memory.
    pub fn run(&self, inputs: &[&Tensor]) -> Result<Outputs> {
        let program = &*self.program;
        debug_assert_eq!(inputs.len(), program.inputs);
        let mut slots: SmallVec<[Option<Tensor>; 8]> = SmallVec::new();
        slots.resize(program.slots, None);
        let take = |slots: &mut [Option<Tensor>], place: Place| {
            const MADE: &str = "a step comes after those that it needs";
            Ok(match place {
                Place::Input(i) => inputs[i].clone(),
                Place::Weight(i) => return program.weights[i].value(),
                Place::Constant(i) => self.constants[i].clone(),
                Place::Slot(i) => slots[i].clone().expect(MADE),
                Place::Last(i) => slots[i].take().expect(MADE),
            })
        };
        in_few_buffers(|| -> Result<()> {
            for step in &program.steps {
                let given = step.inputs.iter().map(|&place| take(&mut slots, place));
                let given = given.collect::<Result<_>>()?;
                let outputs = apply_owned(step.op.clone(), given)?;
                for (&slot, output) in step.outputs.iter().zip(outputs) {
                    if let Some(slot) = slot {
                        slots[slot] = Some(output);
                    }
                }
            }
            Ok(())
        })?;
        let outputs = program.outputs.iter();
        outputs
            .map(|&place| take(&mut slots, place)?.fitted())
            .collect()
    }
}
