//! Writing weights as Keras 3 does.

use keras_layers::LayerRef;
use keras_tensor::{Result, Variable};

use super::walk::{Seen, children};
use crate::hdf5::Tree;

/// Puts the weights of a layer, and of the layers that it holds, into a group.
pub(crate) fn write(layer: &LayerRef, into: &mut Tree) -> Result<()> {
    write_new(layer, into, &mut Seen::default())
}

fn write_new(layer: &LayerRef, into: &mut Tree, seen: &mut Seen) -> Result<()> {
    write_variables(layer.name(), &layer.own_weights(), into)?;
    for (path, child) in children(layer) {
        if seen.is_first(&child) {
            write_new(&child, into.group(&path), seen)?;
        }
    }
    Ok(())
}

/// Puts variables into the group `vars`, under their numbers.
pub(crate) fn write_variables(name: &str, variables: &[Variable], into: &mut Tree) -> Result<()> {
    let vars = into.group("vars");
    vars.set_text("name", name);
    for (i, variable) in variables.iter().enumerate() {
        vars.set_tensor(&i.to_string(), variable.value()?);
    }
    Ok(())
}
