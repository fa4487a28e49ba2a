//! Lists of tensors, in which loops of recurrent layers collect their outputs.

use keras_tensor::{Result, Tensor, ops};
use std::rc::Rc;

use super::graph::{Node, WHAT};
use super::run::Value;
use crate::Limits;
use crate::limits::format_error;

fn damaged(problem: &str) -> keras_tensor::Error {
    format_error(WHAT, problem)
}

pub(super) fn carry_out(node: &Node<'_>, inputs: &[Value], limits: &Limits) -> Result<Vec<Value>> {
    let value = |i: usize| inputs.get(i).ok_or_else(|| damaged("an input is missing"));
    let list = |i: usize| match value(i)? {
        Value::List(list) => Ok(list.clone()),
        _ => Err(damaged("something else where a list is wanted")),
    };
    let number = |i: usize| -> Result<usize> {
        let number = value(i)?.integers()?.first().copied().unwrap_or(-1);
        let number = usize::try_from(number).ok().filter(|&n| n <= limits.nodes);
        number.ok_or_else(|| damaged("a length or place that no list has"))
    };
    Ok(vec![match node.op {
        "TensorListFromTensor" => {
            let x = value(0)?.tensor()?;
            let count = x.shape().first().copied().unwrap_or(0);
            let rows = (0..count).map(|i| ops::squeeze(ops::slice_axis(x, 0, i, 1)?, 0).map(Some));
            Value::List(Rc::new(rows.collect::<Result<_>>()?))
        }
        "TensorListReserve" => Value::List(Rc::new(vec![None; number(1)?])),
        "TensorListLength" => Value::Tensor(Tensor::scalar(list(0)?.len() as i32)),
        "TensorListGetItem" => {
            let (list, place) = (list(0)?, number(1)?);
            let item = list.get(place).cloned().flatten();
            Value::Tensor(item.ok_or_else(|| damaged("a place of a list that is empty"))?)
        }
        "TensorListSetItem" => {
            let (mut list, place) = (list(0)?, number(1)?);
            // Others that hold the list keep it as it was.
            let slots = Rc::make_mut(&mut list);
            let slot = slots
                .get_mut(place)
                .ok_or_else(|| damaged("a place beyond the end"))?;
            *slot = Some(value(2)?.tensor()?.clone());
            Value::List(list)
        }
        "TensorListStack" => {
            let list = list(0)?;
            let items: Vec<&Tensor> = list.iter().flatten().collect();
            if items.len() != list.len() || items.is_empty() {
                return Err(damaged("a list with empty places"));
            }
            Value::Tensor(ops::stack(&items, 0)?)
        }
        _ => return Err(damaged("an op that is not supported")),
    }])
}
