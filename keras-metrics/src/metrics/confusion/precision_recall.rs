//! Precision and recall.

use keras_tensor::{DType, Result, Tensor, Variable};

use super::count::{How, LOWEST, count};
use super::{State, Thresholds, add_to, share, single_or_all};
use crate::metrics::{Direction, Measure};

macro_rules! hit_rate {
    ($($(#[doc = $doc:literal])+ $Metric:ident $name:literal, $mistakes:literal |$count:ident| $value:expr;)*) => {$(
        metric! {
            $(#[doc = $doc])+
            $Metric() = auto $name of DType::F32, { } keeps { hits: State, mistakes: State }
            options {
                /// Above which a prediction is positive: one threshold or several, 0.5 by default.
                thresholds: Thresholds = Thresholds::Default,
                /// Only the `k` largest predictions of a row are positive; all by default.
                top_k: Option<usize> = None,
                /// Only predictions of this class count; all by default.
                class_id: Option<usize> = None,
            }
        }

        impl $Metric {
            fn values(&self) -> Result<&[f64]> {
                // Among the largest k no threshold is needed.
                let default = if self.top_k.is_some() { &LOWEST } else { &0.5 };
                self.thresholds.values(default)
            }

            /// Hits and mistakes.
            fn states(&self, thresholds: usize) -> [&Variable; 2] {
                [(&self.hits, "true_positives"), (&self.mistakes, $mistakes)].map(|(state, name)| {
                    state.variable(&self.name, name, &[thresholds], self.dtype)
                })
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
                let thresholds = self.values()?;
                let how = How {
                    owner: &self.name,
                    dtype: Some(self.dtype),
                    thresholds,
                    top_k: self.top_k,
                    class_id: self.class_id,
                    ..How::default()
                };
                let $count = count(y_true, y_pred, sample_weight, &how)?;
                let [hits, mistakes] = self.states(thresholds.len());
                add_to(hits, &$count.true_positives)?;
                add_to(mistakes, &$value)
            }

            fn result(&self) -> Result<Tensor> {
                let [hits, mistakes] = self.states(self.values()?.len());
                single_or_all(share(hits, mistakes)?)
            }

            fn variables(&self) -> Vec<Variable> {
                self.states(self.values().map_or(1, <[f64]>::len))
                    .map(Clone::clone)
                    .to_vec()
            }
        }
    )*};
}

hit_rate! {
    /// How many of those that were taken for positives are: hits over hits and false positives.
    Precision "precision", "false_positives" |count| count.false_positives;
    /// How many of the positives were found: hits over hits and false negatives.
    Recall "recall", "false_negatives" |count| count.false_negatives()?;
}
