//! Counts of hits and misses at thresholds, and what is made of them.

use keras_tensor::op::Fold;
use keras_tensor::{DType, Error, Result, Tensor, Variable, ops};
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

use super::Measure;
use super::state::{State, add_to};
use crate::shapes::same_rank;

/// Thresholds as Keras writes them: none for the default, one, or several.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Thresholds {
    /// The default.
    #[default]
    Default,
    /// One.
    One(f64),
    /// Several; the result then has one number for each.
    Several(Vec<f64>),
}

impl From<f64> for Thresholds {
    fn from(threshold: f64) -> Self {
        Thresholds::One(threshold)
    }
}

impl From<&[f64]> for Thresholds {
    fn from(thresholds: &[f64]) -> Self {
        Thresholds::Several(thresholds.to_vec())
    }
}

impl Thresholds {
    fn values(&self, default: f64) -> Result<Vec<f64>> {
        let values = match self {
            Thresholds::Default => return Ok(vec![default]),
            Thresholds::One(t) => vec![*t],
            Thresholds::Several(all) => all.clone(),
        };
        match values.iter().find(|t| !(0.0..=1.0).contains(*t)) {
            Some(t) => Err(Error::argument("thresholds", t, "numbers from 0 to 1")),
            None => Ok(values),
        }
    }
}

/// Which predictions count, and how.
#[derive(Default)]
pub(super) struct Counting {
    pub(super) top_k: Option<usize>,
    pub(super) class_id: Option<usize>,
    /// Count each label on its own: results are `[thresholds, labels]`.
    pub(super) by_label: bool,
}

/// Sums of weights, `[thresholds]` or `[thresholds, labels]`.
pub(super) struct Counts {
    pub(super) true_positives: Tensor,
    pub(super) false_positives: Tensor,
    pub(super) true_negatives: Tensor,
    pub(super) false_negatives: Tensor,
}

/// Counts a batch; a prediction is positive above the threshold.
pub(super) fn count(
    y_true: &Tensor,
    y_pred: &Tensor,
    sample_weight: Option<&Tensor>,
    thresholds: &[f64],
    how: &Counting,
) -> Result<Counts> {
    let (y_pred, y_true) = same_rank(
        &ops::cast(y_pred, DType::F32)?,
        &ops::cast(y_true, DType::F32)?,
        true,
    )?;
    if y_true.shape() != y_pred.shape() {
        return Err(Error::shape(
            "confusion metrics",
            &[y_true.shape(), y_pred.shape()],
            "labels of the shape of the predictions",
        ));
    }
    let weight = match sample_weight {
        Some(w) => {
            let w = ops::expand_dims(ops::cast(w, DType::F32)?, -1)?;
            let (_, w) = same_rank(&y_true, &w, false)?;
            ops::broadcast_to(&w, y_pred.shape().clone())?
        }
        None => ops::ones_like(&y_pred)?,
    };
    let y_pred = match how.top_k {
        Some(k) => among_top_k(&y_pred, k)?,
        None => y_pred,
    };
    let of_class = |t: &Tensor| match how.class_id {
        Some(class) if t.rank() > 1 => ops::slice_axis(t, -1, class, 1),
        Some(_) => Err(Error::shape(
            "class_id",
            &[t.shape()],
            "predictions [samples, classes]",
        )),
        None => Ok(t.clone()),
    };
    let (y_true, y_pred, weight) = (of_class(&y_true)?, of_class(&y_pred)?, of_class(&weight)?);
    // Rows are thresholds, or thresholds and samples.
    let labels = match (how.by_label, y_pred.shape().last()) {
        (true, Some(&n)) => n,
        _ => 1,
    };
    let lined = |t: &Tensor| ops::reshape(t, &[1, -1, labels as isize]);
    let actual = ops::cast(lined(&y_true)?, DType::Bool)?;
    let (scores, weight) = (lined(&y_pred)?, lined(&weight)?);
    let at = Tensor::from_f64(thresholds, [thresholds.len(), 1, 1], DType::F32)?;
    let positive = ops::greater(&scores, &at)?;
    let total = |hit: &Tensor, wanted: bool, found: bool| -> Result<Tensor> {
        let side = |t: &Tensor, yes: bool| {
            if yes {
                Ok(t.clone())
            } else {
                ops::logical_not(t)
            }
        };
        let both = ops::logical_and(side(hit, wanted)?, side(&positive, found)?)?;
        let weighted = ops::multiply(ops::cast(both, DType::F32)?, &weight)?;
        let sum = ops::reduce(&weighted, Fold::Sum, [1], false)?;
        if how.by_label {
            Ok(sum)
        } else {
            ops::reshape(&sum, &[-1])
        }
    };
    Ok(Counts {
        true_positives: total(&actual, true, true)?,
        false_positives: total(&actual, false, true)?,
        true_negatives: total(&actual, false, false)?,
        false_negatives: total(&actual, true, false)?,
    })
}

