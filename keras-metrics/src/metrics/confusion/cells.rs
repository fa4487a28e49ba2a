//! The four counts themselves.

use keras_tensor::{DType, Result, Tensor, Variable};

use super::count::{How, count};
use super::{State, Thresholds, add_to, single_or_all};
use crate::metrics::Measure;

macro_rules! cell {
    ($($(#[doc = $doc:literal])+ $Metric:ident $name:literal |$count:ident| $value:expr;)*) => {$(
        metric! {
            $(#[doc = $doc])+
            $Metric() = auto $name of DType::F32, { } keeps { accumulator: State }
            options {
                /// Above which a prediction is positive: one threshold or several, 0.5 by default.
                thresholds: Thresholds = Thresholds::Default,
            }
        }

        impl $Metric {
            fn accumulator(&self, thresholds: usize) -> &Variable {
                self.accumulator
                    .variable(&self.name, "accumulator", &[thresholds], self.dtype)
            }
        }

        impl Measure for $Metric {
            fn name(&self) -> &str {
                &self.name
            }

            fn update_state(
                &self,
                y_true: &Tensor,
                y_pred: &Tensor,
                sample_weight: Option<&Tensor>,
            ) -> Result<()> {
                let thresholds = self.thresholds.values(&0.5)?;
                let how = How {
                    owner: &self.name,
                    dtype: Some(self.dtype),
                    thresholds,
                    ..How::default()
                };
                let $count = count(y_true, y_pred, sample_weight, &how)?;
                add_to(self.accumulator(thresholds.len()), &$value)
            }

            fn result(&self) -> Result<Tensor> {
                let thresholds = self.thresholds.values(&0.5)?.len();
                single_or_all(self.accumulator(thresholds).value()?)
            }

            fn variables(&self) -> Vec<Variable> {
                let thresholds = self.thresholds.values(&0.5).map_or(1, <[f64]>::len);
                vec![self.accumulator(thresholds).clone()]
            }
        }
    )*};
}

cell! {
    /// How many positives were found.
    TruePositives "true_positives" |count| count.true_positives;
    /// How many negatives were taken for positives.
    FalsePositives "false_positives" |count| count.false_positives;
    /// How many negatives were found.
    TrueNegatives "true_negatives" |count| count.true_negatives()?;
    /// How many positives were missed.
    FalseNegatives "false_negatives" |count| count.false_negatives()?;
}
