//! The area under a curve of hits and misses.

use keras_tensor::{DType, Error, Result, Tensor, Variable, ops};
use serde::{Deserialize, Serialize};

use super::count::{How, count};
use super::{Cells, Variables, share};
use crate::losses::regression::EPSILON;
use crate::metrics::{Direction, Measure};

/// Which curve an [`AUC`] is the area under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Curve {
    /// Hits over false alarms.
    #[default]
    #[serde(alias = "roc")]
    ROC,
    /// Precision over recall.
    #[serde(alias = "pr")]
    PR,
    /// Precision gain over recall gain.
    #[serde(alias = "prgain")]
    PRGAIN,
}

/// How the area between two thresholds is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Summation {
    /// By the middle of both heights; for precision and recall by the formula of Davis and Goadrich (2006).
    #[default]
    #[serde(alias = "Interpolation")]
    Interpolation,
    /// By the lower height.
    #[serde(alias = "Minoring")]
    Minoring,
    /// By the higher height.
    #[serde(alias = "Majoring")]
    Majoring,
}

metric! {
    /// The area under a curve of hits and misses, by a sum over thresholds.
    ///
    /// ```
    /// use keras_metrics::metrics::{AUC, Measure};
    /// use keras_tensor::Tensor;
    /// let auc = AUC::new().num_thresholds(3);
    /// let y = Tensor::new(&[0.0f32, 0.0, 1.0, 1.0], [4])?;
    /// let p = Tensor::new(&[0.0f32, 0.5, 0.3, 0.9], [4])?;
    /// auc.update_state(&y, &p, None)?;
    /// assert_eq!(auc.result()?.item()?, 0.75);
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    AUC() = auto "auc" of DType::F32, {
        /// How many thresholds there are, evenly from 0 to 1; 200 by default, at least 2.
        num_thresholds: usize = 200,
        /// Which curve; ROC by default.
        curve: Curve = Curve::ROC,
        /// How the area between two thresholds is counted; by interpolation by default.
        summation_method: Summation = Summation::Interpolation,
        /// Whether each label has a curve of its own, and the result is their mean; not so by default.
        multi_label: bool = false,
    } keeps { cells: Cells }
    options {
        /// How many labels there are with `multi_label`; by default the first batch tells.
        num_labels: Option<usize> = None,
        /// How much each label counts; alike by default.
        label_weights: Option<Vec<f64>> = None,
        /// Whether predictions are logits rather than probabilities; not so by default.
        from_logits: bool = false,
        /// These thresholds, from 0 to 1, rather than even ones; two are added just outside.
        #[serde(skip_serializing_if = "Option::is_none")]
        thresholds: Option<Vec<f64>> = None,
    }
}

impl AUC {
    /// All thresholds; the outer ones lie just outside, so that every prediction is on both sides once.
    fn all_thresholds(&self) -> Result<Vec<f64>> {
        let inner = match &self.thresholds {
            Some(given) => {
                let mut sorted = given.clone();
                sorted.sort_by(f64::total_cmp);
                sorted
            }
            None if self.num_thresholds < 2 => {
                let wanted = "at least 2";
                return Err(Error::argument(
                    "num_thresholds",
                    self.num_thresholds,
                    wanted,
                ));
            }
            None => (1..self.num_thresholds - 1)
                .map(|i| i as f64 / (self.num_thresholds - 1) as f64)
                .collect(),
        };
        let outer = (-EPSILON, 1.0 + EPSILON);
        Ok(std::iter::once(outer.0)
            .chain(inner)
            .chain([outer.1])
            .collect())
    }

    fn size(&self) -> usize {
        self.thresholds
            .as_ref()
            .map_or(self.num_thresholds, |given| given.len() + 2)
    }

