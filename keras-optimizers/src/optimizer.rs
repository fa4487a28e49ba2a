use keras_tensor::{Error, Result, Tensor, Variable, ops};
use serde_json::Value;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::clip::clip;
use crate::schedules::Schedule;
use crate::state::{State, own_variable};
use crate::{LearningRate, OptimizerSetting, Step, UpdateRule, update};

/// An optimizer in use, with its state. Clones are the same optimizer.
///
/// It is made of a rule, `Optimizer::from(Adam::new())`, or of a name, `Optimizer::from("adam")`; capitals do not matter.
/// A name that is unknown is an error at [`Optimizer::resolve`] or at the first use.
///
/// ```
/// use keras_optimizers::{Optimizer, OptimizerExt, SGD};
/// use keras_tensor::{Tensor, Variable};
///
/// let w = Variable::new(Tensor::scalar(1.0f32), "w");
/// let optimizer = Optimizer::from(SGD::new().learning_rate(0.1));
/// optimizer.apply_gradients(&[Some(Tensor::scalar(2.0f32))], &[w.clone()])?;
/// assert_eq!(w.value()?.item()? as f32, 0.8);
///
/// let message = Optimizer::from("addam").resolve().unwrap_err().to_string();
/// assert_eq!(message, "unknown optimizer \"addam\"; did you mean \"adam\"?");
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Optimizer(Arc<Inner>);

struct Inner {
    setting: OptimizerSetting,
    iterations: Variable,
    resolved: OnceLock<Resolved>,
    state: Mutex<Option<State>>,
}

/// What the name and the arguments say, once they are known to be right.
struct Resolved {
    rule: Arc<dyn UpdateRule>,
    rate: Rate,
}

enum Rate {
    Variable(Variable),
    Schedule(Arc<dyn Schedule>),
}

impl<T: Into<OptimizerSetting>> From<T> for Optimizer {
    fn from(setting: T) -> Self {
        Optimizer(Arc::new(Inner {
            setting: setting.into(),
            iterations: own_variable("optimizer", "iteration", Tensor::scalar(0i64)),
            resolved: OnceLock::new(),
            state: Mutex::new(None),
        }))
    }
}

impl From<&Optimizer> for Optimizer {
    fn from(optimizer: &Optimizer) -> Self {
        optimizer.clone()
    }
}

impl Optimizer {
    /// Looks the name up and checks the arguments; every use of the optimizer does so too.
    ///
    /// # Errors
    /// An unknown name, with the nearest known one; arguments out of their range; more than one kind of clipping.
    pub fn resolve(&self) -> Result<()> {
        self.resolved().map(|_| ())
    }

    fn resolved(&self) -> Result<&Resolved> {
        if let Some(resolved) = self.0.resolved.get() {
            return Ok(resolved);
        }
        let rule = self.0.setting.resolve()?;
        let common = rule.common();
        common.check()?;
        rule.check()?;
        let rate = match &common.learning_rate {
            LearningRate::Value(rate) => Rate::Variable(own_variable(
                &common.name,
                "learning_rate",
                Tensor::scalar(*rate as f32),
            )),
            LearningRate::Schedule(setting) => {
                let schedule = setting.resolve()?;
                schedule.check()?;
                Rate::Schedule(schedule)
            }
        };
        let path = format!("{}/iteration", common.name);
        let resolved = self.0.resolved.get_or_init(|| {
            self.0.iterations.set_path(path);
            Resolved { rule, rate }
        });
        Ok(resolved)
    }

    /// The name: `adam`.
    ///
    /// # Errors
    /// What [`Optimizer::resolve`] finds.
    pub fn name(&self) -> Result<&str> {
        Ok(&self.resolved()?.rule.common().name)
    }

    /// The number of calls of [`Optimizer::apply_gradients`] so far, an int64 variable.
    pub fn iterations(&self) -> &Variable {
        &self.0.iterations
    }

    /// The learning rate of the next step, a float32 number.
    ///
    /// # Errors
    /// What [`Optimizer::resolve`] finds.
    pub fn learning_rate(&self) -> Result<f64> {
        match &self.resolved()?.rate {
            Rate::Variable(rate) => rate.value()?.item(),
            Rate::Schedule(schedule) => {
                let rate = schedule.learning_rate(self.calls()?);
                Ok(rate as f32 as f64)
            }
        }
    }

