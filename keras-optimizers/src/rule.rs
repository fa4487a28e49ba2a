use keras_tensor::{DType, Result, Shape, Tensor, Variable};
use std::any::Any;

use crate::Common;

/// What makes one optimizer different from the others.
///
/// ```
/// use keras_optimizers::{Common, Optimizer, OptimizerExt, Slot, Step, UpdateRule, update};
/// use keras_tensor::{Result, Tensor, Variable, ops};
///
/// /// `w -= learning_rate * sign(g)`
/// struct SignDescent(Common);
///
/// impl UpdateRule for SignDescent {
///     fn common(&self) -> &Common {
///         &self.0
///     }
///     fn common_mut(&mut self) -> &mut Common {
///         &mut self.0
///     }
///     fn slots(&self, _: &Variable) -> Vec<Vec<Slot>> {
///         Vec::new()
///     }
///     fn step(&self, step: &Step, weight: &Variable, gradient: Tensor, _: &[Variable]) -> Result<()> {
///         update::subtract(weight, ops::sign(&gradient)?, step.learning_rate)
///     }
/// }
///
/// let w = Variable::new(Tensor::scalar(1.0f32), "w");
/// let optimizer = Optimizer::from(SignDescent(Common::new("sign_descent", 0.01)).learning_rate(0.5));
/// optimizer.apply_gradients(&[Some(Tensor::scalar(3.0f32))], &[w.clone()])?;
/// assert_eq!(w.value()?.item()?, 0.5);
/// # Ok::<(), keras_tensor::Error>(())
/// ```
pub trait UpdateRule: Any + Send + Sync {
    /// The arguments that every optimizer has.
    fn common(&self) -> &Common;

    /// The same, to be set.
    fn common_mut(&mut self) -> &mut Common;

    /// The state variables of a weight, in groups.
    ///
    /// In [`Optimizer::variables`](crate::Optimizer::variables) the groups come one after the other; within a group, the
    /// weights do, each with all its slots. `[[m, v], [h]]` makes `m1 v1 m2 v2 h1 h2`.
    fn slots(&self, weight: &Variable) -> Vec<Vec<Slot>>;

    /// Updates one weight and its state.
    ///
    /// `gradient` has the shape and dtype of `weight`, and is already clipped. `state` has one variable a slot, in the
    /// order of [`UpdateRule::slots`].
    ///
    /// # Errors
    /// No memory, or an operation that failed.
    fn step(
        &self,
        step: &Step,
        weight: &Variable,
        gradient: Tensor,
        state: &[Variable],
    ) -> Result<()>;

    /// How much a weight shrinks before each step, as a share of the learning rate.
    fn weight_decay(&self, _weight: &Variable) -> Option<f64> {
        self.common().weight_decay
    }

    /// Checks the rule's own arguments, before it is first used.
    ///
    /// # Errors
    /// An argument out of its range.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// The first value of a number that all weights share and that is part of the state, if there is one.
    fn shared(&self) -> Option<f64> {
        None
    }

    /// What the shared number becomes at the beginning of a step.
    fn next_shared(&self, shared: f64, _step: &Step) -> f64 {
        shared
    }
}

/// One state variable that a rule keeps of a weight, in the weight's shape and dtype.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The end of its name: `momentum` in `dense_kernel_momentum`; if it is empty, the slot is named as the weight is.
    pub name: &'static str,
    /// The value of all its elements at first.
    pub initial: f64,
    /// Its shape, if it is not that of the weight.
    pub shape: Option<Shape>,
    /// Its dtype, if it is not that of the weight.
    pub dtype: Option<DType>,
}

impl Slot {
    /// A slot that is 0 at first.
    pub fn zeros(name: &'static str) -> Self {
        Slot::filled(name, 0.0)
    }

    /// A slot that is `initial` at first.
    pub fn filled(name: &'static str, initial: f64) -> Self {
        Slot {
            name,
            initial,
            shape: None,
            dtype: None,
        }
    }

    /// The slot in another shape than the weight's.
    pub fn of_shape(mut self, shape: Shape) -> Self {
        self.shape = Some(shape);
        self
    }

    /// A number that stands where other weights have a slot, as Keras keeps it: an int32.
    pub fn placeholder(name: &'static str) -> Self {
        Slot {
            dtype: Some(DType::I32),
            ..Slot::zeros(name).of_shape(Shape::scalar())
        }
    }
}

/// What is the same for all weights in one step.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The learning rate.
    pub learning_rate: f64,
    /// Which step this is, counted from 1.
    pub number: u64,
    /// The number that all weights share, or 0 where the rule has none.
    pub shared: f64,
}

impl Step {
    /// `base ^ number`, rounded where Keras rounds, which computes it in the dtype of the weight.
    ///
    /// For `base` near 1 the rounding is most of what is left of `1 - base ^ number`.
    pub fn power(&self, base: f64, dtype: DType) -> f64 {
        rounded(rounded(base, dtype).powf(self.number as f64), dtype)
    }
}

/// A number as a variable of this dtype holds it; half precision is computed in float32.
pub(crate) fn rounded(value: f64, dtype: DType) -> f64 {
    match dtype {
        DType::F64 => value,
        _ => value as f32 as f64,
    }
}
