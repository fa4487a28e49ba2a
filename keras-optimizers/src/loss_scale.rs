//! Scaling of the loss, so that gradients in 16 bits do not vanish.

use keras_tensor::{Error, Result, Tensor, Variable};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Optimizer;
use crate::state::own_variable;

const NAME: &str = "loss_scale_optimizer";

/// An optimizer that multiplies the loss before it is differentiated, and divides the gradients by the same number.
///
/// The number begins at `initial_scale` (2^15 by default). When a gradient overflows, the step is left out and the
/// number is halved; after `dynamic_growth_steps` (2000 by default) steps without that it is doubled. `compile` wraps the
/// optimizer of a model in it that computes under `mixed_float16`.
///
/// ```
/// use keras_optimizers::{LossScaleOptimizer, Optimizer, OptimizerExt, SGD};
/// use keras_tensor::{Tensor, Variable};
///
/// let w = Variable::new(Tensor::scalar(1.0f32), "w");
/// let optimizer: Optimizer = LossScaleOptimizer::new(SGD::new().learning_rate(0.5)).initial_scale(8.0).into();
/// let loss = Tensor::scalar(2.0f32);
/// assert_eq!(optimizer.scale_loss(&loss)?.item()?, 16.0);
/// optimizer.apply_gradients(&[Some(Tensor::scalar(8.0f32))], &[w.clone()])?;
/// assert_eq!(w.value()?.item()?, 0.5);
/// optimizer.apply_gradients(&[Some(Tensor::scalar(f32::INFINITY))], &[w.clone()])?;
/// assert_eq!((w.value()?.item()?, optimizer.loss_scale_factor()?), (0.5, Some(4.0)));
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LossScaleOptimizer {
    inner: Optimizer,
    name: String,
    initial_scale: f64,
    dynamic_growth_steps: u64,
}

impl LossScaleOptimizer {
    /// Around an optimizer, whose own `loss_scale_factor` then counts no longer.
    pub fn new(inner_optimizer: impl Into<Optimizer>) -> Self {
        LossScaleOptimizer {
            inner: inner_optimizer.into(),
            name: NAME.to_string(),
            initial_scale: 32768.0,
            dynamic_growth_steps: 2000,
        }
    }

    /// The name; `"loss_scale_optimizer"` by default.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// What the loss is multiplied by at first; 32768 by default.
    pub fn initial_scale(mut self, initial_scale: f64) -> Self {
        self.initial_scale = initial_scale;
        self
    }

    /// After how many steps without an overflow the number is doubled; 2000 by default.
    pub fn dynamic_growth_steps(mut self, steps: u64) -> Self {
        self.dynamic_growth_steps = steps;
        self
    }

    /// What Keras wrote, if it is of this class.
    pub(crate) fn from_json(json: &Value) -> Result<Option<Self>> {
        let class = json["class_name"].as_str().unwrap_or_default();
        if !["LossScaleOptimizer", "LossScaleOptimizerV3"].contains(&class) {
            return Ok(None);
        }
        let config = &json["config"];
        if config["dynamic"] == false {
            return Err(Error::data(
                format!("config of {class}"),
                "`dynamic` is false; set `loss_scale_factor` of the inner optimizer instead",
            ));
        }
        let mut how = Self::new(Optimizer::from_json(&config["inner_optimizer"])?);
        if let Some(name) = config["name"].as_str() {
            how.name = name.to_string();
        }
        if let Some(scale) = config["initial_scale"].as_f64() {
            how.initial_scale = scale;
        }
        if let Some(steps) = config["dynamic_growth_steps"].as_u64() {
            how.dynamic_growth_steps = steps;
        }
        Ok(Some(how))
    }
}

/// The state of the scaling, beside that of the optimizer which it is around.
pub(crate) struct Scaling {
    name: String,
    initial_scale: f64,
    dynamic_growth_steps: u64,
    wraps_another: bool,
    built: AtomicBool,
    /// Keras's class is an optimizer itself, with an iteration and a learning rate that stay 0.
    unused: [Variable; 2],
    step_counter: Variable,
    dynamic_scale: Variable,
}

impl Scaling {
    /// The scaling, and the optimizer to scale for.
    pub(crate) fn new(how: LossScaleOptimizer) -> (Self, Optimizer) {
        let own = |name: &str, value: Tensor| own_variable(&how.name, name, value);
        let scaling = Scaling {
            unused: [
                own("iteration", Tensor::scalar(0i64)),
                own("learning_rate", Tensor::scalar(0f32)),
            ],
            step_counter: own("step_counter", Tensor::scalar(0i64)),
            dynamic_scale: own("dynamic_scale", Tensor::scalar(how.initial_scale as f32)),
            name: how.name,
            initial_scale: how.initial_scale,
            dynamic_growth_steps: how.dynamic_growth_steps,
            wraps_another: how.inner.scales_loss(),
            built: AtomicBool::new(false),
        };
        (scaling, how.inner)
    }

