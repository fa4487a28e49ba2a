mod apply;
#[cfg(test)]
mod tests;

use keras_tensor::{Error, Result, Tensor, Variable, names, ops};
use serde_json::Value;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::loss_scale::{LossScaleOptimizer, Scaling};
use crate::schedules::Schedule;
use crate::state::{State, own_variable};
use crate::{LearningRate, OptimizerSetting, UpdateRule};

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
pub struct Optimizer {
    inner: Arc<Inner>,
    scaling: Option<Arc<Scaling>>,
}

struct Inner {
    setting: OptimizerSetting,
    iterations: Variable,
    resolved: OnceLock<Resolved>,
    state: Mutex<Option<State>>,
    undecayed: Mutex<Undecayed>,
}

/// The weights that weight decay leaves alone.
#[derive(Default)]
struct Undecayed {
    variables: Vec<Variable>,
    names: Vec<String>,
}

impl Undecayed {
    fn has(&self, weight: &Variable) -> bool {
        self.variables.iter().any(|v| v.is(weight))
            || self.names.iter().any(|n| weight.name().contains(n))
    }
}

/// What the name and the arguments say, once they are known to be right.
struct Resolved {
    rule: Arc<dyn UpdateRule>,
    name: String,
    rate: Rate,
}

enum Rate {
    Variable(Variable),
    Schedule(Arc<dyn Schedule>),
}

impl<T: Into<OptimizerSetting>> From<T> for Optimizer {
    fn from(setting: T) -> Self {
        Optimizer {
            inner: Arc::new(Inner {
                setting: setting.into(),
                iterations: own_variable("optimizer", "iteration", Tensor::scalar(0i64)),
                resolved: OnceLock::new(),
                state: Mutex::new(None),
                undecayed: Mutex::default(),
            }),
            scaling: None,
        }
    }
}

impl From<LossScaleOptimizer> for Optimizer {
    fn from(how: LossScaleOptimizer) -> Self {
        let (scaling, inner) = Scaling::new(how);
        Optimizer {
            scaling: Some(Arc::new(scaling)),
            ..inner
        }
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
        if let Some(resolved) = self.inner.resolved.get() {
            return Ok(resolved);
        }
        let rule = self.inner.setting.resolve()?;
        let common = rule.common();
        common.check()?;
        rule.check()?;
        if let Some(scaling) = &self.scaling {
            scaling.check()?;
        }
        let rate = match &common.learning_rate {
            LearningRate::Value(rate) => {
                let rate = Tensor::scalar(*rate as f32);
                Rate::Variable(own_variable("optimizer", "learning_rate", rate))
            }
            LearningRate::Schedule(setting) => {
                let schedule = setting.resolve()?;
                schedule.check()?;
                Rate::Schedule(schedule)
            }
        };
        let resolved = self.inner.resolved.get_or_init(|| {
            let name = common.name.clone();
            let name = name.unwrap_or_else(|| names::auto_name(&common.base));
            self.inner.iterations.set_path(format!("{name}/iteration"));
            if let Rate::Variable(rate) = &rate {
                rate.set_path(format!("{name}/learning_rate"));
            }
            Resolved {
                rule: rule.clone(),
                name,
                rate,
            }
        });
        Ok(resolved)
    }

    /// The name: `adam`. Where none was given, it is counted when the optimizer is first used or compiled with: `adam_1`.
    ///
    /// # Errors
    /// What [`Optimizer::resolve`] finds.
    pub fn name(&self) -> Result<&str> {
        let resolved = self.resolved()?;
        Ok(match &self.scaling {
            Some(scaling) => scaling.name(),
            None => &resolved.name,
        })
    }

    /// The number of calls of [`Optimizer::apply_gradients`] so far, an int64 variable.
    pub fn iterations(&self) -> &Variable {
        &self.inner.iterations
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
        let resolved = self.resolved()?;
        match &self.scaling {
            Some(scaling) => scaling.factor().map(Some),
            None => Ok(resolved.rule.common().loss_scale_factor),
        }
    }