    fn states(&self, labels: Option<usize>) -> Variables<'_> {
        let (size, owner) = (self.size(), &*self.name);
        match labels {
            Some(labels) => self.cells.of(owner, &[size, labels], self.dtype),
            None => self.cells.of(owner, &[size], self.dtype),
        }
    }

    /// The variables, once it is known how many labels there are.
    fn known(&self) -> Option<Variables<'_>> {
        let labels = match (self.multi_label, self.cells.true_positives.made()) {
            (false, _) => None,
            (true, Some(made)) => Some(made.shape()[1]),
            (true, None) => Some(self.num_labels?),
        };
        Some(self.states(labels))
    }

    /// The sum over thresholds; with labels of their own, the weighted mean over labels.
    fn total(&self, terms: &Tensor) -> Result<Tensor> {
        if !self.multi_label {
            return ops::sum(terms, None);
        }
        let by_label = ops::sum(terms, 0)?;
        match &self.label_weights {
            None => ops::mean(&by_label, None),
            Some(weights) => {
                let w = Tensor::from_f64(weights, [weights.len()], by_label.dtype())?;
                let weighted = ops::sum(ops::multiply(&by_label, &w)?, None)?;
                ops::divide_no_nan(&weighted, ops::sum(&w, None)?)
            }
        }
    }

    /// The points of the curve, by threshold.
    fn points(&self, v: &Variables) -> Result<(Tensor, Tensor)> {
        match self.curve {
            Curve::ROC => Ok((share(v.false_positives, v.true_negatives)?, v.recall()?)),
            Curve::PR => Ok((v.recall()?, v.precision()?)),
            Curve::PRGAIN => {
                let tp = v.true_positives;
                let positives = ops::add(tp, v.false_negatives)?;
                let negatives = ops::add(v.true_negatives, v.false_positives)?;
                let scale = ops::divide_no_nan(positives, negatives)?;
                let none = ops::equal(tp, 0.0)?;
                let gain = |mistakes: &Variable, otherwise: f64| {
                    let lost = ops::multiply(&scale, ops::divide_no_nan(mistakes, tp)?)?;
                    let gain = ops::subtract(1.0, &lost)?;
                    ops::where_(&none, ops::full_like(&gain, otherwise)?, &gain)
                };
                let recall = ops::relu(gain(v.false_negatives, 0.0)?)?;
                Ok((recall, gain(v.false_positives, 1.0)?))
            }
        }
    }

    /// The area between thresholds by Davis and Goadrich's interpolation of precision and recall.
    fn interpolated(&self, v: &Variables) -> Result<Tensor> {
        let tp = v.true_positives.value()?;
        let (tp0, tp1) = neighbours(&tp)?;
        let (p0, p1) = neighbours(&ops::add(&tp, v.false_positives)?)?;
        let (_, misses) = neighbours(&v.false_negatives.value()?)?;
        let rise = ops::subtract(tp0, &tp1)?;
        let slope = ops::divide_no_nan(&rise, ops::relu(ops::subtract(&p0, &p1)?)?)?;
        let intercept = ops::subtract(&tp1, ops::multiply(&slope, &p1)?)?;
        let both = ops::logical_and(ops::greater(&p0, 0.0)?, ops::greater(&p1, 0.0)?)?;
        let ratio = ops::divide_no_nan(&p0, ops::relu(&p1)?)?;
        let ratio = ops::where_(both, &ratio, ops::ones_like(&ratio)?)?;
        let area = ops::add(rise, ops::multiply(intercept, ops::log(ratio)?)?)?;
        let positives = ops::relu(ops::add(tp1, misses)?)?;
        self.total(&ops::divide_no_nan(ops::multiply(slope, area)?, positives)?)
    }
}

/// The values at each threshold but the last, and at each but the first.
fn neighbours(t: &Tensor) -> Result<(Tensor, Tensor)> {
    let n = t.shape()[0] - 1;
    Ok((ops::slice_axis(t, 0, 0, n)?, ops::slice_axis(t, 0, 1, n)?))
}

impl Measure for AUC {
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
        let thresholds = self.all_thresholds()?;
        let labels = match (self.multi_label, &y_pred.shape()[..]) {
            (false, _) => None,
            (true, &[_, labels]) => Some(labels),
            (true, _) => {
                let wanted = "predictions [samples, labels], because it is multi_label";
                return Err(Error::shape(&*self.name, &[y_pred.shape()], wanted));
            }
        };
        let y_pred = if self.from_logits {
            ops::sigmoid(y_pred)?
        } else {
            y_pred.clone()
        };
        let how = How {
            owner: &self.name,
            dtype: Some(self.dtype),
            thresholds: &thresholds,
            by_label: self.multi_label,
            label_weights: self.label_weights.as_deref().filter(|_| !self.multi_label),
            ..How::default()
        };
        let count = count(y_true, &y_pred, sample_weight, &how)?;
        self.states(labels).add(&count)
    }

    fn result(&self) -> Result<Tensor> {
        let Some(states) = self.known() else {
            let wanted = "nothing was counted yet; call `update_state` first";
            return Err(Error::not_ready(format!("metric `{}`", self.name), wanted));
        };
        if self.size() < 2 {
            return Err(Error::argument("num_thresholds", self.size(), "at least 2"));
        }
        if self.curve == Curve::PR && self.summation_method == Summation::Interpolation {
            return self.interpolated(&states);
        }
        let (x, y) = self.points(&states)?;
        let ((x0, x1), (y0, y1)) = (neighbours(&x)?, neighbours(&y)?);
        let heights = match self.summation_method {
            Summation::Interpolation => ops::divide(ops::add(y0, y1)?, 2.0)?,
            Summation::Minoring => ops::minimum(y0, y1)?,
            Summation::Majoring => ops::maximum(y0, y1)?,
        };
        self.total(&ops::multiply(ops::subtract(x0, x1)?, heights)?)
    }

    fn variables(&self) -> Vec<Variable> {
        self.known();
        self.cells.made()
    }
}
