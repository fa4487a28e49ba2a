//! What a model is trained with.

use keras_datasets::{Names, Structure};
use keras_layers::constraints::Constrain;
use keras_layers::regularizers::Regularize;
use keras_layers::{Gauge, LayerRef};
use keras_metrics::losses::Losses;
use keras_metrics::metrics::{Mean, MetricSetting};
use keras_optimizers::{LossScaleOptimizer, Optimizer};
use keras_tensor::{Result, Tensor, Variable};
use serde_json::Value;
use std::sync::Arc;

use super::losses::OutputLosses;
use super::watched::{Given, WatchedList};
use crate::{Logs, Model};

/// What [`Model::compile`] takes: an optimizer, a loss, and metrics, each by name or as a value.
///
/// A model of several outputs takes one loss for all, a list in their order, or a map by their names.
///
/// ```
/// use keras_models::Compile;
/// let one = Compile::new("adam", "categorical_crossentropy").metric("accuracy");
/// let several = Compile::new("adam", [("price", "mse"), ("sold", "binary_crossentropy")])
///     .loss_weights([("price", 1.0), ("sold", 0.2)])
///     .metric_for("sold", "accuracy");
/// ```
pub struct Compile {
    pub(crate) optimizer: Optimizer,
    pub(crate) losses: Losses,
    pub(crate) loss_weights: Option<Structure<f64>>,
    pub(crate) metrics: Vec<Given>,
    pub(crate) auto_scale_loss: bool,
}

impl Compile {
    /// An optimizer, and a loss or several.
    pub fn new(optimizer: impl Into<Optimizer>, losses: impl Into<Losses>) -> Self {
        Compile {
            optimizer: optimizer.into(),
            losses: losses.into(),
            loss_weights: None,
            metrics: Vec::new(),
            auto_scale_loss: true,
        }
    }

    /// What the loss of each output is multiplied by before they are added up; 1 by default.
    pub fn loss_weights(mut self, weights: impl Into<Structure<f64>>) -> Self {
        self.loss_weights = Some(weights.into());
        self
    }

    /// Whether the optimizer of a model of `mixed_float16` is wrapped in a [`LossScaleOptimizer`]; it is by default.
    pub fn auto_scale_loss(mut self, auto_scale_loss: bool) -> Self {
        self.auto_scale_loss = auto_scale_loss;
        self
    }

    fn watch(mut self, output: Option<&str>, weighted: bool, setting: MetricSetting) -> Self {
        self.metrics.push(Given {
            output: output.map(str::to_string),
            weighted,
            setting,
        });
        self
    }

    /// A number to watch besides the loss, without regard to sample weights.
    ///
    /// With several outputs, each takes one of the metrics, in their order; see [`Compile::metric_for`].
    pub fn metric(self, metric: impl Into<MetricSetting>) -> Self {
        self.watch(None, false, metric.into())
    }

    /// A number to watch of the output of this name, without regard to sample weights.
    pub fn metric_for(self, output: &str, metric: impl Into<MetricSetting>) -> Self {
        self.watch(Some(output), false, metric.into())
    }

    /// A number to watch besides the loss, in which samples count by their weights.
    pub fn weighted_metric(self, metric: impl Into<MetricSetting>) -> Self {
        self.watch(None, true, metric.into())
    }

    /// A number to watch of the output of this name, in which samples count by their weights.
    pub fn weighted_metric_for(self, output: &str, metric: impl Into<MetricSetting>) -> Self {
        self.watch(Some(output), true, metric.into())
    }
}

/// A compiled model's parts.
pub(crate) struct Compiled {
    /// Whether the optimizer scales the loss though the user did not say so; files do not tell of it.
    pub(crate) auto_scaled: bool,
    pub(crate) optimizer: Optimizer,
    pub(crate) losses: OutputLosses,
    pub(crate) loss_tracker: Mean,
    pub(crate) watched: WatchedList,
    pub(crate) plan: Plan,
    /// The settings as Keras writes them, but for the optimizer's.
    pub(crate) config: Result<Value, String>,
}

