//! Ops that change nothing are left out, and of two reshapes in a row the first.

use keras_tensor::Op;

use crate::graph::Graph;

pub(super) fn simplify(graph: &mut Graph) {
    // What each tensor is the same as.
    let mut same: Vec<usize> = (0..graph.values.len()).collect();
    // What a reshape was made of.
    let mut made_of: Vec<Option<usize>> = vec![None; graph.values.len()];
    let values = &graph.values;
    for node in &mut graph.nodes {
        node.inputs.iter_mut().for_each(|place| *place = same[*place]);
        let (&[from], &[to]) = (&node.inputs[..], &node.outputs[..]) else {
            continue;
        };
        if let Op::Reshape(_) = node.op {
            let from = made_of[from].unwrap_or(from);
            node.inputs[0] = from;
            made_of[to] = Some(from);
        }
        let from = node.inputs[0];
        let (before, after) = (&values[from], &values[to]);
        let nothing_moves = match &node.op {
            Op::Detach | Op::Reshape(_) | Op::Broadcast(_) | Op::Slice(_) | Op::Pad(_) => true,
            Op::Cast(_) => before.dtype == after.dtype,
            Op::Transpose(order) => order.iter().enumerate().all(|(i, &axis)| i == axis),
            _ => false,
        };
        if nothing_moves && before.shape == after.shape {
            same[to] = from;
        }
    }
    graph.outputs.iter_mut().for_each(|place| *place = same[*place]);
}
