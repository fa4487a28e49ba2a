use keras_tensor::{DType, Distribution, Error, Result, Shape, Tensor};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::marker::PhantomData;

use super::{InitialSeed, Initialize, Initializer};

/// The standard deviation of the bell curve that is cut at 2.
const TRUNCATED: f64 = 0.879_625_661_034_239_8;

/// Which axes of a weight count as inputs and outputs, where they are not the last two.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct FanAxes {
    input_axes: Option<Vec<usize>>,
    output_axes: Option<Vec<usize>>,
}

/// Random values of variance `scale / n`, where `n` counts a unit's inputs (`fan_in`), outputs (`fan_out`) or half of
/// both (`fan_avg`).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct VarianceScaling {
    scale: f64,
    mode: String,
    distribution: String,
    seed: InitialSeed,
    #[serde(flatten)]
    axes: FanAxes,
}

impl Default for VarianceScaling {
    fn default() -> Self {
        VarianceScaling {
            scale: 1.0,
            mode: "fan_in".into(),
            distribution: "truncated_normal".into(),
            seed: None.into(),
            axes: FanAxes::default(),
        }
    }
}

impl VarianceScaling {
    /// `scale`, `mode` (`"fan_in"`, `"fan_out"`, `"fan_avg"`) and `distribution` (`"truncated_normal"`,
    /// `"untruncated_normal"`, `"uniform"`).
    pub fn new(scale: f64, mode: &str, distribution: &str) -> Self {
        VarianceScaling {
            scale,
            mode: mode.into(),
            distribution: distribution.into(),
            seed: None.into(),
            axes: FanAxes::default(),
        }
    }

    /// Fixes the values.
    pub fn seed(mut self, seed: u32) -> Self {
        self.seed = Some(seed).into();
        self
    }

    /// Counts the sizes of these axes of the weight as inputs and outputs; by default the last two, times the size of
    /// the window that the axes before them make.
    pub fn axes(mut self, inputs: &[usize], outputs: &[usize]) -> Self {
        self.axes = FanAxes {
            input_axes: Some(inputs.to_vec()),
            output_axes: Some(outputs.to_vec()),
        };
        self
    }
}

impl Initialize for VarianceScaling {
    fn initialize(&self, shape: &Shape, dtype: DType) -> Result<Tensor> {
        scaled(
            self.scale,
            &self.mode,
            &self.distribution,
            &self.seed,
            self.axes.fans(shape)?,
            shape,
            dtype,
        )
    }

    fn fix_seed(&self) {
        self.seed.get();
    }

    fn with_fans(&self, inputs: &[usize], outputs: &[usize]) -> Option<Initializer> {
        (!self.axes.are_told()).then(|| {
            let mut other = self.clone().axes(inputs, outputs);
            other.seed = Some(self.seed.get()).into();
            other.into()
        })
    }
}

/// A named choice of scale, mode and distribution.
pub trait Scaling: Send + Sync + Debug + 'static {
    /// The variance is this over the number of inputs or outputs.
    const SCALE: f64;
    /// What is counted.
    const MODE: &'static str;
    /// What is drawn from.
    const DISTRIBUTION: &'static str;
}

/// [`VarianceScaling`] with a named choice.
#[derive(Serialize, Deserialize)]
#[serde(default, bound = "")]
pub struct Scaled<S> {
    seed: InitialSeed,
    #[serde(flatten)]
    axes: FanAxes,
    #[serde(skip)]
    choice: PhantomData<fn() -> S>,
}

impl<S> Default for Scaled<S> {
    fn default() -> Self {
        Scaled {
            seed: None.into(),
            axes: FanAxes::default(),
            choice: PhantomData,
        }
    }
}

impl<S> Scaled<S> {
    /// With a seed of its own.
    pub fn new() -> Self {
        Scaled::default()
    }

    /// Fixes the values.
    pub fn seed(mut self, seed: u32) -> Self {
        self.seed = Some(seed).into();
        self
    }

    /// Counts the sizes of these axes of the weight as inputs and outputs; by default the last two, times the size of
    /// the window that the axes before them make.
    pub fn axes(mut self, inputs: &[usize], outputs: &[usize]) -> Self {
        self.axes = FanAxes {
            input_axes: Some(inputs.to_vec()),
            output_axes: Some(outputs.to_vec()),
        };
        self
    }
}

impl<S: Scaling> Initialize for Scaled<S> {
    fn initialize(&self, shape: &Shape, dtype: DType) -> Result<Tensor> {
        let fans = self.axes.fans(shape)?;
        scaled(
            S::SCALE,
            S::MODE,
            S::DISTRIBUTION,
            &self.seed,
            fans,
            shape,
            dtype,
        )
    }

    fn fix_seed(&self) {
        self.seed.get();
    }

    fn with_fans(&self, inputs: &[usize], outputs: &[usize]) -> Option<Initializer> {
        (!self.axes.are_told()).then(|| {
            let other = Scaled::<S>::new().seed(self.seed.get());
            other.axes(inputs, outputs).into()
        })
    }
}

/// The choices that have names.
mod choices {
    use super::Scaling;