    /// Sets the learning rate.
    ///
    /// # Errors
    /// The optimizer was made with a schedule.
    pub fn set_learning_rate(&self, rate: f64) -> Result<()> {
        match &self.resolved()?.rate {
            Rate::Variable(variable) => variable.assign(&Tensor::scalar(rate as f32)),
            Rate::Schedule(_) => Err(Error::argument(
                "learning_rate",
                rate,
                format!(
                    "no number, because optimizer `{}` computes the rate with a schedule; make it with a number to set the rate",
                    self.name()?
                ),
            )),
        }
    }

    /// What the loss is multiplied by before its gradients are taken, if anything.
    ///
    /// # Errors
    /// What [`Optimizer::resolve`] finds.
    pub fn loss_scale_factor(&self) -> Result<Option<f64>> {
        Ok(self.resolved()?.rule.common().loss_scale_factor)
    }

    /// Whether the state variables of the weights exist.
    pub fn is_built(&self) -> bool {
        self.state().is_some()
    }

    fn state(&self) -> MutexGuard<'_, Option<State>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn calls(&self) -> Result<u64> {
        Ok(self.0.iterations.value()?.item()? as u64)
    }

    /// Makes the state variables for these weights; does nothing if it was done before.
    ///
    /// # Errors
    /// What [`Optimizer::resolve`] finds, or a weight of a dtype that is not float.
    pub fn build(&self, weights: &[Variable]) -> Result<()> {
        let resolved = self.resolved()?;
        let mut state = self.state();
        if state.is_none() {
            *state = Some(State::new(&*resolved.rule, weights)?);
        }
        Ok(())
    }

    /// The state in Keras's order: iteration, learning rate (unless it is a schedule), then averages, accumulators and
    /// the rule's own slots. Before [`Optimizer::build`] there are only the first two.
    pub fn variables(&self) -> Vec<Variable> {
        let mut all = vec![self.0.iterations.clone()];
        if let Ok(resolved) = self.resolved()
            && let Rate::Variable(rate) = &resolved.rate
        {
            all.push(rate.clone());
        }
        if let Some(state) = &*self.state() {
            all.extend(state.variables.iter().cloned());
        }
        all
    }

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
        let resolved = self.resolved()?;
        let mut state = self.state();
        let Some(state) = &mut *state else {
            unreachable!("it was built just now");
        };
        let mut taken = std::mem::take(&mut state.gradients);
        taken.clear();
        taken.resize(state.weights.len(), None);
        let scale = resolved.rule.common().loss_scale_factor;
        let done = collect(state, gradients, weights, scale, &mut taken)
            .and_then(|()| self.update(resolved, state, &mut taken));
        taken.clear();
        state.gradients = taken;
        done
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
        self.0.iterations.assign(&next)
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
        let decay = resolved.rule.common().weight_decay;
        for (tracked, gradient) in state.weights.iter().zip(gradients) {
            let Some(gradient) = gradient.take() else {
                continue;
            };
            let weight = &tracked.weight;
            if let Some(decay) = decay {
                let shrunk = ops::multiply(weight, decay)?;
                update::subtract(weight, shrunk, step.learning_rate)?;
            }
            resolved
                .rule
                .step(&step, weight, gradient, &tracked.slots)?;
        }
        Ok(())
    }

    /// Puts the moving averages in the place of these weights, if the optimizer keeps averages; training ends with it.
    ///
    /// # Errors
    /// The optimizer keeps averages and was not built for these weights.
    pub fn finalize_variable_values(&self, weights: &[Variable]) -> Result<()> {
        if !self.resolved()?.rule.common().use_ema {
            return Ok(());
        }
        let state = self.state();
        let Some(state) = &*state else {
            return Err(Error::not_ready(
                "optimizer",
                "the averages of the weights; apply gradients or call build first",
            ));
        };
        for (i, weight) in weights.iter().enumerate() {
            state.weights[state.place(weight, i)?].overwrite()?;
        }
        Ok(())
    }

    /// Keras's `get_config`: the arguments, with the learning rate that the optimizer has now.
    ///
    /// # Errors
    /// What [`Optimizer::resolve`] finds; a rule of one's own, which no table holds.
    pub fn config(&self) -> Result<Value> {
        Ok(self.to_json()?["config"].take())
    }

    /// The optimizer as Keras writes it to files: `module`, `class_name`, `config`, `registered_name`.
    ///
    /// # Errors
    /// What [`Optimizer::resolve`] finds; a rule of one's own, which no table holds.
    pub fn to_json(&self) -> Result<Value> {
        let resolved = self.resolved()?;
        let mut json = self.0.setting.to_json()?;
        if let Rate::Variable(rate) = &resolved.rate {
            json["config"]["learning_rate"] = rate.value()?.item()?.into();
        }
        Ok(json)
    }

    /// The optimizer that [`Optimizer::to_json`] or Keras wrote, or a name, without its state.
    ///
    /// # Errors
    /// An unknown class, or a config that does not fit it.
    pub fn from_json(json: &Value) -> Result<Self> {
        Ok(OptimizerSetting::from_json(json)?.into())
    }
}

