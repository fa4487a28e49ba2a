//! The state of optimizers.

use keras_optimizers::Optimizer;
use keras_tensor::{Result, Variable};

use super::read::{Plan, read_variables};
use super::write::write_variables;
use crate::hdf5::{Group, Tree};

/// Puts the state into the group `optimizer`, if there is any.
pub(crate) fn write(optimizer: &Optimizer, into: &mut Tree) -> Result<()> {
    let name = optimizer.name()?.to_string();
    write_variables(&name, &optimizer.variables(), into.group("optimizer"))
}

/// Reads the state for these weights; a file without one leaves the optimizer as it is.
pub(crate) fn read(
    optimizer: &Optimizer,
    weights: &[Variable],
    from: &Group,
    plan: &mut Plan,
) -> Result<()> {
    let Some(group) = from.find_group("optimizer")? else {
        return Ok(());
    };
    let Some(vars) = group.find_group("vars")? else {
        return Ok(());
    };
    let stored = vars.datasets()?.len();
    if stored > 2 {
        optimizer.build(weights)?;
    }
    let mut variables = optimizer.variables();
    // Keras 2 kept the learning rate in the config alone.
    if stored + 1 == variables.len()
        && variables
            .get(1)
            .is_some_and(|v| v.name() == "learning_rate")
    {
        variables.remove(1);
    }
    let name = optimizer.name()?;
    let outcome = read_variables(name, &variables, Some(&group), group.path(), plan);
    if let Err(e) = outcome {
        // Keras, too, goes on without the state.
        plan.warnings
            .push(format!("the state of optimizer `{name}` is left out: {e}"));
    }
    Ok(())
}