    pub(crate) fn check(&self) -> Result<()> {
        let positive = self.initial_scale.is_finite() && self.initial_scale > 0.0;
        if !positive {
            let wanted = "a number above 0";
            return Err(Error::argument("initial_scale", self.initial_scale, wanted));
        }
        if self.dynamic_growth_steps == 0 {
            return Err(Error::argument("dynamic_growth_steps", 0, "at least 1"));
        }
        if self.wraps_another {
            return Err(Error::argument(
                "inner_optimizer",
                "a LossScaleOptimizer",
                "an optimizer that does not scale the loss already",
            ));
        }
        Ok(())
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The state exists from now on.
    pub(crate) fn build(&self) {
        self.built.store(true, Ordering::Relaxed);
    }

    pub(crate) fn variables(&self) -> Vec<Variable> {
        let mut all = self.unused.to_vec();
        if self.built.load(Ordering::Relaxed) {
            all.push(self.step_counter.clone());
            all.push(self.dynamic_scale.clone());
        }
        all
    }

    /// What the loss is multiplied by.
    pub(crate) fn factor(&self) -> Result<f64> {
        self.dynamic_scale.value()?.item()
    }

    /// After a step with an overflow.
    pub(crate) fn shrink(&self) -> Result<()> {
        self.begin_with(0.5)
    }

    /// After a step without one.
    pub(crate) fn grow(&self) -> Result<()> {
        let steps = self.step_counter.value()?.item()? as u64;
        if steps + 1 == self.dynamic_growth_steps {
            return self.begin_with(2.0);
        }
        self.step_counter.assign(&Tensor::scalar(steps as i64 + 1))
    }

    /// Counts anew, with another scale.
    fn begin_with(&self, change: f64) -> Result<()> {
        let scale = self.factor()? * change;
        self.step_counter.assign(&Tensor::scalar(0i64))?;
        self.dynamic_scale.assign(&Tensor::scalar(scale as f32))
    }

    /// As Keras writes it, around what it writes of the inner optimizer.
    pub(crate) fn to_json(&self, mut inner: Value) -> Value {
        inner["config"]["loss_scale_factor"] = Value::Null;
        json!({
            "module": "keras.optimizers",
            "class_name": "LossScaleOptimizer",
            "config": {
                "name": self.name,
                "inner_optimizer": inner,
                "initial_scale": self.initial_scale,
                "dynamic_growth_steps": self.dynamic_growth_steps,
            },
            "registered_name": null,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adam, OptimizerExt, SGD};

    fn apply(optimizer: &Optimizer, gradient: f32, w: &Variable) -> Result<()> {
        let gradient = Tensor::scalar(gradient);
        optimizer.apply_gradients(&[Some(gradient)], std::slice::from_ref(w))
    }

    #[test]
    fn the_scale_doubles_after_steps_without_overflow_and_halves_after_one() {
        let w = Variable::new(Tensor::scalar(1.0f32), "w");
        let how = LossScaleOptimizer::new(SGD::new()).initial_scale(16.0);
        let optimizer = Optimizer::from(how.dynamic_growth_steps(2));
        let mut scales = Vec::new();
        for gradient in [1.0, 1.0, f32::NAN, 1.0, f32::INFINITY, 1.0, 1.0] {
            apply(&optimizer, gradient, &w).unwrap();
            scales.push(optimizer.loss_scale_factor().unwrap().unwrap());
        }
        assert_eq!(scales, [16.0, 32.0, 16.0, 16.0, 8.0, 8.0, 16.0]);
        // Steps with an overflow do not count.
        let iterations = optimizer.iterations().value().unwrap();
        assert_eq!(iterations.item().unwrap(), 5.0);
    }

    #[test]
    fn the_config_goes_around_and_the_inner_factor_does_not_count() {
        let inner = Adam::new().learning_rate(0.5).loss_scale_factor(4.0);
        let optimizer = Optimizer::from(LossScaleOptimizer::new(inner).initial_scale(2.0));
        assert_eq!(optimizer.loss_scale_factor().unwrap(), Some(2.0));
        let json = optimizer.to_json().unwrap();
        let inner = &json["config"]["inner_optimizer"];
        assert_eq!(
            (&inner["class_name"], &inner["config"]["learning_rate"]),
            (&json!("Adam"), &json!(0.5))
        );
        assert!(inner["config"]["loss_scale_factor"].is_null());
        let again = Optimizer::from_json(&json).unwrap();
        assert_eq!(again.to_json().unwrap(), json);
    }

    #[test]
    fn arguments_out_of_range_are_errors() {
        let scaled = || LossScaleOptimizer::new("sgd");
        for (how, named) in [
            (scaled().initial_scale(0.0), "initial_scale"),
            (scaled().dynamic_growth_steps(0), "dynamic_growth_steps"),
            (
                LossScaleOptimizer::new(Optimizer::from(scaled())),
                "inner_optimizer",
            ),
        ] {
            let message = Optimizer::from(how).resolve().unwrap_err().to_string();
            assert!(message.contains(named), "{message}");
        }
    }
}
