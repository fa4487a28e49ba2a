//! What an optimizer keeps of the weights that it was built for.

use keras_tensor::{DType, Error, Result, Tensor, Variable, ops};

use crate::rule::rounded;
use crate::{Common, Slot, UpdateRule};

/// The weights and everything that is kept of them.
pub(crate) struct State {
    pub(crate) weights: Vec<Tracked>,
    /// The number that all weights share, where the rule has one.
    pub(crate) shared: Option<Variable>,
    /// All state variables in Keras's order.
    pub(crate) variables: Vec<Variable>,
    /// The gradients of one call; kept so that a call makes no new list.
    pub(crate) gradients: Vec<Option<Tensor>>,
}

/// A weight and what is kept of it.
pub(crate) struct Tracked {
    pub(crate) weight: Variable,
    pub(crate) slots: Vec<Variable>,
    average: Option<Variable>,
    accumulator: Option<Variable>,
}

impl State {
    pub(crate) fn new(rule: &dyn UpdateRule, weights: &[Variable], path: &str) -> Result<Self> {
        let common = rule.common();
        for weight in weights {
            if !weight.dtype().is_float() {
                return Err(Error::dtype(
                    format!("optimizer `{}`, weight `{}`", common.name, weight.path()),
                    weight.dtype(),
                    "a weight of a float dtype; make this one non-trainable",
                ));
            }
        }
        let mut tracked: Vec<Tracked> = weights
            .iter()
            .map(|weight| Tracked {
                weight: weight.clone(),
                slots: Vec::new(),
                average: None,
                accumulator: None,
            })
            .collect();
        let mut variables = Vec::new();
        let mut add = |weight: &Variable, slot: &Slot| {
            let v = slot_variable(path, weight, slot);
            variables.push(v.clone());
            v
        };
        if common.use_ema {
            for t in &mut tracked {
                t.average = Some(add(&t.weight, &Slot::zeros("average")));
            }
        }
        if common.gradient_accumulation_steps.is_some() {
            for t in &mut tracked {
                t.accumulator = Some(add(&t.weight, &Slot::zeros("gradient_accumulator")));
            }
        }
        let slots: Vec<_> = weights.iter().map(|w| rule.slots(w)).collect();
        let groups = slots.iter().map(Vec::len).max().unwrap_or(0);
        for group in 0..groups {
            for (t, slots) in tracked.iter_mut().zip(&slots) {
                for slot in slots.get(group).into_iter().flatten() {
                    t.slots.push(add(&t.weight, slot));
                }
            }
        }
        let shared = match rule.shared() {
            Some(first) => {
                let dtype = weights.first().map_or(DType::F32, Variable::dtype);
                let value = Tensor::from_f64(&[first], [0usize; 0], dtype)?;
                let v = own_variable(path, "variable", value);
                variables.push(v.clone());
                Some(v)
            }
            None => None,
        };
        Ok(State {
            weights: tracked,
            shared,
            variables,
            gradients: Vec::with_capacity(weights.len()),
        })
    }

    /// Where a weight is; weights mostly come in the order in which the optimizer was built.
    pub(crate) fn place(&self, weight: &Variable, guess: usize) -> Result<usize> {
        let found = match self.weights.get(guess) {
            Some(t) if t.weight.is(weight) => Some(guess),
            _ => self.weights.iter().position(|t| t.weight.is(weight)),
        };
        found.ok_or_else(|| {
            Error::data(
                format!("optimizer, weight `{}`", weight.path()),
                "the optimizer was built for other weights; make a new optimizer for these, or compile the model again",
            )
        })
    }

    /// Adds each gradient to what came before. In the last call of a round, gradients become the mean of the round and
    /// the next round begins.
    pub(crate) fn accumulate(
        &self,
        gradients: &mut [Option<Tensor>],
        last: bool,
        steps: u64,
    ) -> Result<()> {
        for (t, gradient) in self.weights.iter().zip(gradients) {
            let Some(accumulator) = &t.accumulator else {
                continue;
            };
            if let Some(g) = gradient {
                let sum = ops::add(&*g, accumulator)?;
                if last {
                    *g = ops::divide(sum, steps as f64)?;
                } else {
                    accumulator.assign(&sum)?;
                }
            }
            if last {
                accumulator.assign(&ops::zeros_like(accumulator)?)?;
            }
        }
        Ok(())
    }

    /// Moves the averages on, and puts them in the place of the weights where it is time.
    pub(crate) fn average(&self, common: &Common, iteration: u64) -> Result<()> {
        for t in &self.weights {
            let Some(average) = &t.average else { continue };
            // The first average is the weight itself.
            let kept = match iteration {
                0 => 0.0,
                _ => rounded(common.ema_momentum, t.weight.dtype()),
            };
            crate::update::blend(average, kept, &t.weight.value()?)?;
        }
        match common.ema_overwrite_frequency {
            Some(n) if (iteration + 1).is_multiple_of(n) => {
                self.weights.iter().try_for_each(Tracked::overwrite)
            }
            _ => Ok(()),
        }
    }
}

impl Tracked {
    /// Puts the average in the place of the weight, where one is kept.
    pub(crate) fn overwrite(&self) -> Result<()> {
        match &self.average {
            Some(average) => self.weight.assign(&average.value()?),
            None => Ok(()),
        }
    }
}

/// A variable of the optimizer itself.
pub(crate) fn own_variable(optimizer: &str, name: &str, value: Tensor) -> Variable {
    let v = Variable::new(value, name);
    v.set_trainable(false);
    v.set_path(format!("{optimizer}/{name}"));
    v
}

fn slot_variable(optimizer: &str, weight: &Variable, slot: &Slot) -> Variable {
    let name = match slot.name {
        "" => weight.name().to_string(),
        name => format!("{}_{name}", weight.path().replace('/', "_")),
    };
    let path = format!("{optimizer}/{name}");
    let (initial, dtype) = (slot.initial, slot.dtype.unwrap_or(weight.dtype()));
    let shape = slot.shape.as_ref().unwrap_or(weight.shape()).clone();
    let first = shape.clone();
    let v = Variable::lazy(shape, dtype, name, move || {
        ops::full(first.clone(), initial, dtype)
    });
    v.set_trainable(false);
    v.set_path(path);
    v
}
