//! The state of optimizers.

use keras_optimizers::Optimizer;
use keras_tensor::{Result, Tensor, Variable};

use super::read::{Plan, Stored, numbered};
use super::write::write_variables;
use crate::hdf5::{Group, Tree};
use crate::limits::format_error;

/// Puts the state into the group `optimizer`.
pub(crate) fn write(optimizer: &Optimizer, into: &mut Tree) -> Result<()> {
    let name = optimizer.name()?.to_string();
    write_variables(&name, &optimizer.variables(), into.group("optimizer"))
}

/// Reads the state for these weights; a file without one leaves the optimizer as it is.
pub(crate) fn read(
    optimizer: &Optimizer,
    weights: &[Variable],
    from: &[Group],
    plan: &mut Plan,
) -> Result<()> {
    let found = from.iter().map(|group| group.find_group("optimizer"));
    let groups: Vec<Group> = found.filter_map(Result::transpose).collect::<Result<_>>()?;
    if groups.is_empty() {
        return Ok(());
    }
    take(optimizer, weights, &numbered(&groups)?, plan)
}

/// Remembers the state. One that does not fit is left out with a warning, as Keras does.
pub(crate) fn take(
    optimizer: &Optimizer,
    weights: &[Variable],
    stored: &[impl Stored],
    plan: &mut Plan,
) -> Result<()> {
    let mut slots = false;
    for dataset in stored {
        slots |= !dataset.shape()?.is_empty();
    }
    if slots {
        optimizer.build(weights)?;
    }
    let mut state = Plan::default();
    match fill(optimizer, stored, &mut state) {
        Ok(()) => plan.add(state),
        Err(e) => {
            let name = optimizer.name()?;
            let warning = format!("the state of optimizer `{name}` is left out: {e}");
            plan.warnings.push(warning);
        }
    }
    Ok(())
}

fn fill(optimizer: &Optimizer, stored: &[impl Stored], state: &mut Plan) -> Result<()> {
    let mut variables = optimizer.variables();
    let mut stored = stored;
    if stored.len() != variables.len() && !stored.is_empty() {
        // Keras 2 kept the learning rate in the config alone, and Nadam's product of momenta nowhere. Its SGD had
        // momenta even where it did not use them.
        variables.retain(|v| v.name() != "learning_rate" && v.name() != "variable");
        if variables.len() == 1 {
            stored = &stored[..1];
        }
    }
    if stored.len() != variables.len() {
        let problem = format!(
            "{} variables where the optimizer has {}",
            stored.len(),
            variables.len()
        );
        return Err(format_error("the stored state", problem));
    }
    let mut both = variables.iter().zip(stored);
    both.try_for_each(|(variable, dataset)| state.take(variable, dataset))?;
    match optimizer
        .variables()
        .iter()
        .find(|v| v.name() == "variable")
    {
        Some(product) if !variables.iter().any(|v| v.is(product)) => {
            state.put(product, product_of_momenta(optimizer, stored)?)
        }
        _ => Ok(()),
    }
}

/// Nadam's product of the momenta of all steps so far: `u_t = beta_1 (1 - 0.5 * 0.96^t)`.
fn product_of_momenta(optimizer: &Optimizer, stored: &[impl Stored]) -> Result<Tensor> {
    let beta_1 = optimizer.config()?["beta_1"].as_f64().unwrap_or(0.9);
    let steps = match stored.first() {
        Some(iteration) => iteration.read()?.item()? as i64,
        None => 0,
    };
    let mut product = 1.0;
    for t in 1..=steps {
        product *= beta_1 * (1.0 - 0.5 * 0.96f64.powi(t.min(10_000) as i32));
        // From here on it stays 0.
        if product < f64::from(f32::MIN_POSITIVE) {
            break;
        }
    }
    Ok(Tensor::scalar(product as f32))
}

/// Slots as Keras before 2.11 called them at the end of a weight's name (`Adam/dense/kernel/m:0`), and as they are called
/// at the end of ours.
const OLD_SLOTS: &[(&str, &str)] = &[
    ("m", "momentum"),
    ("v", "velocity"),
    ("v", "norm"),
    ("vhat", "velocity_hat"),
    ("momentum", "momentum"),
    ("rms", "velocity"),
    ("mg", "average_gradient"),
    ("accumulator", "accumulator"),
    ("linear", "linear"),
    ("accum_grad", "accumulated_grad"),
    ("accum_var", "accumulated_delta_var"),
];

/// What a file of Keras before 2.11 holds, in today's order: it had one kind of slot of all weights, then the next kind.
/// Others are left as they are.
pub(crate) fn in_order_of_today<S: Stored>(
    optimizer: &Optimizer,
    weights: &[Variable],
    stored: Vec<(String, S)>,
) -> Result<Vec<S>> {
    fn slot(name: &str) -> &str {
        let name = name.split(':').next().unwrap_or_default();
        name.rsplit('/').next().unwrap_or_default()
    }
    let is_slot = |name: &str| OLD_SLOTS.iter().any(|(old, _)| *old == slot(name));
    if stored.len() < 2 || !stored[1..].iter().all(|(name, _)| is_slot(name)) {
        return Ok(stored.into_iter().map(|(_, dataset)| dataset).collect());
    }
    optimizer.build(weights)?;
    let mut left: Vec<Option<(String, S)>> = stored.into_iter().map(Some).collect();
    let mut sorted: Vec<S> = left[0].take().map(|(_, d)| d).into_iter().collect();
    for variable in optimizer.variables() {
        let fits = |entry: &Option<(String, S)>| {
            entry.as_ref().is_some_and(|(name, _)| {
                let mut same = OLD_SLOTS.iter().filter(|(old, _)| *old == slot(name));
                same.any(|(_, new)| variable.name().ends_with(&format!("_{new}")))
            })
        };
        let found = left
            .iter_mut()
            .find(|entry| fits(entry))
            .and_then(Option::take);
        sorted.extend(found.map(|(_, dataset)| dataset));
    }
    // What fits nothing makes the count wrong, and is told.
    sorted.extend(left.into_iter().flatten().map(|(_, dataset)| dataset));
    Ok(sorted)
}
