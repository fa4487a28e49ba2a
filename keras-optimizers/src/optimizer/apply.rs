use keras_tensor::{Error, Result, Tensor, Variable, ops};

use super::{Optimizer, Resolved};
use crate::clip::clip;
use crate::state::State;
use crate::{Step, update};

impl Optimizer {
    /// Updates weights with their gradients, and counts the call.
    ///
    /// The first call builds the optimizer for these weights; later calls may name some of them, in any order. A weight
    /// without a gradient stays as it is.
    ///
    /// # Errors
    /// Not one gradient for each weight, no gradient at all, a gradient of another shape than its weight, a weight that
    /// the optimizer was not built for. The message names the weight, and no weight has changed.
    pub fn apply_gradients(
        &self,
        gradients: &[Option<Tensor>],
        weights: &[Variable],
    ) -> Result<()> {
        check(gradients, weights)?;
        self.build(weights)?;
        if let Some(scaling) = &self.scaling {
            // An overflow is no error: the step is left out, and the next one tries a smaller scale.
            if !finite(gradients)? {
                return scaling.shrink();
            }
        }
        let resolved = self.resolved()?;
        let mut state = self.state();
        let Some(state) = &mut *state else {
            unreachable!("it was built just now");
        };
        let mut taken = std::mem::take(&mut state.gradients);
        taken.clear();
        taken.resize(state.weights.len(), None);
        let scale = self.loss_scale_factor()?;
        let done = collect(state, gradients, weights, scale, &mut taken)
            .and_then(|()| self.update(resolved, state, &mut taken));
        taken.clear();
        state.gradients = taken;
        done?;
        match &self.scaling {
            Some(scaling) => scaling.grow(),
            None => Ok(()),
        }
    }

    fn update(
        &self,
        resolved: &Resolved,
        state: &State,
        gradients: &mut [Option<Tensor>],
    ) -> Result<()> {
        let common = resolved.rule.common();
        let calls = self.calls()?;
        let mut iteration = calls;
        let mut due = true;
        if let Some(steps) = common.gradient_accumulation_steps {
            iteration = calls / steps;
            due = (calls + 1).is_multiple_of(steps);
            state.accumulate(gradients, due, steps)?;
        }
        if due {
            clip(common, gradients)?;
            self.step(resolved, state, iteration + 1, gradients)?;
        }
        if common.use_ema {
            state.average(common, iteration)?;
        }
        let next = Tensor::scalar(calls as i64 + 1);
        self.inner.iterations.assign(&next)
    }

    fn step(
        &self,
        resolved: &Resolved,
        state: &State,
        number: u64,
        gradients: &mut [Option<Tensor>],
    ) -> Result<()> {
        let mut step = Step {
            learning_rate: self.learning_rate()?,
            number,
            shared: 0.0,
        };
        if let Some(shared) = &state.shared {
            let before = shared.value()?.item()?;
            let next = resolved.rule.next_shared(before, &step);
            shared.assign(&ops::full(shared.shape(), next, shared.dtype())?)?;
            step.shared = shared.value()?.item()?;
        }
        let undecayed = self.undecayed();
        for (tracked, gradient) in state.weights.iter().zip(gradients) {
            let Some(gradient) = gradient.take() else {
                continue;
            };
            let weight = &tracked.weight;
            let decay = resolved.rule.weight_decay(weight);
            if let Some(decay) = decay.filter(|_| !undecayed.has(weight)) {
                let shrunk = ops::multiply(weight, decay)?;
                update::subtract(weight, shrunk, step.learning_rate)?;
            }
            resolved
                .rule
                .step(&step, weight, gradient, &tracked.slots)?;
        }
        Ok(())
    }
}

fn check(gradients: &[Option<Tensor>], weights: &[Variable]) -> Result<()> {
    if gradients.len() != weights.len() {
        return Err(Error::argument(
            "apply_gradients.gradients",
            format!("{} gradients", gradients.len()),
            format!("one for each of the {} weights", weights.len()),
        ));
    }
    if gradients.iter().all(Option::is_none) {
        let names: Vec<String> = weights.iter().map(Variable::path).collect();
        return Err(Error::data(
            "apply_gradients",
            format!(
                "no gradients for any variable ({}); the loss does not depend on them, or nothing is trainable",
                names.join(", ")
            ),
        ));
    }
    for (gradient, weight) in gradients.iter().zip(weights) {
        let Some(g) = gradient else { continue };
        if g.shape() != weight.shape() {
            return Err(Error::shape(
                format!("gradient of `{}`", weight.path()),
                &[g.shape()],
                format!("the shape of the weight, {}", weight.shape()),
            ));
        }
        if g.is_meta() {
            return Err(Error::NoData {
                op: format!("gradient of `{}`", weight.path()),
                shape: g.shape().clone(),
            });
        }
    }
    Ok(())
}

/// Whether no gradient has an infinity or a NaN.
fn finite(gradients: &[Option<Tensor>]) -> Result<bool> {
    for g in gradients.iter().flatten() {
        if ops::all(ops::isfinite(g)?, None)?.item()? == 0.0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Puts each gradient, unscaled, in the place of its weight.
fn collect(
    state: &State,
    gradients: &[Option<Tensor>],
    weights: &[Variable],
    scale: Option<f64>,
    places: &mut [Option<Tensor>],
) -> Result<()> {
    for (i, (gradient, weight)) in gradients.iter().zip(weights).enumerate() {
        let place = state.place(weight, i)?;
        let Some(g) = gradient else { continue };
        if places[place].is_some() {
            return Err(Error::data(
                format!("apply_gradients, weight `{}`", weight.path()),
                "it came twice; add its gradients and give it once",
            ));
        }
        let g = ops::cast(g, weight.dtype())?;
        places[place] = Some(match scale {
            Some(scale) => ops::divide(g, scale)?,
            None => g,
        });
    }
    Ok(())
}