    /// The loss to differentiate: times [`Optimizer::loss_scale_factor`], which [`Optimizer::apply_gradients`] divides
    /// by again.
    ///
    /// # Errors
    /// What [`Optimizer::resolve`] finds.
    pub fn scale_loss(&self, loss: &Tensor) -> Result<Tensor> {
        match self.loss_scale_factor()? {
            Some(factor) => ops::multiply(loss, factor),
            None => Ok(loss.clone()),
        }
    }

    /// Whether it is a [`LossScaleOptimizer`].
    pub fn scales_loss(&self) -> bool {
        self.scaling.is_some()
    }

    /// Whether the state variables of the weights exist.
    pub fn is_built(&self) -> bool {
        self.state().is_some()
    }

    /// Leaves weights out of weight decay: those that are given, and those whose name contains one of `names` (`"bias"`).
    ///
    /// A later call takes the place of an earlier one. Names are parts of names, not regular expressions as in Keras.
    ///
    /// # Errors
    /// The optimizer is built already.
    pub fn exclude_from_weight_decay(&self, weights: &[Variable], names: &[&str]) -> Result<()> {
        if self.is_built() {
            return Err(Error::argument(
                "exclude_from_weight_decay",
                "an optimizer that is built",
                "a call before the first step",
            ));
        }
        *self.undecayed() = Undecayed {
            variables: weights.to_vec(),
            names: names.iter().map(|n| n.to_string()).collect(),
        };
        Ok(())
    }

    fn undecayed(&self) -> MutexGuard<'_, Undecayed> {
        let undecayed = self.inner.undecayed.lock();
        undecayed.unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, Option<State>> {
        self.inner
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn calls(&self) -> Result<u64> {
        Ok(self.inner.iterations.value()?.item()? as u64)
    }

    /// Makes the state variables for these weights; does nothing if it was done before.
    ///
    /// # Errors
    /// What [`Optimizer::resolve`] finds, or a weight of a dtype that is not float.
    pub fn build(&self, weights: &[Variable]) -> Result<()> {
        let resolved = self.resolved()?;
        let mut state = self.state();
        if state.is_none() {
            let own = &resolved.name;
            let path = match &self.scaling {
                Some(scaling) => format!("{}/{own}", scaling.name()),
                None => own.clone(),
            };
            *state = Some(State::new(&*resolved.rule, weights, &path)?);
        }
        if let Some(scaling) = &self.scaling {
            scaling.build();
        }
        Ok(())
    }

    /// The state in Keras's order: iteration, learning rate (unless it is a schedule), then averages, accumulators and
    /// the rule's own slots. Before [`Optimizer::build`] there are only the first two.
    pub fn variables(&self) -> Vec<Variable> {
        let scaling = self.scaling.as_ref();
        let mut all = scaling.map_or_else(Vec::new, |s| s.variables());
        all.push(self.inner.iterations.clone());
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
        let mut json = self.inner.setting.to_json()?;
        json["config"]["name"] = resolved.name.as_str().into();
        if let Rate::Variable(rate) = &resolved.rate {
            json["config"]["learning_rate"] = rate.value()?.item()?.into();
        }
        match &self.scaling {
            Some(scaling) => Ok(scaling.to_json(json)),
            None => Ok(json),
        }
    }

    /// The optimizer that [`Optimizer::to_json`] or Keras wrote, or a name, without its state.
    ///
    /// # Errors
    /// An unknown class, or a config that does not fit it.
    pub fn from_json(json: &Value) -> Result<Self> {
        match LossScaleOptimizer::from_json(json)? {
            Some(scaled) => Ok(scaled.into()),
            None => Ok(OptimizerSetting::from_json(json)?.into()),
        }
    }
}

impl fmt::Debug for Optimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scaled = if self.scales_loss() { "LossScale" } else { "" };
        write!(f, "{scaled}Optimizer({:?})", self.inner.setting)
    }
}
