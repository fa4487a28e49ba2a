//! Convolutions around one of each channel by itself become one op, which keeps what is between them in caches.

use keras_tensor::Op;
use keras_tensor::op::{ConvChain, ConvFused};

use super::draft::Draft;
use crate::graph::Node;

pub(super) fn chains(draft: &mut Draft) {
    let (uses, makers) = (draft.uses(), draft.makers());
    for at in 0..draft.nodes.len() {
        let Some(middle) = link(draft, at).filter(|&kind| kind == Kind::Apart) else {
            continue;
        };
        let _ = middle;
        // The only maker of its input, if nobody else reads it.
        let before = draft.nodes[at].as_ref().and_then(|node| {
            let x = node.inputs[0];
            makers[x].filter(|&maker| uses[x] == 1 && link(draft, maker).is_some_and(|k| k != Kind::Other))
        });
        let y = draft.nodes[at].as_ref().map(|node| node.outputs[0]).unwrap_or(0);
        let after = (at + 1..draft.nodes.len()).find(|&i| {
            draft.nodes[i].as_ref().is_some_and(|node| node.inputs.contains(&y))
        });
        let after = after.filter(|&i| {
            let node = draft.nodes[i].as_ref();
            uses[y] == 1 && node.is_some_and(|n| n.inputs[0] == y) && link(draft, i) == Some(Kind::Plain)
        });
        let all: Vec<usize> = before.into_iter().chain([at]).chain(after).collect();
        if all.len() < 2 || !pays(draft, &all) {
            continue;
        }
        let mut links: Vec<ConvFused> = Vec::new();
        let mut inputs: Vec<usize> = Vec::new();
        for &i in &all {
            if let Some(Node { op: Op::ConvFused(fused), inputs: given, .. }) = &draft.nodes[i] {
                links.push(fused.clone());
                inputs.extend(&given[usize::from(links.len() > 1)..]);
            }
        }
        let last = *all.last().unwrap();
        let outputs = draft.nodes[last].as_ref().unwrap().outputs.clone();
        for &i in &all { draft.nodes[i] = None; }
        draft.nodes[last] = Some(Node { op: Op::ConvChain(ConvChain { links: links.into() }), inputs: inputs.into_iter().collect(), outputs });
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind { Apart, Plain, Other, Open }

fn link(draft: &Draft, at: usize) -> Option<Kind> {
    let node = draft.nodes[at].as_ref()?;
    let Op::ConvFused(fused) = &node.op else { return None };
    let x = &draft.values[node.inputs[0]].shape;
    let kernel = &draft.values[node.inputs[1]].shape;
    if x.rank() != 4 { return None; }
    let channels = x[3];
    if fused.conv.groups == channels && channels > 1 { return Some(Kind::Apart); }
    if fused.conv.groups != 1 { return Some(Kind::Other); }
    let plain = kernel[..2] == [1, 1] && fused.conv.strides[..] == [1, 1];
    if plain { return Some(Kind::Plain); }
    if kernel[..2] == [3, 3] && fused.conv.strides[..] == [1, 1] { return Some(Kind::Other); }
    Some(Kind::Open)
}

fn pays(draft: &Draft, all: &[usize]) -> bool {
    let last = draft.nodes[*all.last().unwrap()].as_ref().unwrap();
    let y = &draft.values[last.outputs[0]].shape;
    let least: usize = std::env::var("LEAST").map(|v| v.parse().unwrap()).unwrap_or(14);
    y[1] * if y[0] > 1 { std::env::var("MORE").map(|v| v.parse().unwrap()).unwrap_or(1) } else { 1 } >= least
}