impl fmt::Debug for Optimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Optimizer({:?})", self.0.setting)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedules::{CosineDecay, PiecewiseConstantDecay};
    use crate::{Adam, AdamW, Lion, OptimizerExt, SGD};
    use keras_tensor::DType;

    fn scalar(value: f32) -> Variable {
        Variable::new(Tensor::scalar(value), "w")
    }

    fn apply(optimizer: &Optimizer, gradient: f32, w: &Variable) {
        let g = Tensor::scalar(gradient);
        optimizer.apply_gradients(&[Some(g)], &[w.clone()]).unwrap();
    }

    fn value(w: &Variable) -> f32 {
        w.value().unwrap().item().unwrap() as f32
    }

    #[test]
    fn clones_are_the_same_optimizer() {
        let optimizer = Optimizer::from(SGD::new());
        optimizer.clone().set_learning_rate(0.5).unwrap();
        assert_eq!(optimizer.learning_rate().unwrap(), 0.5);
        let w = scalar(1.0);
        apply(&Optimizer::from(&optimizer), 1.0, &w);
        assert_eq!(value(optimizer.iterations()), 1.0);
        assert_eq!(value(&w), 0.5);
    }

    #[test]
    fn the_rate_is_a_float32_and_a_schedule_cannot_be_set() {
        let optimizer = Optimizer::from("adam");
        assert_eq!(optimizer.learning_rate().unwrap(), 0.0010000000474974513);
        let steps = PiecewiseConstantDecay::new(&[1], &[0.5, 0.25]);
        let optimizer = Optimizer::from(SGD::new().learning_rate(steps));
        let w = scalar(10.0);
        for (rate, after) in [(0.5, 9.5), (0.5, 9.0), (0.25, 8.75)] {
            assert_eq!(optimizer.learning_rate().unwrap(), rate);
            apply(&optimizer, 1.0, &w);
            assert_eq!(value(&w), after);
        }
        let message = optimizer.set_learning_rate(0.1).unwrap_err().to_string();
        assert!(message.contains("schedule"), "{message}");
    }

    #[test]
    fn accumulated_gradients_are_averaged_and_forgotten() {
        let rule = SGD::new().learning_rate(1.0).gradient_accumulation_steps(2);
        let optimizer = Optimizer::from(rule);
        let (a, b) = (scalar(0.0), scalar(0.0));
        let weights = [a.clone(), b.clone()];
        let one = || Some(Tensor::scalar(1.0f32));
        optimizer.apply_gradients(&[one(), one()], &weights).unwrap();
        assert_eq!((value(&a), value(&b)), (0.0, 0.0));
        // A weight without gradient in the last call loses what it had, as in Keras.
        optimizer.apply_gradients(&[one(), None], &weights).unwrap();
        assert_eq!((value(&a), value(&b)), (-1.0, 0.0));
        optimizer.apply_gradients(&[None, one()], &weights).unwrap();
        optimizer.apply_gradients(&[one(), one()], &weights).unwrap();
        assert_eq!((value(&a), value(&b)), (-1.5, -1.0));
        assert_eq!(value(optimizer.iterations()), 4.0);
    }

    #[test]
    fn averages_replace_the_weights_at_the_end() {
        let rule = SGD::new().learning_rate(1.0).use_ema(true).ema_momentum(0.5);
        let optimizer = Optimizer::from(rule);
        let w = scalar(3.0);
        apply(&optimizer, 1.0, &w);
        apply(&optimizer, 1.0, &w);
        assert_eq!(value(&w), 1.0);
        optimizer.finalize_variable_values(&[w.clone()]).unwrap();
        assert_eq!(value(&w), 1.5);
        let other = scalar(0.0);
        assert!(optimizer.finalize_variable_values(&[other]).is_err());
        assert!(
            Optimizer::from(SGD::new().use_ema(true))
                .finalize_variable_values(&[w])
                .is_err()
        );
    }

    #[test]
    fn scaled_gradients_are_scaled_back() {
        let optimizer = Optimizer::from(SGD::new().learning_rate(1.0).loss_scale_factor(8.0));
        assert_eq!(optimizer.loss_scale_factor().unwrap(), Some(8.0));
        let w = scalar(1.0);
        apply(&optimizer, 4.0, &w);
        assert_eq!(value(&w), 0.5);
    }

    #[test]
    fn weights_may_come_in_another_order_but_not_from_elsewhere() {
        let optimizer = Optimizer::from(SGD::new().learning_rate(1.0).momentum(0.5));
        let (a, b) = (scalar(0.0), scalar(0.0));
        optimizer.build(&[a.clone(), b.clone()]).unwrap();
        let (one, two) = (Tensor::scalar(1.0f32), Tensor::scalar(2.0f32));
        for _ in 0..2 {
            let gradients = [Some(two.clone()), Some(one.clone())];
            optimizer
                .apply_gradients(&gradients, &[b.clone(), a.clone()])
                .unwrap();
        }
        assert_eq!((value(&a), value(&b)), (-2.5, -5.0));
        let stranger = scalar(0.0);
        stranger.set_path("other/kernel");
        let message = optimizer
            .apply_gradients(&[Some(one.clone())], &[stranger])
            .unwrap_err()
            .to_string();
        assert!(message.contains("other/kernel"), "{message}");
        let twice = [Some(one.clone()), Some(one.clone())];
        assert!(optimizer.apply_gradients(&twice, &[a.clone(), a]).is_err());
        assert!(optimizer.apply_gradients(&[Some(one)], &[]).is_err());
    }

    #[test]
    fn gradients_without_data_and_integer_weights_are_refused_before_anything_is_taken() {
        let optimizer = Optimizer::from("adam");
        let w = scalar(1.0);
        let meta = Tensor::meta([0usize; 0], DType::F32);
        assert!(optimizer.apply_gradients(&[Some(meta)], &[w.clone()]).is_err());
        assert_eq!(value(&w), 1.0);
        let count = Variable::new(Tensor::scalar(1i64), "count");
        assert!(Optimizer::from("sgd").build(&[count]).is_err());
    }

    #[test]
    fn weights_of_other_dtypes_keep_them() {
        for dtype in [DType::F64, DType::F16, DType::BF16] {
            let one = Tensor::from_f64(&[1.0], [1], dtype).unwrap();
            let w = Variable::new(one, "w");
            let optimizer = Optimizer::from(Adam::new().learning_rate(0.25));
            let g = Tensor::new(&[2.0f32], [1]).unwrap();
            optimizer.apply_gradients(&[Some(g)], &[w.clone()]).unwrap();
            let after = w.value().unwrap();
            assert_eq!(after.dtype(), dtype);
            assert!((after.item().unwrap() - 0.75).abs() < 1e-2);
        }
    }

    #[test]
    fn arguments_out_of_range_are_errors() {
        let message = |optimizer: Optimizer| optimizer.resolve().unwrap_err().to_string();
        for (optimizer, named) in [
            (Optimizer::from(SGD::new().momentum(1.5)), "SGD.momentum"),
            (Optimizer::from(Lion::new().beta_1(0.0)), "Lion.beta_1"),
            (
                Optimizer::from(SGD::new().gradient_accumulation_steps(1)),
                "gradient_accumulation_steps",
            ),
            (
                Optimizer::from(SGD::new().use_ema(true).ema_momentum(2.0)),
                "ema_momentum",
            ),
            (
                Optimizer::from(SGD::new().use_ema(true).ema_overwrite_frequency(0)),
                "ema_overwrite_frequency",
            ),
            (
                Optimizer::from(SGD::new().learning_rate(CosineDecay::new(0.1, 0))),
                "CosineDecay.decay_steps",
            ),
        ] {
            let message = message(optimizer);
            assert!(message.contains(named), "{message}");
        }
        let config = serde_json::json!({"class_name": "AdamW", "config": {"weight_decay": null}});
        assert!(Optimizer::from_json(&config).unwrap().resolve().is_err());
    }

    #[test]
    fn what_a_config_lacks_is_the_default_of_its_class() {
        let lacking = serde_json::json!({"class_name": "AdamW", "config": {"epsilon": 0.5}});
        let config = Optimizer::from_json(&lacking).unwrap().config().unwrap();
        let wanted = Optimizer::from(AdamW::new().epsilon(0.5)).config().unwrap();
        assert_eq!(config, wanted);
        assert_eq!(config["weight_decay"], 0.004);
        assert_eq!(Optimizer::from("sgd").learning_rate().unwrap() as f32, 0.01);
    }
}