/// Predictions that are among the `k` largest of their row; the others become minus infinity.
fn among_top_k(p: &Tensor, k: usize) -> Result<Tensor> {
    let (_, places) = ops::top_k(p, k)?;
    let classes = p.shape()[p.rank() - 1];
    let chosen = ops::sum(ops::one_hot(&places, classes, DType::F32)?, -2)?;
    ops::where_(ops::greater(&chosen, 0.5)?, p, ops::full_like(p, -1e10)?)
}

/// One number for one threshold, else one for each.
fn single_or_all(t: Tensor) -> Result<Tensor> {
    if t.size() == 1 {
        ops::reshape(&t, &[])
    } else {
        Ok(t)
    }
}

/// Which of the four counts a metric is.
pub trait Cell: Send + Sync + 'static {
    #[doc(hidden)]
    const NAME: &'static str;
    #[doc(hidden)]
    fn of(counts: CellCounts) -> Tensor;
}

#[doc(hidden)]
pub struct CellCounts(Counts);

macro_rules! cells {
    ($($cell:ident $name:literal $field:ident),*) => {$(
        #[doc(hidden)]
        #[derive(Debug)]
        pub struct $cell;
        impl Cell for $cell {
            const NAME: &'static str = $name;
            fn of(counts: CellCounts) -> Tensor {
                counts.0.$field
            }
        }
    )*};
}
cells! {
    TruePositive "true_positives" true_positives,
    FalsePositive "false_positives" false_positives,
    TrueNegative "true_negatives" true_negatives,
    FalseNegative "false_negatives" false_negatives
}

/// One of the four counts, at one threshold or several.
#[derive(Serialize, Deserialize)]
#[serde(default, bound = "C: Cell")]
pub struct CountOf<C> {
    name: String,
    thresholds: Thresholds,
    #[serde(skip)]
    accumulator: State,
    #[serde(skip)]
    cell: PhantomData<fn() -> C>,
}

impl<C: Cell> Default for CountOf<C> {
    fn default() -> Self {
        CountOf {
            name: C::NAME.into(),
            thresholds: Thresholds::Default,
            accumulator: State::default(),
            cell: PhantomData,
        }
    }
}

impl<C: Cell> CountOf<C> {
    /// At a threshold of 0.5.
    pub fn new() -> Self {
        CountOf::default()
    }

    /// At other thresholds.
    pub fn thresholds(mut self, thresholds: impl Into<Thresholds>) -> Self {
        self.thresholds = thresholds.into();
        self
    }
}

impl<C: Cell> Measure for CountOf<C> {
    fn name(&self) -> &str {
        &self.name
    }

    fn update_state(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
    ) -> Result<()> {
        let thresholds = self.thresholds.values(0.5)?;
        let counts = count(
            y_true,
            y_pred,
            sample_weight,
            &thresholds,
            &Counting::default(),
        )?;
        let total = self
            .accumulator
            .variable("accumulator", &[thresholds.len()]);
        add_to(total, &C::of(CellCounts(counts)))
    }

    fn result(&self) -> Result<Tensor> {
        let size = self.thresholds.values(0.5)?.len();
        single_or_all(self.accumulator.variable("accumulator", &[size]).value()?)
    }

    fn variables(&self) -> Vec<Variable> {
        self.accumulator.made().into_iter().cloned().collect()
    }
}

