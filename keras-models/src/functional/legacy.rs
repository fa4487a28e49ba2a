//! Calls as Keras 1 and 2 wrote them: `[["dense", 0, 0, {}], ..]`.

use keras_layers::{Argument, Arguments, Symbolic};
use keras_tensor::Result;
use serde_json::Value;

/// A tensor, or none if it is not made yet.
type Find<'a> = &'a dyn Fn(&Value) -> Result<Option<&'a Symbolic>>;

/// The arguments of a call, if all its tensors are there.
pub(super) fn arguments(node: &[Value], find: Find) -> Result<Option<Arguments<Symbolic>>> {
    let single = node.first().is_some_and(Value::is_string);
    let owned;
    let tensors: &[Value] = if single {
        owned = [Value::from(node.to_vec())];
        &owned
    } else {
        node
    };
    let mut found = Vec::new();
    for history in tensors {
        match find(history)? {
            Some(x) => found.push(x.clone()),
            None => return Ok(None),
        }
    }
    let first = match found.len() {
        1 => Argument::One(found.swap_remove(0)),
        _ => Argument::List(found),
    };
    let mut all = Arguments::new(first);
    let named = tensors.first().and_then(|h| h[3].as_object());
    for (name, value) in named.into_iter().flatten() {
        let argument = match value {
            Value::Null => continue,
            Value::Array(history) if is_history(history) => match find(value)? {
                Some(x) => Argument::from(x),
                None => return Ok(None),
            },
            other => Argument::Value(other.clone()),
        };
        all = all.named(name.clone(), argument);
    }
    Ok(Some(all))
}

/// `["dense", 0, 0]`
fn is_history(list: &[Value]) -> bool {
    matches!(
        list,
        [Value::String(_), Value::Number(_), Value::Number(_), ..]
    )
}
