//! The metrics of the outputs.

use keras_datasets::{Names, Structure};
use keras_metrics::metrics::{Direction, Metric, MetricSetting, resolve_metric};
use keras_tensor::{Error, Result, Tensor, Variable};
use std::collections::HashMap;

use crate::Logs;

/// A metric as it was given to `compile`, with the name of its output where that was told.
pub(crate) struct Given {
    pub(crate) output: Option<String>,
    pub(crate) weighted: bool,
    pub(crate) setting: MetricSetting,
}

/// The metrics of a model, from the first batch on those of each output.
#[derive(Default)]
pub(crate) struct WatchedList {
    given: Vec<Watched>,
    /// Whether each metric knows its output and its name in the logs.
    placed: bool,
}

/// A metric in use.
struct Watched {
    output: Option<String>,
    /// The name that it was given.
    name: String,
    /// The name that its number has in the logs.
    key: String,
    index: usize,
    weighted: bool,
    metric: Option<Metric>,
}

impl Watched {
    fn new(given: Given) -> Result<Self> {
        let (name, metric) = match given.setting {
            MetricSetting::Value(metric) => (metric.name().to_string(), Some(metric)),
            // A name that nothing has is an error now, not at the first batch.
            MetricSetting::Named(name) => {
                resolve_metric(&name, &[1, 2], &[1, 2])?;
                (name, None)
            }
        };
        Ok(Watched {
            output: given.output,
            key: name.clone(),
            name,
            index: 0,
            weighted: given.weighted,
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

impl WatchedList {
    pub(super) fn new(given: Vec<Given>) -> Result<Self> {
        Ok(WatchedList {
            given: given.into_iter().map(Watched::new).collect::<Result<_>>()?,
            placed: false,
        })
    }

    /// Finds the output of each metric, and its name in the logs.
    fn place(&mut self, names: &Names<'_>) -> Result<()> {
        for weighted in [false, true] {
            let mut next = 0;
            let given = self.given.iter_mut().filter(|w| w.weighted == weighted);
            for watched in given {
                watched.index = match &watched.output {
                    _ if names.count == 1 => 0,
                    Some(name) => names.names.iter().position(|n| n == name).ok_or_else(|| {
                        let known = names.names.join(", ");
                        let wanted = format!("the name of an output: {known}");
                        Error::argument("compile.metric_for", format!("{name:?}"), wanted)
                    })?,
                    None => {
                        next += 1;
                        next - 1
                    }
                };
            }
            if next != 0 && next != names.count {
                return Err(Error::argument(
                    "compile.metric",
                    format!("{next} metrics"),
                    format!(
                        "one for each of the {} outputs in their order, or `metric_for` with the name of an output",
                        names.count
                    ),
                ));
            }
        }
        self.given.sort_by_key(|w| (w.weighted, w.index));
        self.name(names);
        // As Keras's `evaluate` lists them: first those that have the name they were given.
        self.given.sort_by(|a, b| {
            let own = |w: &Watched| w.key != w.name;
            let by_key = if own(a) {
                a.key.cmp(&b.key)
            } else {
                std::cmp::Ordering::Equal
            };
            own(a).cmp(&own(b)).then(by_key)
        });
        self.placed = true;
        Ok(())
    }

    /// Gives each its name in the logs: that of its output before its own, and what keeps two of one name apart.
    fn name(&mut self, names: &Names<'_>) {
        let mut seen: HashMap<String, usize> = HashMap::new();
        for watched in &mut self.given {
            let output = match names.count {
                1 => None,
                _ => names.names.get(watched.index),
            };
            let prefixed = |name: &str| match output {
                Some(output) => format!("{output}_{name}"),
                None => name.to_string(),
            };
            let mut key = prefixed(&watched.name);
            if watched.weighted && seen.contains_key(&key) {
                key = prefixed(&format!("weighted_{}", watched.name));
            }
            let count = seen.entry(key.clone()).or_insert(0);
            if *count > 0 {
                key = format!("{key}_{count}");
            }
            *count += 1;
            watched.key = key;
        }
    }

    /// Counts a batch in.
    pub(super) fn update(
        &mut self,
        names: &Names<'_>,
        y: &Structure<Tensor>,
        y_pred: &[&Tensor],
        sample_weight: Option<&Structure<Tensor>>,
    ) -> Result<()> {
        if self.given.is_empty() {
            return Ok(());
        }
        if !self.placed {
            self.place(names)?;
        }
        let targets = y.each("y", names)?;
        let weights = sample_weight.map(|w| w.each("sample_weight", names));
        let weights = weights.transpose()?;
        for watched in &mut self.given {
            let i = watched.index;
            let y = targets[i].ok_or_else(|| {
                let got = format!("none for the output of metric `{}`", watched.key);
                Error::argument("y", got, "a target for each output that has a metric")
            })?;
            let weight = weights.as_ref().and_then(|w| w[i]);
            let weight = weight.filter(|_| watched.weighted);
            let metric = watched.ready(y, y_pred[i])?;
            metric.update_state(y, y_pred[i], weight)?;
        }
        Ok(())
    }

    /// The numbers of those that have the name they were given, or of the others.
    pub(super) fn results(&self, own_name: bool, logs: &mut Logs) -> Result<()> {
        for watched in &self.given {
            if let Some(metric) = &watched.metric
                && self.placed
                && (watched.key == watched.name) == own_name
            {
                logs.set(&watched.key, metric.result()?.item()?);
            }
        }
        Ok(())
    }

    fn ready(&self) -> impl Iterator<Item = &Metric> {
        self.given.iter().filter_map(|w| w.metric.as_ref())
    }

    pub(super) fn variables(&self) -> Vec<Variable> {
        self.ready().flat_map(Metric::variables).collect()
    }

    pub(super) fn reset(&self) -> Result<()> {
        self.ready().try_for_each(Metric::reset_state)
    }

    /// Which way the metric of this name is better, if there is one that knows.
    pub(crate) fn direction(&self, name: &str) -> Option<Direction> {
        let named = self.given.iter().rev().filter(|w| w.name == name);
        named.filter_map(|w| w.metric.as_ref()?.direction()).next()
    }
}
