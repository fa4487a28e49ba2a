use keras_tensor::{Error, Result};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;

use crate::{LearningRate, UpdateRule};

/// The arguments that every optimizer has; set them with [`OptimizerExt`].
///
/// A rule holds them in a field with `#[serde(flatten, deserialize_with = "Common::read::<Rule, _>")]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Common {
    /// The name that was given; an automatic one otherwise.
    pub(crate) name: Option<String>,
    /// What an automatic name begins with.
    #[serde(skip)]
    pub(crate) base: Cow<'static, str>,
    pub(crate) learning_rate: LearningRate,
    pub(crate) weight_decay: Option<f64>,
    pub(crate) clipnorm: Option<f64>,
    pub(crate) global_clipnorm: Option<f64>,
    pub(crate) clipvalue: Option<f64>,
    pub(crate) use_ema: bool,
    pub(crate) ema_momentum: f64,
    pub(crate) ema_overwrite_frequency: Option<u64>,
    pub(crate) loss_scale_factor: Option<f64>,
    pub(crate) gradient_accumulation_steps: Option<u64>,
}

impl Common {
    /// What a rule's automatic names begin with (the class name in snake case) and its learning rate; everything else is
    /// off.
    pub fn new(name: &'static str, learning_rate: f64) -> Self {
        Common {
            name: None,
            base: name.into(),
            learning_rate: learning_rate.into(),
            weight_decay: None,
            clipnorm: None,
            global_clipnorm: None,
            clipvalue: None,
            use_ema: false,
            ema_momentum: 0.99,
            ema_overwrite_frequency: None,
            loss_scale_factor: None,
            gradient_accumulation_steps: None,
        }
    }

    /// Reads the arguments from a config; those that it lacks are the defaults of the rule `R`.
    ///
    /// # Errors
    /// A value of another type.
    pub fn read<'de, R, D>(d: D) -> Result<Self, D::Error>
    where
        R: UpdateRule + Default,
        D: Deserializer<'de>,
    {
        let defaults = R::default();
        let mut read: Common = read_over(defaults.common(), d)?;
        read.base = defaults.common().base.clone();
        Ok(read)
    }

    pub(crate) fn check(&self) -> Result<()> {
        let clips = [
            ("clipnorm", self.clipnorm),
            ("clipvalue", self.clipvalue),
            ("global_clipnorm", self.global_clipnorm),
        ];
        if clips.iter().filter(|(_, limit)| limit.is_some()).count() > 1 {
            let shown = clips.map(|(name, limit)| match limit {
                Some(limit) => format!("{name}={limit}"),
                None => format!("{name}=None"),
            });
            return Err(Error::argument(
                "clipnorm, clipvalue, global_clipnorm",
                shown.join(", "),
                "only one of the three; leave the others out",
            ));
        }
        if let Some(steps) = self.gradient_accumulation_steps
            && steps < 2
        {
            return Err(Error::argument(
                "gradient_accumulation_steps",
                steps,
                "at least 2; leave it out to update the weights at every call",
            ));
        }
        if self.use_ema && !(0.0..=1.0).contains(&self.ema_momentum) {
            return Err(Error::argument(
                "ema_momentum",
                self.ema_momentum,
                "a number from 0 to 1",
            ));
        }
        if self.use_ema && self.ema_overwrite_frequency == Some(0) {
            return Err(Error::argument(
                "ema_overwrite_frequency",
                0,
                "at least 1; leave it out to overwrite the weights only when training ends",
            ));
        }
        Ok(())
    }
}

/// Reads a part of a config; what the config lacks comes from `defaults`.
pub(crate) fn read_over<'de, T, D>(defaults: &T, d: D) -> Result<T, D::Error>
where
    T: Serialize + DeserializeOwned,
    D: Deserializer<'de>,
{
    let given = Map::<String, Value>::deserialize(d)?;
    let mut all = serde_json::to_value(defaults).map_err(D::Error::custom)?;
    for (name, value) in given {
        if let Some(slot) = all.get_mut(&name) {
            *slot = value;
        }
    }
    serde_json::from_value(all).map_err(D::Error::custom)
}

/// The builder setters that every optimizer has.
///
/// ```
/// use keras_optimizers::{AdamW, OptimizerExt, schedules::CosineDecay};
/// let optimizer = AdamW::new()
///     .learning_rate(CosineDecay::new(1e-3, 10_000).warmup(1e-2, 500))
///     .weight_decay(0.01)
///     .global_clipnorm(1.0);
/// ```
pub trait OptimizerExt: UpdateRule + Sized {
    /// The name, which the paths of the state variables begin with; default: the class name in snake case, counted:
    /// `adam`, `adam_1`.
    fn name(mut self, name: impl Into<String>) -> Self {
        self.common_mut().name = Some(name.into());
        self
    }

    /// The learning rate: a number or a schedule; default 0.001, for `SGD` 0.01.
    fn learning_rate(mut self, rate: impl Into<LearningRate>) -> Self {
        self.common_mut().learning_rate = rate.into();
        self
    }

    /// Decoupled weight decay: before each step `w -= w * weight_decay * learning_rate`; default none, for `AdamW` 0.004.
    fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.common_mut().weight_decay = Some(weight_decay);
        self
    }

    /// The largest L2 norm of each gradient; larger ones are scaled down to it. Default none.
    fn clipnorm(mut self, clipnorm: f64) -> Self {
        self.common_mut().clipnorm = Some(clipnorm);
        self
    }

    /// The largest L2 norm of all gradients taken together; larger ones are scaled down to it. Default none.
    fn global_clipnorm(mut self, global_clipnorm: f64) -> Self {
        self.common_mut().global_clipnorm = Some(global_clipnorm);
        self
    }

    /// The largest absolute value of an element of a gradient. Default none.
    fn clipvalue(mut self, clipvalue: f64) -> Self {
        self.common_mut().clipvalue = Some(clipvalue);
        self
    }

    /// Whether to keep an exponential moving average of the weights, which replaces them when training ends; default
    /// false.
    fn use_ema(mut self, use_ema: bool) -> Self {
        self.common_mut().use_ema = use_ema;
        self
    }

    /// The average becomes `ema_momentum * average + (1 - ema_momentum) * weight`; from 0 to 1, default 0.99.
    fn ema_momentum(mut self, ema_momentum: f64) -> Self {
        self.common_mut().ema_momentum = ema_momentum;
        self
    }

    /// The number of steps after which the average replaces the weights each time; default: only when training ends.
    fn ema_overwrite_frequency(mut self, steps: u64) -> Self {
        self.common_mut().ema_overwrite_frequency = Some(steps);
        self
    }

    /// What the loss is multiplied by and gradients are divided by, against underflow in float16; default none.
    fn loss_scale_factor(mut self, factor: f64) -> Self {
        self.common_mut().loss_scale_factor = Some(factor);
        self
    }

    /// The number of calls, at least 2, whose gradients are averaged for one step; default: every call is a step.
    fn gradient_accumulation_steps(mut self, steps: u64) -> Self {
        self.common_mut().gradient_accumulation_steps = Some(steps);
        self
    }
}

impl<R: UpdateRule> OptimizerExt for R {}