/// Lists that a training step needs, kept until layers are built, frozen or thawed.
#[derive(Default)]
pub(crate) struct Plan {
    version: Option<u64>,
    pub(crate) trainable: Vec<Variable>,
    pub(crate) gradients: Vec<Option<Tensor>>,
    pub(crate) regularized: Vec<(Variable, Arc<dyn Regularize>)>,
    pub(crate) constrained: Vec<(Variable, Arc<dyn Constrain>)>,
    /// Metrics that layers hold.
    pub(crate) held: Vec<Arc<dyn Gauge>>,
    /// The names of the outputs.
    pub(crate) outputs: Vec<String>,
}

impl Plan {
    /// Makes the lists anew if anything has changed.
    pub(crate) fn refresh(&mut self, root: &LayerRef) {
        let version = LayerRef::structure_version();
        if self.version == Some(version) {
            return;
        }
        self.version = Some(version);
        self.trainable = root.trainable_variables();
        self.held = root.metrics();
        self.outputs = root.output_names();
        self.regularized.clear();
        self.constrained.clear();
        root.visit_weights(&mut |w| {
            if let Some(r) = &w.regularizer
                && w.variable.is_trainable()
            {
                self.regularized.push((w.variable.clone(), r.clone()));
            }
            if let Some(c) = &w.constraint
                && w.variable.is_trainable()
            {
                self.constrained.push((w.variable.clone(), c.clone()));
            }
        });
    }
}

impl Plan {
    /// The names of this many outputs.
    pub(crate) fn names(&self, count: usize) -> Names<'_> {
        let fit = self.outputs.len() == count;
        Names {
            count,
            names: if fit { &self.outputs } else { &[] },
        }
    }
}

impl Compiled {
    /// The loss and the metrics so far, in the order of Keras's `evaluate`.
    pub(crate) fn results(&self, logs: &mut Logs) -> Result<()> {
        logs.set("loss", self.loss_tracker.result()?.item()?);
        self.watched.results(true, logs)?;
        self.losses.results(logs)?;
        for held in &self.plan.held {
            logs.set(held.name(), held.result()?.item()?);
        }
        self.watched.results(false, logs)
    }

    /// What the loss and the metrics have gathered, as far as the first batch has made them.
    pub(crate) fn metric_variables(&self) -> Vec<Variable> {
        let mut all = self.loss_tracker.variables();
        all.extend(self.watched.variables());
        all.extend(self.losses.variables());
        all.extend(self.plan.held.iter().flat_map(|m| m.variables()));
        all
    }

    pub(crate) fn reset_metrics(&self) -> Result<()> {
        self.loss_tracker.reset_state()?;
        self.watched.reset()?;
        self.losses.reset()?;
        self.plan.held.iter().try_for_each(|m| m.reset_state())
    }
}