/// How many positives were found.
pub type TruePositives = CountOf<TruePositive>;
/// How many negatives were taken for positives.
pub type FalsePositives = CountOf<FalsePositive>;
/// How many negatives were found.
pub type TrueNegatives = CountOf<TrueNegative>;
/// How many positives were missed.
pub type FalseNegatives = CountOf<FalseNegative>;

/// What [`Precision`] and [`Recall`] are: hits over hits and one kind of mistakes.
pub trait Mistakes: Send + Sync + 'static {
    #[doc(hidden)]
    const NAME: &'static str;
    #[doc(hidden)]
    const MISTAKES: &'static str;
    #[doc(hidden)]
    fn of(counts: &CellCounts) -> &Tensor;
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Invented;
impl Mistakes for Invented {
    const NAME: &'static str = "precision";
    const MISTAKES: &'static str = "false_positives";
    fn of(counts: &CellCounts) -> &Tensor {
        &counts.0.false_positives
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Missed;
impl Mistakes for Missed {
    const NAME: &'static str = "recall";
    const MISTAKES: &'static str = "false_negatives";
    fn of(counts: &CellCounts) -> &Tensor {
        &counts.0.false_negatives
    }
}

/// Hits over hits and one kind of mistakes.
#[derive(Serialize, Deserialize)]
#[serde(default, bound = "M: Mistakes")]
pub struct HitRate<M> {
    name: String,
    thresholds: Thresholds,
    top_k: Option<usize>,
    class_id: Option<usize>,
    #[serde(skip)]
    hits: State,
    #[serde(skip)]
    mistakes: State,
    #[serde(skip)]
    kind: PhantomData<fn() -> M>,
}

impl<M: Mistakes> Default for HitRate<M> {
    fn default() -> Self {
        HitRate {
            name: M::NAME.into(),
            thresholds: Thresholds::Default,
            top_k: None,
            class_id: None,
            hits: State::default(),
            mistakes: State::default(),
            kind: PhantomData,
        }
    }
}

impl<M: Mistakes> HitRate<M> {
    /// At a threshold of 0.5.
    pub fn new() -> Self {
        HitRate::default()
    }

    /// At other thresholds.
    pub fn thresholds(mut self, thresholds: impl Into<Thresholds>) -> Self {
        self.thresholds = thresholds.into();
        self
    }

    /// Only the `k` largest predictions of a row are positive.
    pub fn top_k(mut self, k: usize) -> Self {
        self.top_k = Some(k);
        self
    }

    /// Only predictions of this class count.
    pub fn class_id(mut self, class: usize) -> Self {
        self.class_id = Some(class);
        self
    }

    /// The name.
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    fn values(&self) -> Result<Vec<f64>> {
        // Among the largest k no threshold is needed.
        self.thresholds
            .values(if self.top_k.is_some() { -1e9 } else { 0.5 })
    }

    fn states(&self, size: usize) -> (&Variable, &Variable) {
        (
            self.hits.variable("true_positives", &[size]),
            self.mistakes.variable(M::MISTAKES, &[size]),
        )
    }
}

impl<M: Mistakes> Measure for HitRate<M> {
    fn name(&self) -> &str {
        &self.name
    }

    fn update_state(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
    ) -> Result<()> {
        let thresholds = self.values()?;
        let how = Counting {
            top_k: self.top_k,
            class_id: self.class_id,
            by_label: false,
        };
        let counts = CellCounts(count(y_true, y_pred, sample_weight, &thresholds, &how)?);
        let (hits, mistakes) = self.states(thresholds.len());
        add_to(hits, &counts.0.true_positives)?;
        add_to(mistakes, M::of(&counts))
    }

    fn result(&self) -> Result<Tensor> {
        let (hits, mistakes) = self.states(self.values()?.len());
        single_or_all(ops::divide_no_nan(hits, ops::add(hits, mistakes)?)?)
    }

    fn variables(&self) -> Vec<Variable> {
        let made = [&self.hits, &self.mistakes].map(State::made);
        made.into_iter().flatten().cloned().collect()
    }
}

/// How many of those taken for positives are.
pub type Precision = HitRate<Invented>;
/// How many of the positives were found.
pub type Recall = HitRate<Missed>;
