use keras_tensor::{DType, Error, Result, Tensor, Variable, ops};
use serde::{Deserialize, Serialize};

use super::Measure;
use super::confusion::{Counting, count};
use super::state::{State, add_to};

/// Which curve an [`AUC`] is the area under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Curve {
    /// Hits over false alarms.
    #[default]
    ROC,
    /// Precision over recall.
    PR,
    /// Precision gain over recall gain.
    PRGAIN,
}

/// How the area between two thresholds is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Summation {
    /// By the middle of both heights; for precision and recall by the formula of Davis and Goadrich (2006).
    #[default]
    Interpolation,
    /// By the lower height.
    Minoring,
    /// By the higher height.
    Majoring,
}

/// The area under a curve of hits and misses, by a sum over thresholds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct AUC {
    name: String,
    num_thresholds: usize,
    curve: Curve,
    summation_method: Summation,
    multi_label: bool,
    num_labels: Option<usize>,
    label_weights: Option<Vec<f64>>,
    from_logits: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    thresholds: Option<Vec<f64>>,
    #[serde(skip)]
    counts: [State; 4],
}

const NAMES: [&str; 4] = [
    "true_positives",
    "false_positives",
    "true_negatives",
    "false_negatives",
];

impl Default for AUC {
    fn default() -> Self {
        AUC {
            name: "auc".into(),
            num_thresholds: 200,
            curve: Curve::ROC,
            summation_method: Summation::Interpolation,
            multi_label: false,
            num_labels: None,
            label_weights: None,
            from_logits: false,
            thresholds: None,
            counts: Default::default(),
        }
    }
}

impl AUC {
    /// The area under the ROC curve, by 200 thresholds.
    pub fn new() -> Self {
        AUC::default()
    }

    /// How many thresholds, evenly from 0 to 1.
    pub fn num_thresholds(mut self, num_thresholds: usize) -> Self {
        self.num_thresholds = num_thresholds;
        self
    }

    /// These thresholds, besides 0 and 1.
    pub fn thresholds(mut self, thresholds: &[f64]) -> Self {
        let mut sorted = thresholds.to_vec();
        sorted.sort_by(f64::total_cmp);
        self.num_thresholds = sorted.len() + 2;
        self.thresholds = Some(sorted);
        self
    }

    /// Which curve.
    pub fn curve(mut self, curve: Curve) -> Self {
        self.curve = curve;
        self
    }

    /// How the area between two thresholds is counted.
    pub fn summation_method(mut self, summation_method: Summation) -> Self {
        self.summation_method = summation_method;
        self
    }

    /// Whether each label has a curve of its own, and the result is their mean.
    pub fn multi_label(mut self, multi_label: bool) -> Self {
        self.multi_label = multi_label;
        self
    }

    /// How much each label counts.
    pub fn label_weights(mut self, weights: &[f64]) -> Self {
        self.label_weights = Some(weights.to_vec());
        self
    }

