//! Metrics of numbers that are no mean of a loss.

use keras_tensor::{DType, Error, Result, Tensor, Variable, ops};
use serde::{Deserialize, Serialize};

use super::reduction::Running;
use super::state::{State, add_to};
use super::{Direction, Measure};
use crate::shapes::{prepared, weigh};

metric! {
    /// The root of the mean of squared errors.
    RootMeanSquaredError() = fixed "root_mean_squared_error" of DType::F32, {} keeps { mean: Running }
}

impl Measure for RootMeanSquaredError {
    fn name(&self) -> &str {
        &self.name
    }

    fn direction(&self) -> Option<Direction> {
        Some(Direction::Down)
    }

    fn update_state(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
    ) -> Result<()> {
        let y_pred = ops::cast(y_pred, self.dtype)?;
        let (y, p) = prepared("root_mean_squared_error", y_true, &y_pred)?;
        let squares = ops::square(ops::subtract(&p, &y)?)?;
        // As in Keras, a mask on the predictions does not count here.
        self.mean
            .of(&self.name, self.dtype)
            .update(&squares, sample_weight)
    }

    fn result(&self) -> Result<Tensor> {
        ops::sqrt(self.mean.of(&self.name, self.dtype).result()?)
    }

    fn variables(&self) -> Vec<Variable> {
        self.mean.of(&self.name, self.dtype).variables()
    }
}

/// How [`R2Score`] makes one number of those of several outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassAggregation {
    /// The mean.
    #[default]
    UniformAverage,
    /// The mean weighted by the variance of each output's labels.
    VarianceWeightedAverage,
}

metric! {
    /// How much of the labels' variance predictions explain, 1 at best: `1 - sum((y - p)^2) / sum((y - mean(y))^2)`, for
    /// labels and predictions `[batch, outputs]`.
    R2Score() = fixed "r2_score" of DType::F32, {
        /// How one number is made of several outputs; `None` gives a number for each. The uniform average by default.
        class_aggregation: Option<ClassAggregation> = Some(ClassAggregation::UniformAverage),
        /// How many independent variables there are, for the adjusted score; 0, not adjusted, by default.
        num_regressors: usize = 0,
    } keeps {
        num_samples: State,
        squared_sum: State,
        sum: State,
        residual: State,
        count: State,
    }
}

impl R2Score {
    fn samples(&self) -> &Variable {
        self.num_samples
            .variable(&self.name, "num_samples", &[], self.dtype)
    }

    /// Sums of squares, values, squared errors and weights.
    fn sums(&self, outputs: usize) -> [&Variable; 4] {
        [
            (&self.squared_sum, "squared_sum"),
            (&self.sum, "sum"),
            (&self.residual, "residual"),
            (&self.count, "count"),
        ]
        .map(|(state, name)| state.variable(&self.name, name, &[outputs], self.dtype))
    }

    fn adjusted(&self, score: Tensor) -> Result<Tensor> {
        let (n, p) = (self.samples().value()?.item()?, self.num_regressors as f64);
        // With too few samples Keras falls back to the plain score.
        if self.num_regressors == 0 || p >= n - 1.0 {
            return Ok(score);
        }
        let rest = ops::multiply(ops::subtract(1.0, score)?, n - 1.0)?;
        ops::subtract(1.0, ops::divide(rest, n - p - 1.0)?)
    }
}

impl Measure for R2Score {
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
        let y_pred = ops::cast(y_pred, self.dtype)?;
        let (y, p) = prepared("r2_score", y_true, &y_pred)?;
        if y.rank() != 2 || y.shape() != p.shape() {
            return Err(Error::shape(
                "r2_score",
                &[y_true.shape(), y_pred.shape()],
                "labels and predictions [batch, outputs]",
            ));
        }
        let weight = match sample_weight {
            Some(w) if w.rank() == 1 => ops::expand_dims(ops::cast(w, self.dtype)?, 1)?,
            Some(w) => ops::cast(w, self.dtype)?,
            None => ops::ones([], self.dtype)?,
        };
        let weighted = weigh("r2_score", &y, &weight, "sample_weight")?;
        let weight = ops::broadcast_to(&weight, y.shape().clone())?;
        let errors = ops::square(ops::subtract(&y, &p)?)?;
        let [squared_sum, sum, residual, count] = self.sums(y.shape()[1]);
        add_to(squared_sum, &ops::sum(ops::multiply(&y, &weighted)?, 0)?)?;
        add_to(sum, &ops::sum(&weighted, 0)?)?;
        add_to(residual, &ops::sum(ops::multiply(errors, &weight)?, 0)?)?;
        add_to(count, &ops::sum(&weight, 0)?)?;
        add_to(self.samples(), &ops::full([], y.size() as f64, self.dtype)?)
    }

    fn result(&self) -> Result<Tensor> {
        let Some(made) = self.sum.made() else {
            return Err(Error::not_ready(
                format!("metric `{}`", self.name),
                "nothing was counted yet; call `update_state` first",
            ));
        };
        let [squared_sum, sum, residual, count] = self.sums(made.shape()[0]);
        let mean = ops::divide(sum, count)?;
        let total = ops::subtract(squared_sum, ops::multiply(sum, mean)?)?;
        let scores = ops::subtract(1.0, ops::divide(residual, &total)?)?;
        let infinite = ops::equal(ops::abs(&scores)?, f64::INFINITY)?;
        let scores = ops::where_(infinite, ops::zeros_like(&scores)?, &scores)?;
        let score = match self.class_aggregation {
            None => scores,
            Some(ClassAggregation::UniformAverage) => ops::mean(&scores, None)?,
            Some(ClassAggregation::VarianceWeightedAverage) => {
                let weighted = ops::sum(ops::multiply(&total, &scores)?, None)?;
                ops::divide(weighted, ops::sum(&total, None)?)?
            }
        };
        self.adjusted(score)
    }

    fn variables(&self) -> Vec<Variable> {
        let sums = [&self.squared_sum, &self.sum, &self.residual, &self.count];
        let sums = sums.into_iter().filter_map(State::made);
        std::iter::once(self.samples())
            .chain(sums)
            .cloned()
            .collect()
    }
}
