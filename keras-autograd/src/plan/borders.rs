//! A border of zeros before a convolution becomes its padding; one before a pooling, too, where nothing is below 0.

use keras_tensor::Op;
use keras_tensor::op::{ConvPart, Fused, Pad, PoolPart, Unary};

use super::draft::Draft;
use crate::graph::Node;

pub(super) fn borders(draft: &mut Draft) {
    let (uses, makers) = (draft.uses(), draft.makers());
    for at in 0..draft.nodes.len() {
        let Some(mut node) = draft.nodes[at].clone() else {
            continue;
        };
        let Some(&x) = node.inputs.first() else {
            continue;
        };
        let Some(maker) = makers[x].filter(|_| uses[x] == 1) else {
            continue;
        };
        let Some((pad, inner)) = draft.nodes[maker].as_ref().and_then(border) else {
            continue;
        };
        let is_positive = || {
            let maker = makers[inner].and_then(|i| draft.nodes[i].as_ref());
            maker.is_some_and(|node| is_never_negative(&node.op))
        };
        let widths = pad.before.iter().zip(pad.after.iter());
        let widths: Vec<(usize, usize)> = widths.map(|(&b, &a)| (b, a)).collect();
        let widths = &widths[1..widths.len() - 1];
        let padding = match &mut node.op {
            Op::Conv(conv) if conv.part == ConvPart::Output => &mut conv.padding,
            Op::ConvFused(fused) => &mut fused.conv.padding,
            Op::Pool(pool) if pool.part == PoolPart::Max && is_positive() => {
                // Each window still has a place inside.
                let mut axes = pool.padding.iter().zip(widths).zip(&pool.window);
                if axes.any(|((p, w), &n)| p.0 + w.0 >= n || p.1 + w.1 >= n) {
                    continue;
                }
                &mut pool.padding
            }
            _ => continue,
        };
        for (padding, width) in padding.iter_mut().zip(widths) {
            *padding = (padding.0 + width.0, padding.1 + width.1);
        }
        node.inputs[0] = inner;
        draft.nodes[maker] = None;
        draft.nodes[at] = Some(node);
    }
}

/// A border of zeros in space, and what it is around.
fn border(node: &Node) -> Option<(Pad, usize)> {
    let Op::Pad(pad) = &node.op else {
        return None;
    };
    let last = pad.before.rank().checked_sub(1)?;
    let ends = [
        pad.before[0],
        pad.after[0],
        pad.before[last],
        pad.after[last],
    ];
    let fits = last >= 2 && pad.value == 0.0 && ends == [0; 4];
    fits.then(|| (pad.clone(), node.inputs[0]))
}

fn is_never_negative(op: &Op) -> bool {
    let is_positive = |f: Fused| matches!(f, Fused::Relu | Fused::Relu6 | Fused::Sigmoid);
    match op {
        Op::ConvFused(fused) => is_positive(fused.activation),
        Op::Dense(activation) => is_positive(*activation),
        Op::Unary(Unary::Relu | Unary::Sigmoid) => true,
        Op::Clip(clip) => clip.min >= 0.0,
        _ => false,
    }
}
