//! A convolution of each channel by itself becomes one op with the convolutions around it, which keeps what is between them in
//! caches.

use keras_tensor::op::{ConvChain, ConvFused, ConvPart, Fused};
use keras_tensor::{DType, Op};

use super::draft::Draft;
use crate::graph::Node;

pub(super) fn chains(draft: &mut Draft) {
    let (uses, makers) = (draft.uses(), draft.makers());
    for at in 0..draft.nodes.len() {
        if kind(draft, at) != Some(Kind::Depthwise) {
            continue;
        }
        let Some(node) = &draft.nodes[at] else {
            continue;
        };
        let (x, y) = (node.inputs[0], node.outputs[0]);
        let before = makers[x].filter(|&maker| {
            uses[x] == 1 && matches!(kind(draft, maker), Some(Kind::Pointwise | Kind::Dense))
        });
        let after = draft.nodes[at + 1..].iter().position(|node| {
            let reads = |node: &Node| node.inputs.first() == Some(&y);
            uses[y] == 1 && node.as_ref().is_some_and(reads)
        });
        let after = after
            .map(|i| at + 1 + i)
            .filter(|&i| kind(draft, i) == Some(Kind::Pointwise));
        let links: Vec<usize> = before.into_iter().chain([at]).chain(after).collect();
        if links.len() > 1 {
            chain(draft, &links);
        }
    }
}

/// What a convolution sums.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Each channel by itself.
    Depthwise,
    /// All channels of a place.
    Pointwise,
    /// All channels of a window.
    Dense,
}

fn kind(draft: &Draft, at: usize) -> Option<Kind> {
    let node = draft.nodes[at].as_ref()?;
    let groups = fused(&node.op)?.conv.groups;
    let [x, kernel] = [0, 1].map(|i| &draft.values[node.inputs[i]].shape);
    // Between convolutions, a chain would not round to the 16 bits that layers of such a dtype give.
    let is_exact = matches!(draft.values[node.inputs[0]].dtype, DType::F32 | DType::F64);
    match groups {
        _ if x.rank() != 4 || !is_exact => None,
        1 if kernel[..2] == [1, 1] => Some(Kind::Pointwise),
        1 => Some(Kind::Dense),
        _ => (groups == x[3]).then_some(Kind::Depthwise),
    }
}

/// A convolution with what follows it, which may be nothing.
fn fused(op: &Op) -> Option<ConvFused> {
    match op {
        Op::ConvFused(fused) => Some(fused.clone()),
        Op::Conv(conv) if conv.part == ConvPart::Output => Some(ConvFused {
            conv: conv.clone(),
            activation: Fused::Linear,
            has_scale: false,
            has_bias: false,
            has_residual: false,
        }),
        _ => None,
    }
}

/// Makes one op of some, each of which reads what the one before it makes.
fn chain(draft: &mut Draft, links: &[usize]) {
    let nodes: Vec<Node> = links
        .iter()
        .filter_map(|&i| draft.nodes[i].take())
        .collect();
    let (Some(first), Some(last), Some(&at)) = (nodes.first(), nodes.last(), links.last()) else {
        return;
    };
    let others = nodes.iter().flat_map(|node| &node.inputs[1..]);
    draft.nodes[at] = Some(Node {
        op: Op::ConvChain(ConvChain {
            links: nodes.iter().filter_map(|node| fused(&node.op)).collect(),
        }),
        inputs: first.inputs[..1].iter().chain(others).copied().collect(),
        outputs: last.outputs.clone(),
    });
}