    #[derive(Debug)]
    pub struct Glorot;
    #[derive(Debug)]
    pub struct He;
    #[derive(Debug)]
    pub struct Lecun;

    /// What a choice is called after.
    pub trait Author {
        const SCALE: f64;
        const MODE: &'static str;
    }
    impl Author for Glorot {
        const SCALE: f64 = 1.0;
        const MODE: &'static str = "fan_avg";
    }
    impl Author for He {
        const SCALE: f64 = 2.0;
        const MODE: &'static str = "fan_in";
    }
    impl Author for Lecun {
        const SCALE: f64 = 1.0;
        const MODE: &'static str = "fan_in";
    }

    #[derive(Debug)]
    pub struct Normal<A>(A);
    #[derive(Debug)]
    pub struct Uniform<A>(A);

    impl<A: Author + Send + Sync + std::fmt::Debug + 'static> Scaling for Normal<A> {
        const SCALE: f64 = A::SCALE;
        const MODE: &'static str = A::MODE;
        const DISTRIBUTION: &'static str = "truncated_normal";
    }
    impl<A: Author + Send + Sync + std::fmt::Debug + 'static> Scaling for Uniform<A> {
        const SCALE: f64 = A::SCALE;
        const MODE: &'static str = A::MODE;
        const DISTRIBUTION: &'static str = "uniform";
    }
}

/// Truncated normal, variance `2 / (inputs + outputs)` (Glorot and Bengio, 2010).
pub type GlorotNormal = Scaled<choices::Normal<choices::Glorot>>;
/// Uniform, variance `2 / (inputs + outputs)` (Glorot and Bengio, 2010).
pub type GlorotUniform = Scaled<choices::Uniform<choices::Glorot>>;
/// Truncated normal, variance `2 / inputs` (He et al., 2015).
pub type HeNormal = Scaled<choices::Normal<choices::He>>;
/// Uniform, variance `2 / inputs` (He et al., 2015).
pub type HeUniform = Scaled<choices::Uniform<choices::He>>;
/// Truncated normal, variance `1 / inputs` (LeCun et al., 1998).
pub type LecunNormal = Scaled<choices::Normal<choices::Lecun>>;
/// Uniform, variance `1 / inputs` (LeCun et al., 1998).
pub type LecunUniform = Scaled<choices::Uniform<choices::Lecun>>;

fn scaled(
    scale: f64,
    mode: &str,
    distribution: &str,
    seed: &InitialSeed,
    (inputs, outputs): (f64, f64),
    shape: &Shape,
    dtype: DType,
) -> Result<Tensor> {
    if scale <= 0.0 {
        return Err(Error::argument(
            "VarianceScaling.scale",
            scale,
            "a number above 0",
        ));
    }
    let count = match mode {
        "fan_in" => inputs,
        "fan_out" => outputs,
        "fan_avg" => (inputs + outputs) / 2.0,
        other => {
            return Err(Error::argument(
                "VarianceScaling.mode",
                format!("{other:?}"),
                "\"fan_in\", \"fan_out\" or \"fan_avg\"",
            ));
        }
    };
    let variance = scale / count.max(1.0);
    let mean = 0.0;
    let distribution = match distribution {
        "truncated_normal" | "normal" => Distribution::TruncatedNormal {
            mean,
            stddev: variance.sqrt() / TRUNCATED,
        },
        "untruncated_normal" => Distribution::Normal {
            mean,
            stddev: variance.sqrt(),
        },
        "uniform" => {
            let limit = (3.0 * variance).sqrt();
            Distribution::Uniform {
                low: -limit,
                high: limit,
            }
        }
        other => {
            return Err(Error::argument(
                "VarianceScaling.distribution",
                format!("{other:?}"),
                "\"truncated_normal\", \"untruncated_normal\" or \"uniform\"",
            ));
        }
    };
    seed.draw(distribution, shape, dtype)
}

impl FanAxes {
    fn are_told(&self) -> bool {
        self.input_axes.is_some() && self.output_axes.is_some()
    }

    /// How many inputs and outputs a unit has.
    fn fans(&self, shape: &[usize]) -> Result<(f64, f64)> {
        let (Some(inputs), Some(outputs)) = (&self.input_axes, &self.output_axes) else {
            return Ok(fans(shape));
        };
        let count = |axes: &[usize]| {
            axes.iter().try_fold(1.0, |product, &axis| {
                let size = shape.get(axis).ok_or_else(|| {
                    let wanted = format!("axes of a weight of shape {shape:?}");
                    Error::argument("VarianceScaling.input_axes or output_axes", axis, wanted)
                })?;
                Ok(product * *size as f64)
            })
        };
        Ok((count(inputs)?, count(outputs)?))
    }
}

/// How many inputs and outputs a unit has: the last two axes, times the size of the window that the axes before make.
fn fans(shape: &[usize]) -> (f64, f64) {
    match shape {
        [] => (1.0, 1.0),
        [n] => (*n as f64, *n as f64),
        [window @ .., inputs, outputs] => {
            let window: usize = window.iter().product();
            ((inputs * window) as f64, (outputs * window) as f64)
        }
    }
}
