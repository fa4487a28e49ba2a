//! Writing weights as Keras 3 does.

use keras_layers::LayerRef;
use keras_tensor::{Result, Tensor, Variable};

use super::walk::{Seen, children, stored};
use crate::hdf5::Tree;

/// Puts the weights of a layer, and of the layers that it holds, into a group.
pub(crate) fn write(layer: &LayerRef, into: &mut Tree) -> Result<()> {
    write_new(layer, into, &mut Seen::default())
}

fn write_new(layer: &LayerRef, into: &mut Tree, seen: &mut Seen) -> Result<()> {
    write_own(layer, into)?;
    for (path, child) in children(layer) {
        if seen.is_first(&child) {
            write_new(&child, into.group(&path), seen)?;
        }
    }
    Ok(())
}

/// The weights of the layer itself; a kernel with what [`LayerRef::enable_lora`] added to it.
fn write_own(layer: &LayerRef, into: &mut Tree) -> Result<()> {
    let own = stored(layer);
    let values = own.iter().map(|v| match layer.adapter() {
        Some(adapter) if adapter.kernel().is(v) => adapter.merged(),
        _ => v.value(),
    });
    write_values(layer.name(), values, into)
}

/// Puts variables into the group `vars`, under their numbers.
pub(crate) fn write_variables(name: &str, variables: &[Variable], into: &mut Tree) -> Result<()> {
    write_values(name, variables.iter().map(Variable::value), into)
}

fn write_values(
    name: &str,
    values: impl Iterator<Item = Result<Tensor>>,
    into: &mut Tree,
) -> Result<()> {
    let vars = into.group("vars");
    vars.set_text("name", name);
    for (i, value) in values.enumerate() {
        vars.set_tensor(&i.to_string(), value?);
    }
    Ok(())
}