impl Model {
    /// Sets what the model is trained with.
    ///
    /// # Errors
    /// An unknown name.
    pub fn compile(&mut self, how: Compile) -> Result<()> {
        let mixed = self.dtype_policy().name() == "mixed_float16";
        let wraps = how.auto_scale_loss && mixed && !how.optimizer.scales_loss();
        let optimizer = if wraps {
            LossScaleOptimizer::new(&how.optimizer).into()
        } else {
            how.optimizer.clone()
        };
        optimizer.resolve()?;
        // A loss of one's own is no reason not to train; whoever writes the config is told.
        let config = how.config().map_err(|e| e.to_string());
        let losses = OutputLosses::new(how.losses, how.loss_weights)?;
        let watched = WatchedList::new(how.metrics)?;
        self.compiled = Some(Compiled {
            auto_scaled: wraps,
            optimizer,
            losses,
            loss_tracker: Mean::new().name("loss"),
            watched,
            plan: Plan::default(),
            config,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fit, Predict, Sequential, layers};
    use keras_layers::layers::{BatchNormalization, Dense, Input};
    use keras_layers::set_dtype_policy;
    use keras_optimizers::{OptimizerExt, SGD};
    use keras_tensor::{DType, ops};

    fn mixed() -> Sequential {
        set_dtype_policy("mixed_float16").unwrap();
        let network = Sequential::new(layers![
            Input::new([4]),
            Dense::new(5).activation("tanh"),
            BatchNormalization::new(),
            Dense::new(3).activation("softmax"),
        ]);
        set_dtype_policy("float32").unwrap();
        let first = |(i, w): (usize, &Variable)| {
            let size = w.shape().size();
            let value = |place: usize| match w.name() {
                "moving_mean" | "moving_variance" => 1.0,
                _ => ((place + i) as f64).sin(),
            };
            let data: Vec<f64> = (0..size).map(value).collect();
            Tensor::from_f64(&data, w.shape(), w.dtype()).unwrap()
        };
        let values: Vec<Tensor> = network.weights().iter().enumerate().map(first).collect();
        network.set_weights(&values).unwrap();
        network
    }

    fn how() -> Compile {
        let optimizer = SGD::new().learning_rate(0.1);
        Compile::new(optimizer, "sparse_categorical_crossentropy").metric("accuracy")
    }

    /// The numbers are those of Keras 3.15.1 on TensorFlow 2.21 for the same network and data.
    #[test]
    fn training_under_mixed_float16_is_keras_s() {
        let mut network = mixed();
        network.compile(how()).unwrap();
        let data: Vec<f64> = (0..32).map(|i| (i as f64 * 0.7).cos()).collect();
        let x = Tensor::from_f64(&data, [8, 4], DType::F32).unwrap();
        let y = Tensor::new(&[0i32, 1, 2, 0, 1, 2, 0, 1], [8]).unwrap();
        let fit = Fit::new().batch_size(4).epochs(4).shuffle(false).verbose(0);
        let history = network.fit((&x, &y), fit).unwrap();
        let wanted = [1.46442044, 1.29850054, 1.20296049, 1.14404809];
        for (got, wanted) in history.get("loss").unwrap().iter().zip(wanted) {
            assert!((got - wanted).abs() < 2e-3, "{got}, not {wanted}");
        }
        assert_eq!(history.get("accuracy").unwrap(), [0.0, 0.0, 0.25, 0.25]);
        let kernel = network.weights()[0].value().unwrap().to_f64_vec().unwrap();
        for (got, wanted) in kernel
            .iter()
            .zip([0.0390991, 0.8340390, 0.8394884, 0.1800757])
        {
            assert!((got - wanted).abs() < 2e-3, "{got}, not {wanted}");
        }
        assert!(network.weights().iter().all(|w| w.dtype() == DType::F32));
        let predicted = network.predict(&x, Predict::new().verbose(0)).unwrap();
        assert_eq!(predicted.dtype(), DType::F16);
        let first = ops::slice_axis(&predicted, 0, 0, 1).unwrap();
        for (got, wanted) in first
            .to_f64_vec()
            .unwrap()
            .iter()
            .zip([0.5786, 0.2847, 0.1368])
        {
            assert!((got - wanted).abs() < 2e-3, "{got}, not {wanted}");
        }
        let variables = network.optimizer().unwrap().variables();
        let paths: Vec<String> = variables.iter().map(Variable::path).collect();
        let values = |v: &Variable| v.value().unwrap().item().unwrap() as f32;
        let values: Vec<f32> = variables.iter().map(values).collect();
        assert_eq!(
            paths,
            [
                "loss_scale_optimizer/iteration",
                "loss_scale_optimizer/learning_rate",
                "loss_scale_optimizer/step_counter",
                "loss_scale_optimizer/dynamic_scale",
                "sgd/iteration",
                "sgd/learning_rate",
            ]
        );
        assert_eq!(values, [0.0, 0.0, 8.0, 32768.0, 8.0, 0.1]);
        // Files hold the optimizer that the user gave.
        let config = network.compile_config().unwrap().unwrap();
        assert_eq!(config["optimizer"]["class_name"], "SGD");
    }

    #[test]
    fn the_loss_is_not_scaled_where_that_is_not_wanted() {
        let mut network = mixed();
        network.compile(how().auto_scale_loss(false)).unwrap();
        assert!(!network.optimizer().unwrap().scales_loss());
        let mut plain = Sequential::new(layers![Dense::new(1)]);
        plain.compile(Compile::new("sgd", "mse")).unwrap();
        assert!(!plain.optimizer().unwrap().scales_loss());
    }
}
