//! Batch renormalization: what [`super::BatchNormalization`] adds with `renorm`.

use keras_tensor::{DType, Error, Result, Shape, Tensor, Variable, ops};
use serde::{Deserialize, Serialize};

use crate::initializers::{Initialize, Initializer};
use crate::{Declare, Weight, Weights};

/// Bounds of the corrections of batch renormalization; each is open by default.
///
/// ```
/// use keras_layers::layers::{BatchNormalization, RenormClipping};
/// let clipping = RenormClipping::new().rmin(0.3).rmax(3.0).dmax(5.0);
/// let layer = BatchNormalization::new().renorm(true).renorm_clipping(clipping);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RenormClipping {
    #[serde(skip_serializing_if = "Option::is_none")]
    rmin: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rmax: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dmax: Option<f64>,
}

impl RenormClipping {
    /// Open bounds.
    pub fn new() -> Self {
        Self::default()
    }

    /// The least factor `r`.
    pub fn rmin(mut self, rmin: f64) -> Self {
        self.rmin = Some(rmin);
        self
    }

    /// The largest factor `r`.
    pub fn rmax(mut self, rmax: f64) -> Self {
        self.rmax = Some(rmax);
        self
    }

    /// The largest distance of the shift `d` from 0.
    pub fn dmax(mut self, dmax: f64) -> Self {
        self.dmax = Some(dmax);
        self
    }

    fn check(&self) -> Result<()> {
        if let (Some(rmin), Some(rmax)) = (self.rmin, self.rmax)
            && rmax < rmin
        {
            let got = format!("rmax {rmax} and rmin {rmin}");
            return Err(Error::argument(
                "renorm_clipping",
                got,
                "rmax not below rmin",
            ));
        }
        if let Some(dmax) = self.dmax
            && dmax < 0.0
        {
            let got = format!("dmax {dmax}");
            return Err(Error::argument("renorm_clipping", got, "dmax of 0 or more"));
        }
        Ok(())
    }

    /// The factors and the shifts within the bounds.
    fn clip(&self, mut r: Tensor, mut d: Tensor) -> Result<(Tensor, Tensor)> {
        if let Some(rmin) = self.rmin {
            r = ops::maximum(&r, rmin)?;
        }
        if let Some(rmax) = self.rmax {
            r = ops::minimum(&r, rmax)?;
        }
        if let Some(dmax) = self.dmax {
            d = ops::minimum(ops::maximum(&d, -dmax)?, dmax)?;
        }
        Ok((r, d))
    }
}

/// The moving averages that only renormalization keeps. All are `[features]`.
#[derive(Debug, Clone, Default)]
pub(super) struct Renorm {
    /// Of which the moving variance is the square.
    moving_stddev: Weight,
    /// Those that training compares a batch with.
    mean: Weight,
    stddev: Weight,
}

/// The square root of what another initializer gives.
struct Root(Initializer);

impl Initialize for Root {
    fn initialize(&self, shape: &Shape, dtype: DType) -> Result<Tensor> {
        ops::sqrt(self.0.resolve()?.initialize(shape, dtype)?)
    }
}

impl Renorm {
    pub(super) fn declare(
        &self,
        features: usize,
        clipping: &RenormClipping,
        [mean, variance]: [&Initializer; 2],
        w: &mut Weights,
    ) -> Result<()> {
        clipping.check()?;
        let state = |i: Initializer| Declare::new(i).trainable(false).autocast(false);
        let root = || state(Root(variance.clone()).into());
        w.add(&self.moving_stddev, "moving_stddev", [features], root())?;
        w.add(&self.mean, "renorm_mean", [features], state(mean.clone()))?;
        w.add(&self.stddev, "renorm_stddev", [features], root())
    }

    /// `r = stddev / moving stddev` and `d = (mean - moving mean) / moving stddev`, as constants: what makes of a value
    /// that the batch's statistics normalize one that the moving ones do.
    pub(super) fn corrections(
        &self,
        clipping: &RenormClipping,
        epsilon: f64,
        mean: &Tensor,
        variance: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let mean = ops::stop_gradient(mean)?;
        let stddev = ops::sqrt(ops::add(ops::stop_gradient(variance)?, epsilon)?)?;
        let moving = ops::maximum(&self.stddev, epsilon.sqrt())?;
        let r = ops::divide(&stddev, &moving)?;
        let d = ops::divide(ops::subtract(&mean, &self.mean)?, &moving)?;
        clipping.clip(r, d)
    }

    /// Brings all moving averages up to date but the moving mean; the shares that stay are those of the averages for
    /// inference and of those for training.
    pub(super) fn keep(
        &self,
        moving_variance: &Weight,
        [momentum, renorm_momentum]: [f64; 2],
        epsilon: f64,
        mean: &Tensor,
        variance: &Tensor,
    ) -> Result<()> {
        let stddev = ops::sqrt(ops::add(ops::stop_gradient(variance)?, epsilon)?)?;
        keep(&self.mean, renorm_momentum, mean)?;
        keep(&self.stddev, renorm_momentum, &stddev)?;
        let moving = averaged(&self.moving_stddev, momentum, &stddev)?;
        assign(&self.moving_stddev, &moving)?;
        let square = ops::subtract(ops::square(&moving)?, epsilon)?;
        assign(moving_variance, &ops::relu(square)?)
    }
}

/// `momentum * moving + (1 - momentum) * batch`
fn averaged(moving: &Weight, momentum: f64, batch: &Tensor) -> Result<Tensor> {
    let batch = ops::stop_gradient(batch)?;
    let kept = ops::multiply(moving, momentum)?;
    ops::add(&kept, ops::multiply(&batch, 1.0 - momentum)?)
}

fn assign(moving: &Weight, next: &Tensor) -> Result<()> {
    let dtype = moving.variable().map_or(next.dtype(), Variable::dtype);
    moving.assign(&ops::cast(next, dtype)?)
}

/// Brings a moving average up to date.
pub(super) fn keep(moving: &Weight, momentum: f64, batch: &Tensor) -> Result<()> {
    assign(moving, &averaged(moving, momentum, batch)?)
}
