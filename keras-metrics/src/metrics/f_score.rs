//! Precision and recall in one number.

use keras_tensor::op::Fold;
use keras_tensor::{DType, Error, Result, Tensor, Variable, ops};
use serde::{Deserialize, Serialize};

use super::state::{State, add_to};
use super::{Direction, Measure};
use crate::losses::regression::EPSILON;
use crate::shapes::weigh;

/// How an F-score makes one number of those of several classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Average {
    /// From the counts of all classes together.
    Micro,
    /// The mean of the classes' scores.
    Macro,
    /// The mean of the classes' scores, weighted by how often each class is the label.
    Weighted,
}

#[derive(Debug, Default, Clone)]
struct Counts {
    true_positives: State,
    false_positives: State,
    false_negatives: State,
    intermediate_weights: State,
}

/// What a score computes with.
struct Score<'a> {
    name: &'a str,
    dtype: DType,
    average: Option<Average>,
    beta: f64,
    threshold: Option<f64>,
    counts: &'a Counts,
}

impl Counts {
    /// With the names of the variables, in Keras's order.
    fn states(&self) -> [(&State, &'static str); 4] {
        [
            (&self.true_positives, "true_positives"),
            (&self.false_positives, "false_positives"),
            (&self.false_negatives, "false_negatives"),
            (&self.intermediate_weights, "intermediate_weights"),
        ]
    }
}

impl Score<'_> {
    fn check(&self) -> Result<()> {
        if self.beta.is_nan() || self.beta <= 0.0 {
            return Err(Error::argument("beta", self.beta, "a number above 0"));
        }
        match self.threshold {
            Some(t) if !(t > 0.0 && t <= 1.0) => Err(Error::argument(
                "threshold",
                t,
                "a number above 0 and at most 1",
            )),
            _ => Ok(()),
        }
    }

    /// Which classes are predicted, as 0 and 1.
    fn chosen(&self, y_pred: &Tensor) -> Result<Tensor> {
        let chosen = match self.threshold {
            Some(threshold) => ops::greater(y_pred, threshold)?,
            None => {
                let top = ops::reduce(y_pred, Fold::Max, [-1], true)?;
                let present = ops::greater(ops::abs(y_pred)?, 1e-9)?;
                ops::logical_and(ops::greater_equal(y_pred, top)?, present)?
            }
        };
        ops::cast(chosen, self.dtype)
    }

    fn update(&self, y_true: &Tensor, y_pred: &Tensor, weight: Option<&Tensor>) -> Result<()> {
        self.check()?;
        if y_pred.rank() != 2 || y_true.shape() != y_pred.shape() {
            return Err(Error::shape(
                self.name,
                &[y_true.shape(), y_pred.shape()],
                "labels and predictions [batch, classes]",
            ));
        }
        let y = ops::cast(y_true, self.dtype)?;
        let p = self.chosen(&ops::cast(y_pred, self.dtype)?)?;
        let weight = match weight {
            Some(w) => Some(ops::expand_dims(ops::cast(w, self.dtype)?, 1)?),
            None => None,
        };
        let hit = ops::multiply(&p, &y)?;
        let invented = ops::multiply(&p, ops::subtract(1.0, &y)?)?;
        let missed = ops::multiply(ops::subtract(1.0, &p)?, &y)?;
        for ((state, name), value) in self
            .counts
            .states()
            .into_iter()
            .zip([hit, invented, missed, y])
        {
            let value = match &weight {
                Some(w) => weigh(self.name, &value, w, "sample_weight")?,
                None => value,
            };
            let axis = (self.average != Some(Average::Micro)).then_some(0);
            let sum = ops::sum(value, axis)?;
            add_to(
                state.variable(self.name, name, sum.shape(), self.dtype),
                &sum,
            )?;
        }
        Ok(())
    }

    fn result(&self) -> Result<Tensor> {
        let made = self.counts.states().map(|(state, _)| state.made());
        let [Some(hit), Some(invented), Some(missed), Some(labels)] = made else {
            return Err(Error::not_ready(
                format!("metric `{}`", self.name),
                "nothing was counted yet; call `update_state` first",
            ));
        };
        let share = |of: &Variable| {
            let all = ops::add(ops::add(hit, of)?, EPSILON)?;
            ops::divide(hit, all)
        };
        let (precision, recall) = (share(invented)?, share(missed)?);
        let square = self.beta * self.beta;
        let sum = ops::add(ops::multiply(&precision, square)?, &recall)?;
        let mean = ops::divide(ops::multiply(&precision, &recall)?, ops::add(sum, EPSILON)?)?;
        let score = ops::multiply(mean, 1.0 + square)?;
        match self.average {
            None => Ok(score),
            Some(Average::Micro | Average::Macro) => ops::mean(&score, None),
            Some(Average::Weighted) => {
                let all = ops::add(ops::sum(labels, None)?, EPSILON)?;
                ops::sum(ops::multiply(score, ops::divide(labels, all)?)?, None)
            }
        }
    }
}

macro_rules! f_score {
    ($($(#[doc = $doc:literal])+ $Metric:ident $name:literal, beta $beta:expr, { $($fields:tt)* })*) => {$(
        metric! {
            $(#[doc = $doc])+
            $Metric() = fixed $name of DType::F32, {
                /// How one number is made of several classes; `None`, the default, gives a number for each.
                average: Option<Average> = None,
                $($fields)*
                /// Above which a prediction means that the class is there; `None`, the default, takes the largest one.
                threshold: Option<f64> = None,
            } keeps { counts: Counts }
        }

        impl $Metric {
            fn score(&self) -> Score<'_> {
                let beta: fn(&Self) -> f64 = $beta;
                Score {
                    name: &self.name,
                    dtype: self.dtype,
                    average: self.average,
                    beta: beta(self),
                    threshold: self.threshold,
                    counts: &self.counts,
                }
            }
        }

        impl Measure for $Metric {
            fn name(&self) -> &str {
                &self.name
            }

            fn direction(&self) -> Option<Direction> {
                Some(Direction::Up)
            }

            fn update_state(
                &self,
                y_true: &Tensor,
                y_pred: &Tensor,
                sample_weight: Option<&Tensor>,
            ) -> Result<()> {
                self.score().update(y_true, y_pred, sample_weight)
            }

            fn result(&self) -> Result<Tensor> {
                self.score().result()
            }

            fn variables(&self) -> Vec<Variable> {
                let states = self.counts.states().into_iter();
                states.filter_map(|(state, _)| state.made()).cloned().collect()
            }
        }
    )*};
}

f_score! {
    /// `(1 + beta^2) * precision * recall / (beta^2 * precision + recall)`, of one-hot or multi-hot labels
    /// `[batch, classes]`.
    FBetaScore "fbeta_score", beta |m| m.beta, {
        /// How much more recall counts than precision; 1 by default.
        beta: f64 = 1.0,
    }
    /// The harmonic mean of precision and recall, of one-hot or multi-hot labels `[batch, classes]`.
    F1Score "f1_score", beta |_| 1.0, {}
}
