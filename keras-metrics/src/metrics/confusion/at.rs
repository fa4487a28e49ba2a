//! The best of one rate while another is at least a given value.

use keras_tensor::{DType, Error, Result, Tensor, Variable, ops};

use super::count::{How, count};
use super::{Cells, Variables};
use crate::metrics::{Direction, Measure};

/// `num_thresholds` even ones from 0 to 1; one alone is 0.5.
fn even_thresholds(num_thresholds: usize) -> Result<Vec<f64>> {
    match num_thresholds {
        0 => Err(Error::argument("num_thresholds", 0, "at least 1")),
        1 => Ok(vec![0.5]),
        n => Ok((0..n).map(|i| i as f64 / (n - 1) as f64).collect()),
    }
}

/// The largest of `wanted` where `bound` is at least `least`; 0 where it never is.
fn best(wanted: &Tensor, bound: &Tensor, least: f64) -> Result<Tensor> {
    let allowed = ops::greater_equal(bound, least)?;
    let none = ops::zeros_like(wanted)?;
    ops::relu(ops::max(ops::where_(allowed, wanted, none)?, None)?)
}

macro_rules! at {
    ($(
        $(#[doc = $doc:literal])+
        $Metric:ident $name:literal ($(#[doc = $at_doc:literal])+ $at:ident), $wanted:ident where $bound:ident;
    )*) => {$(
        metric! {
            $(#[doc = $doc])+
            $Metric($(#[doc = $at_doc])+ $at: f64) = auto $name of DType::F32, {
                /// How many thresholds are tried, evenly from 0 to 1; 200 by default.
                num_thresholds: usize = 200,
            } keeps { cells: Cells }
            options {
                /// Only predictions of this class count; all by default.
                class_id: Option<usize> = None,
            }
        }

        impl $Metric {
            fn states(&self) -> Variables<'_> {
                self.cells.of(&self.name, &[self.num_thresholds], self.dtype)
            }

            fn check(&self) -> Result<()> {
                if (0.0..=1.0).contains(&self.$at) {
                    Ok(())
                } else {
                    let wanted = "a number from 0 to 1";
                    Err(Error::argument(stringify!($at), self.$at, wanted))
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
                self.check()?;
                let how = How {
                    owner: &self.name,
                    dtype: Some(self.dtype),
                    thresholds: &even_thresholds(self.num_thresholds)?,
                    class_id: self.class_id,
                    ..How::default()
                };
                self.states().add(&count(y_true, y_pred, sample_weight, &how)?)
            }

            fn result(&self) -> Result<Tensor> {
                self.check()?;
                let states = self.states();
                best(&states.$wanted()?, &states.$bound()?, self.$at)
            }

            fn variables(&self) -> Vec<Variable> {
                self.states();
                self.cells.made()
            }
        }
    )*};
}

at! {
    /// The best sensitivity (recall) among thresholds whose specificity is at least a given value.
    SensitivityAtSpecificity "sensitivity_at_specificity" (
        /// The least specificity, 0 to 1.
        specificity
    ), recall where specificity;
    /// The best specificity among thresholds whose sensitivity (recall) is at least a given value.
    SpecificityAtSensitivity "specificity_at_sensitivity" (
        /// The least sensitivity, 0 to 1.
        sensitivity
    ), specificity where recall;
    /// The best precision among thresholds whose recall is at least a given value.
    PrecisionAtRecall "precision_at_recall" (
        /// The least recall, 0 to 1.
        recall
    ), precision where recall;
    /// The best recall among thresholds whose precision is at least a given value.
    RecallAtPrecision "recall_at_precision" (
        /// The least precision, 0 to 1.
        precision
    ), recall where precision;
}
