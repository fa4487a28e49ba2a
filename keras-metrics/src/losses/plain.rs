//! Losses without arguments of their own.

use keras_tensor::{Result, Tensor};
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

use super::{Base, LossFunction, functions, hinge};

/// A loss function and its name.
pub trait PlainLoss: Send + Sync + 'static {
    /// Keras's name.
    const NAME: &'static str;
    /// The function, from labels and predictions to `[batch, ..]`.
    const FUNCTION: fn(&Tensor, &Tensor) -> Result<Tensor>;
}

/// A loss that is a function and a reduction.
#[derive(Serialize, Deserialize)]
#[serde(default, bound = "F: PlainLoss")]
pub struct Plain<F> {
    #[serde(flatten)]
    base: Base,
    #[serde(skip)]
    function: PhantomData<fn() -> F>,
}

impl<F: PlainLoss> Default for Plain<F> {
    fn default() -> Self {
        Plain {
            base: Base::new(F::NAME),
            function: PhantomData,
        }
    }
}

impl<F: PlainLoss> Plain<F> {
    /// With Keras's reduction, the mean over the batch.
    pub fn new() -> Self {
        Plain::default()
    }
}

impl<F: PlainLoss> LossFunction for Plain<F> {
    fn call(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        F::FUNCTION(y_true, y_pred)
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }
}

/// The functions as types.
pub(crate) mod kinds {
    use super::{PlainLoss, Result, Tensor, functions, hinge};

    macro_rules! kinds {
        ($($kind:ident $name:literal $function:path),* $(,)?) => {$(
            pub struct $kind;
            impl PlainLoss for $kind {
                const NAME: &'static str = $name;
                const FUNCTION: fn(&Tensor, &Tensor) -> Result<Tensor> = $function;
            }
        )*};
    }
    kinds! {
        CategoricalHinge "categorical_hinge" hinge::categorical_hinge,
        Hinge "hinge" hinge::hinge,
        KLDivergence "kl_divergence" functions::kl_divergence,
        LogCosh "log_cosh" functions::log_cosh,
        MeanAbsoluteError "mean_absolute_error" functions::mean_absolute_error,
        MeanAbsolutePercentageError "mean_absolute_percentage_error" functions::mean_absolute_percentage_error,
        MeanSquaredError "mean_squared_error" functions::mean_squared_error,
        MeanSquaredLogarithmicError "mean_squared_logarithmic_error" functions::mean_squared_logarithmic_error,
        Poisson "poisson" functions::poisson,
        SquaredHinge "squared_hinge" hinge::squared_hinge,
    }
}

/// [`categorical_hinge`](super::categorical_hinge), reduced.
pub type CategoricalHinge = Plain<kinds::CategoricalHinge>;
/// [`hinge`](super::hinge()), reduced.
pub type Hinge = Plain<kinds::Hinge>;
/// [`kl_divergence`](super::kl_divergence), reduced.
pub type KLDivergence = Plain<kinds::KLDivergence>;
/// [`log_cosh`](super::log_cosh), reduced.
pub type LogCosh = Plain<kinds::LogCosh>;
/// [`mean_absolute_error`](super::mean_absolute_error), reduced.
pub type MeanAbsoluteError = Plain<kinds::MeanAbsoluteError>;
/// [`mean_absolute_percentage_error`](super::mean_absolute_percentage_error), reduced.
pub type MeanAbsolutePercentageError = Plain<kinds::MeanAbsolutePercentageError>;
/// [`mean_squared_error`](super::mean_squared_error), reduced.
pub type MeanSquaredError = Plain<kinds::MeanSquaredError>;
/// [`mean_squared_logarithmic_error`](super::mean_squared_logarithmic_error), reduced.
pub type MeanSquaredLogarithmicError = Plain<kinds::MeanSquaredLogarithmicError>;
/// [`poisson`](super::poisson), reduced.
pub type Poisson = Plain<kinds::Poisson>;
/// [`squared_hinge`](super::squared_hinge), reduced.
pub type SquaredHinge = Plain<kinds::SquaredHinge>;
