//! The losses of the outputs, and their sum.

use keras_datasets::{Each, Names, Structure};
use keras_metrics::losses::{Loss, LossFunction, Losses};
use keras_metrics::metrics::Mean;
use keras_tensor::{Error, Result, SmallVec, Tensor, Variable, ops};
use std::sync::Arc;

use crate::Logs;

/// The losses as they were given, and, from the first batch on, one for each output.
pub(crate) struct OutputLosses {
    given: Losses,
    weights: Option<Structure<f64>>,
    built: Vec<Option<OutputLoss>>,
}

struct OutputLoss {
    loss: Arc<dyn LossFunction>,
    weight: Option<f64>,
    /// What is shown under the name of the output, where there are several losses.
    shown: Option<(String, Mean)>,
}

impl OutputLosses {
    pub(crate) fn new(given: Losses, weights: Option<Structure<f64>>) -> Result<Self> {
        // A name that nothing has is an error now, not at the first batch.
        for loss in given.iter() {
            loss.resolve_for(&[1, 2], &[1, 2])?;
        }
        Ok(OutputLosses {
            given,
            weights,
            built: Vec::new(),
        })
    }

    /// The loss of each output, as far as it has one.
    fn spread(&self, names: &Names<'_>) -> Result<Vec<Option<Loss>>> {
        let given = match &self.given {
            Losses::One(loss) => return Ok(vec![Some(loss.clone()); names.count]),
            Losses::List(all) => Structure::List(all.clone()),
            Losses::Map(all) => Structure::Map(all.clone()),
        };
        let each = given.each("compile.loss", names)?.into_iter();
        each.zip(0..)
            .map(|(loss, i)| {
                let missing = || {
                    let got = format!("none for `{}`", names.names[i]);
                    Error::argument("compile.loss", got, "a loss, or None, for each output")
                };
                loss.cloned().ok_or_else(missing)
            })
            .collect()
    }

    fn build(
        &mut self,
        names: &Names<'_>,
        y: &Structure<Tensor>,
        y_pred: &[&Tensor],
    ) -> Result<()> {
        let losses = self.spread(names)?;
        let weights = self.weights.as_ref();
        let weights = weights.map(|w| w.each("compile.loss_weights", names));
        let weights = weights.transpose()?;
        let has: Vec<bool> = losses.iter().map(Option::is_some).collect();
        let targets = targets(y, names, &has)?;
        let several = has.iter().filter(|has| **has).count() > 1;
        let built = losses.iter().enumerate().map(|(i, loss)| {
            let (Some(loss), Some(y)) = (loss, targets[i]) else {
                return Ok(None);
            };
            let loss = loss.resolve_for(y.shape(), y_pred[i].shape())?;
            let name = names.names.get(i).map_or(loss.name(), String::as_str);
            let shown = several.then(|| {
                let name = format!("{name}_loss");
                (name.clone(), Mean::new().name(name))
            });
            let weight = weights.as_ref().and_then(|w| w[i].copied());
            Ok(Some(OutputLoss {
                loss,
                weight,
                shown,
            }))
        });
        self.built = built.collect::<Result<_>>()?;
        Ok(())
    }

    /// The sum of the losses, times their weights; each loss is counted into the number of its output.
    pub(crate) fn compute(
        &mut self,
        names: &Names<'_>,
        y: &Structure<Tensor>,
        y_pred: &[&Tensor],
        sample_weight: Option<&Structure<Tensor>>,
    ) -> Result<Tensor> {
        if self.built.len() != y_pred.len() {
            self.build(names, y, y_pred)?;
        }
        let has: SmallVec<[bool; 8]> = self.built.iter().map(Option::is_some).collect();
        let targets = targets(y, names, &has)?;
        let weights = sample_weight.map(|w| w.each("sample_weight", names));
        let weights = weights.transpose()?;
        let mut total: Option<Tensor> = None;
        for (i, output) in self.built.iter().enumerate() {
            let (Some(output), Some(y)) = (output, targets[i]) else {
                continue;
            };
            let weight = weights.as_ref().and_then(|w| w[i]);
            let mut value = output.loss.compute(y, y_pred[i], weight)?;
            if let Some((_, mean)) = &output.shown {
                // Unlike the total, each batch counts once: on TensorFlow, Keras does not know the size of a batch here.
                mean.update_state(&ops::stop_gradient(&value)?)?;
            }
            if let Some(weight) = output.weight {
                value = ops::multiply(&value, weight)?;
            }
            total = Some(match total {
                Some(total) => ops::add(&total, &value)?,
                None => value,
            });
        }
        let none = || Error::argument("compile.loss", "None for every output", "at least one loss");
        total.ok_or_else(none)
    }

    pub(crate) fn results(&self, logs: &mut Logs) -> Result<()> {
        for (name, mean) in self.shown() {
            logs.set(name, mean.result()?.item()?);
        }
        Ok(())
    }

    pub(crate) fn reset(&self) -> Result<()> {
        self.shown().try_for_each(|(_, mean)| mean.reset_state())
    }

    pub(crate) fn variables(&self) -> Vec<Variable> {
        self.shown()
            .flat_map(|(_, mean)| mean.variables())
            .collect()
    }

    fn shown(&self) -> impl Iterator<Item = &(String, Mean)> {
        self.built.iter().flatten().filter_map(|l| l.shown.as_ref())
    }
}

/// The target of each output. Where some outputs have no loss, a list may hold the targets of the others alone.
fn targets<'a>(
    y: &'a Structure<Tensor>,
    names: &Names<'_>,
    has_loss: &[bool],
) -> Result<Each<'a, Tensor>> {
    let losses = has_loss.iter().filter(|has| **has).count();
    let given = y.iter().count();
    let by_name = matches!(y, Structure::Map(_));
    let targets = if !by_name && given == losses && given < names.count {
        let mut all = y.iter();
        let next = |has: &bool| if *has { all.next() } else { None };
        has_loss.iter().map(next).collect()
    } else if !by_name && given != names.count {
        let wanted = format!("{} targets, one for each output", names.count);
        return Err(Error::argument("y", format!("{given} targets"), wanted));
    } else {
        y.each("y", names)?
    };
    for (i, target) in targets.iter().enumerate() {
        if target.is_none() && has_loss[i] {
            let name = names.names.get(i).map_or("", String::as_str);
            return Err(Error::argument(
                "y",
                format!("none for output {i} `{name}`"),
                "a target for each output that has a loss",
            ));
        }
    }
    Ok(targets)
}