    /// Whether predictions are logits.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.from_logits = from_logits;
        self
    }

    /// The name.
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// All thresholds; the outer ones lie just outside, so that every prediction is on both sides once.
    fn all_thresholds(&self) -> Result<Vec<f64>> {
        if self.num_thresholds < 2 {
            return Err(Error::argument(
                "num_thresholds",
                self.num_thresholds,
                "at least 2",
            ));
        }
        let inner = match &self.thresholds {
            Some(given) => given.clone(),
            None => (1..self.num_thresholds - 1)
                .map(|i| i as f64 / (self.num_thresholds - 1) as f64)
                .collect(),
        };
        Ok(std::iter::once(-1e-7)
            .chain(inner)
            .chain([1.0 + 1e-7])
            .collect())
    }

    fn values(&self) -> Result<[Tensor; 4]> {
        let shape = [self.num_thresholds];
        let value = |i: usize| match self.counts[i].made() {
            Some(v) => v.value(),
            None => ops::zeros(shape, DType::F32),
        };
        Ok([value(0)?, value(1)?, value(2)?, value(3)?])
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
                let w = Tensor::from_f64(weights, [weights.len()], DType::F32)?;
                let weighted = ops::sum(ops::multiply(&by_label, &w)?, None)?;
                ops::divide_no_nan(&weighted, ops::sum(&w, None)?)
            }
        }
    }

    /// The points of the curve.
    fn points(&self) -> Result<(Tensor, Tensor)> {
        let [tp, fp, tn, fn_] = self.values()?;
        let positives = ops::add(&tp, &fn_)?;
        let negatives = ops::add(&tn, &fp)?;
        let recall = ops::divide_no_nan(&tp, &positives)?;
        Ok(match self.curve {
            Curve::ROC => (ops::divide_no_nan(&fp, &negatives)?, recall),
            Curve::PR => {
                let precision = ops::divide_no_nan(&tp, ops::add(&tp, &fp)?)?;
                (recall, precision)
            }
            Curve::PRGAIN => {
                let scale = ops::divide_no_nan(&positives, &negatives)?;
                let none = ops::equal(&tp, 0.0)?;
                let gain = |mistakes: &Tensor, otherwise: f64| {
                    let lost = ops::multiply(&scale, ops::divide_no_nan(mistakes, &tp)?)?;
                    let gain = ops::subtract(1.0, &lost)?;
                    ops::where_(&none, ops::full_like(&gain, otherwise)?, &gain)
                };
                (ops::relu(gain(&fn_, 0.0)?)?, gain(&fp, 1.0)?)
            }
        })
    }

    /// Davis and Goadrich's interpolation between points of precision and recall.
    fn interpolated(&self) -> Result<Tensor> {
        let [tp, fp, _, fn_] = self.values()?;
        let n = self.num_thresholds - 1;
        let (first, last) = (
            |t: &Tensor| ops::slice_axis(t, 0, 0, n),
            |t: &Tensor| ops::slice_axis(t, 0, 1, n),
        );
        let p = ops::add(&tp, &fp)?;
        let rise = ops::subtract(first(&tp)?, last(&tp)?)?;
        let run = ops::relu(ops::subtract(first(&p)?, last(&p)?)?)?;
        let slope = ops::divide_no_nan(&rise, &run)?;
        let intercept = ops::subtract(last(&tp)?, ops::multiply(&slope, last(&p)?)?)?;
        let both = ops::logical_and(
            ops::greater(first(&p)?, 0.0)?,
            ops::greater(last(&p)?, 0.0)?,
        )?;
        let ratio = ops::divide_no_nan(first(&p)?, ops::relu(last(&p)?)?)?;
        let ratio = ops::where_(&both, &ratio, ops::ones_like(&ratio)?)?;
        let area = ops::add(&rise, ops::multiply(&intercept, ops::log(&ratio)?)?)?;
        let positives = ops::relu(ops::add(last(&tp)?, last(&fn_)?)?)?;
        self.total(&ops::divide_no_nan(
            ops::multiply(&slope, &area)?,
            &positives,
        )?)
    }
}

impl Measure for AUC {
    fn name(&self) -> &str {
        &self.name
    }

    fn update_state(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
    ) -> Result<()> {
        let thresholds = self.all_thresholds()?;
        let y_pred = if self.from_logits {
            ops::sigmoid(y_pred)?
        } else {
            y_pred.clone()
        };
        if self.multi_label && y_pred.rank() != 2 {
            return Err(Error::shape(
                "AUC with multi_label",
                &[y_pred.shape()],
                "predictions [samples, labels]",
            ));
        }
        let weights = match (&self.label_weights, self.multi_label) {
            // Weights of labels are weights of elements where labels share one curve.
            (Some(labels), false) => {
                let labels = Tensor::from_f64(labels, [1, labels.len()], DType::F32)?;
                let labels = ops::broadcast_to(&labels, y_pred.shape().clone())?;
                Some(match sample_weight {
                    Some(w) => ops::multiply(&labels, ops::reshape(w, &[-1, 1])?)?,
                    None => labels,
                })
            }
            _ => sample_weight.cloned(),
        };
        let how = Counting {
            by_label: self.multi_label,
            ..Counting::default()
        };
        let counts = count(y_true, &y_pred, weights.as_ref(), &thresholds, &how)?;
        let all = [
            counts.true_positives,
            counts.false_positives,
            counts.true_negatives,
            counts.false_negatives,
        ];
        for ((state, name), value) in self.counts.iter().zip(NAMES).zip(all) {
            add_to(state.variable(name, value.shape()), &value)?;
        }
        Ok(())
    }

    fn result(&self) -> Result<Tensor> {
        if self.curve == Curve::PR && self.summation_method == Summation::Interpolation {
            return self.interpolated();
        }
        let (x, y) = self.points()?;
        let n = self.num_thresholds - 1;
        let (y0, y1) = (ops::slice_axis(&y, 0, 0, n)?, ops::slice_axis(&y, 0, 1, n)?);
        let heights = match self.summation_method {
            Summation::Interpolation => ops::divide(ops::add(&y0, &y1)?, 2.0)?,
            Summation::Minoring => ops::minimum(&y0, &y1)?,
            Summation::Majoring => ops::maximum(&y0, &y1)?,
        };
        let widths = ops::subtract(ops::slice_axis(&x, 0, 0, n)?, ops::slice_axis(&x, 0, 1, n)?)?;
        self.total(&ops::multiply(&widths, &heights)?)
    }

    fn variables(&self) -> Vec<Variable> {
        self.counts
            .iter()
            .filter_map(State::made)
            .cloned()
            .collect()
    }
}
