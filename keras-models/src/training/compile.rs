//! What a model is trained with.

use keras_layers::LayerRef;
use keras_metrics::losses::{Loss, LossFunction};
use keras_metrics::metrics::{Mean, Metric, MetricSetting, resolve_metric};
use keras_optimizers::{LossScaleOptimizer, Optimizer};
use keras_tensor::{Result, Tensor, Variable};
use serde_json::Value;
use std::sync::Arc;

use keras_layers::constraints::Constrain;
use keras_layers::regularizers::Regularize;

use crate::{Logs, Model};

/// What [`Model::compile`] takes: an optimizer, a loss, and metrics, each by name or as a value.
///
/// ```
/// use keras_models::Compile;
/// let how = Compile::new("adam", "categorical_crossentropy").metric("accuracy");
/// ```
pub struct Compile {
    pub(crate) optimizer: Optimizer,
    pub(crate) loss: Loss,
    pub(crate) metrics: Vec<MetricSetting>,
    pub(crate) weighted_metrics: Vec<MetricSetting>,
    pub(crate) auto_scale_loss: bool,
}

impl Compile {
    /// An optimizer and a loss.
    pub fn new(optimizer: impl Into<Optimizer>, loss: impl Into<Loss>) -> Self {
        Compile {
            optimizer: optimizer.into(),
            loss: loss.into(),
            metrics: Vec::new(),
            weighted_metrics: Vec::new(),
            auto_scale_loss: true,
        }
    }

    /// A number to watch besides the loss, without regard to sample weights.
    pub fn metric(mut self, metric: impl Into<MetricSetting>) -> Self {
        self.metrics.push(metric.into());
        self
    }

    /// A number to watch besides the loss, in which samples count by their weights.
    pub fn weighted_metric(mut self, metric: impl Into<MetricSetting>) -> Self {
        self.weighted_metrics.push(metric.into());
        self
    }

    /// Whether a model under `mixed_float16` has its optimizer wrapped in a [`LossScaleOptimizer`]; it has by default.
    pub fn auto_scale_loss(mut self, auto_scale_loss: bool) -> Self {
        self.auto_scale_loss = auto_scale_loss;
        self
    }
}

/// A metric in use.
pub(crate) struct Watched {
    name: String,
    weighted: bool,
    metric: Option<Metric>,
}

impl Watched {
    fn new(setting: MetricSetting, weighted: bool) -> Result<Self> {
        let (name, metric) = match setting {
            MetricSetting::Value(metric) => (metric.name().to_string(), Some(metric)),
            // A name that nothing has is an error now, not at the first batch.
            MetricSetting::Named(name) => {
                resolve_metric(&name, &[1, 2], &[1, 2])?;
                (name, None)
            }
        };
        Ok(Watched {
            name,
            weighted,
            metric,
        })
    }

    fn ready(&mut self, y: &Tensor, y_pred: &Tensor) -> Result<&Metric> {
        if self.metric.is_none() {
            self.metric = Some(resolve_metric(&self.name, y.shape(), y_pred.shape())?);
        }
        Ok(self.metric.as_ref().expect("set above"))
    }
}

/// A compiled model's parts.
pub(crate) struct Compiled {
    pub(crate) optimizer: Optimizer,
    pub(crate) loss: Arc<dyn LossFunction>,
    pub(crate) loss_tracker: Mean,
    pub(crate) watched: Vec<Watched>,
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

impl Compiled {
    /// Counts a batch into the metrics.
    pub(crate) fn update_metrics(
        &mut self,
        y: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
    ) -> Result<()> {
        for watched in &mut self.watched {
            let weight = sample_weight.filter(|_| watched.weighted);
            watched.ready(y, y_pred)?.update_state(y, y_pred, weight)?;
        }
        Ok(())
    }

    /// The loss and the metrics so far.
    pub(crate) fn results(&self, logs: &mut Logs) -> Result<()> {
        logs.set("loss", self.loss_tracker.result()?.item()?);
        for watched in &self.watched {
            if let Some(metric) = &watched.metric {
                logs.set(&watched.name, metric.result()?.item()?);
            }
        }
        Ok(())
    }

    pub(crate) fn reset_metrics(&self) -> Result<()> {
        self.loss_tracker.reset_state()?;
        self.watched
            .iter()
            .filter_map(|w| w.metric.as_ref())
            .try_for_each(Metric::reset_state)
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
        let loss = how.loss.resolve()?;
        // A loss of one's own is no reason not to train; whoever writes the config is told.
        let config = how.config().map_err(|e| e.to_string());
        let watched = how
            .metrics
            .into_iter()
            .map(|m| Watched::new(m, false))
            .chain(
                how.weighted_metrics
                    .into_iter()
                    .map(|m| Watched::new(m, true)),
            )
            .collect::<Result<_>>()?;
        self.compiled = Some(Compiled {
            optimizer,
            loss,
            loss_tracker: Mean::new().name("loss"),
            watched,
            plan: Plan::default(),
            config,
        });
        Ok(())
    }
}
