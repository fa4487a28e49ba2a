//! Carrying a plan out.

use keras_tensor::{
    Outputs, Result, SmallVec, Tensor, Variable, apply, apply_owned, in_few_buffers, ops,
};
use std::collections::HashMap;
use std::sync::Arc;

use super::{Place, Plan, Program, Samples, Step};

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
        let mut slots: Slots = SmallVec::new();
        slots.resize(program.slots, None);
        in_few_buffers(|| {
            let mut done = 0;
            if let Some(samples) = &program.samples {
                self.by_samples(samples, inputs, &mut slots)?;
                done = samples.ops;
            }
            self.carry_out(&program.steps[done..], inputs, &mut slots)
        })?;
        let outputs = program.outputs.iter();
        outputs
            .map(|&place| self.take(place, inputs, &mut slots)?.fitted())
            .collect()
    }

    /// The ops that are done for some samples after the others.
    fn by_samples(&self, samples: &Samples, inputs: &[&Tensor], slots: &mut Slots) -> Result<()> {
        const MADE: &str = "the others need what the last of these ops makes";
        let steps = &self.program.steps[..samples.ops];
        let result = steps.last().and_then(|step| step.outputs[0]).expect(MADE);
        let mut parts: Vec<Tensor> = Vec::new();
        for start in (0..samples.batch).step_by(samples.group) {
            let count = samples.group.min(samples.batch - start);
            let part = |x: &&Tensor| match x.shape().first() == Some(&samples.batch) {
                true => ops::slice_axis(*x, 0, start, count),
                false => Ok((*x).clone()),
            };
            let inputs: Vec<Tensor> = inputs.iter().map(part).collect::<Result<_>>()?;
            let inputs: Vec<&Tensor> = inputs.iter().collect();
            self.carry_out(steps, &inputs, slots)?;
            parts.push(slots[result].take().expect(MADE).fitted()?);
        }
        let parts: Vec<&Tensor> = parts.iter().collect();
        slots[result] = Some(ops::concatenate(&parts, 0)?);
        Ok(())
    }

    fn carry_out(&self, steps: &[Step], inputs: &[&Tensor], slots: &mut Slots) -> Result<()> {
        for step in steps {
            let given = step
                .inputs
                .iter()
                .map(|&place| self.take(place, inputs, slots));
            let given = given.collect::<Result<_>>()?;
            let outputs = apply_owned(step.op.clone(), given)?;
            for (&slot, output) in step.outputs.iter().zip(outputs) {
                if let Some(slot) = slot {
                    slots[slot] = Some(output);
                }
            }
        }
        Ok(())
    }

    fn take(&self, place: Place, inputs: &[&Tensor], slots: &mut Slots) -> Result<Tensor> {
        const MADE: &str = "a step comes after those that it needs";
        Ok(match place {
            Place::Input(i) => inputs[i].clone(),
            Place::Weight(i) => return self.program.weights[i].value(),
            Place::Constant(i) => self.constants[i].clone(),
            Place::Slot(i) => slots[i].clone().expect(MADE),
            Place::Last(i) => slots[i].take().expect(MADE),
        })
    }
}

/// Where tensors are while a plan runs.
type Slots = SmallVec<[Option<Tensor>; 8]>;
