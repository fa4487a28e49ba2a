//! Ops that are carried out for a few samples at a time: those at the beginning, where tensors of whole batches fit no cache.

use keras_tensor::Op;
use keras_tensor::op::{ConvPart, PoolPart};

use super::draft::Draft;
use crate::graph::Node;

/// Bytes from which a tensor does not stay in caches until the next op reads it.
const LARGE: usize = 8 << 20;

/// The ops at the beginning of a plan that are done for a few samples at a time.
#[derive(Clone, Debug)]
pub(super) struct Samples {
    /// How many samples at a time, of how many.
    pub(super) group: usize,
    pub(super) batch: usize,
    /// How many ops; the others need what the last of them makes, and nothing else of theirs.
    pub(super) ops: usize,
}

/// Finds such ops: each works on samples apart, some tensor of a whole batch is large, none is after them as far as can be,
/// and the others need one result of theirs. The first `views` ops make no tensors of samples.
pub(super) fn find(draft: &Draft, views: usize) -> Option<Samples> {
    let nodes: Vec<&Node> = draft.nodes.iter().flatten().collect();
    let batch = *draft.values[*draft.inputs.first()?].shape.first()?;
    let bytes = |place: usize| draft.values[place].shape.size() * draft.values[place].dtype.size();
    let mut last_use = vec![0; draft.values.len()];
    for (i, node) in nodes.iter().enumerate() {
        node.inputs.iter().for_each(|&place| last_use[place] = i);
    }
    draft
        .outputs
        .iter()
        .for_each(|&place| last_use[place] = nodes.len());

    let mut is_shared = draft.closed.clone();
    let of_views = nodes[..views].iter().flat_map(|node| &node.outputs);
    of_views.for_each(|&place| is_shared[place] = true);
    let is_sample = |place: usize| draft.values[place].shape.first() == Some(&batch);
    let largest_after = |i: usize| nodes[i..].iter().map(|node| bytes(node.outputs[0])).max();
    let (mut open, mut largest, mut best) = (Vec::new(), 0, None);
    for (i, node) in nodes.iter().enumerate().skip(views) {
        let of_samples = samples_of(node);
        let is_apart = of_samples.is_some_and(|[first, last]| {
            let mut inputs = node.inputs.iter().enumerate();
            let fits = |(i, &place): (usize, &usize)| match i == first || i == last {
                true => is_sample(place) && !is_shared[place],
                false => is_shared[place],
            };
            inputs.all(fits) && node.outputs.iter().all(|&place| is_sample(place))
        });
        if !is_apart {
            break;
        }
        open.extend(&node.outputs);
        open.retain(|&place: &usize| last_use[place] > i);
        largest = node
            .outputs
            .iter()
            .map(|&place| bytes(place))
            .fold(largest, usize::max);
        if let [result] = open[..]
            && largest > LARGE
            && bytes(result) <= LARGE
        {
            let group = (LARGE / (largest / batch)).max(1);
            best = Some(Samples {
                group,
                batch,
                ops: i + 1,
            });
            if largest_after(i + 1).is_none_or(|bytes| bytes <= LARGE) {
                break;
            }
        }
    }
    best
}

/// Which of its inputs hold samples, for an op that makes of each sample, which the first axis counts, what it makes of it in any
/// batch.
fn samples_of(node: &Node) -> Option<[usize; 2]> {
    let works_on_samples = match &node.op {
        Op::Conv(conv) => conv.part == ConvPart::Output,
        Op::Pool(pool) => matches!(pool.part, PoolPart::Max | PoolPart::Mean),
        Op::ScaleShift(axis) => *axis > 0,
        Op::Pad(pad) => pad.before.first() == Some(&0) && pad.after.first() == Some(&0),
        Op::ConvFused(conv) if conv.has_residual => return Some([0, node.inputs.len() - 1]),
        Op::ConvChain(chain) => match &chain.links[..] {
            [.., last] if last.has_residual => return Some([0, node.inputs.len() - 1]),
            _ => true,
        },
        Op::ConvFused(_) | Op::Unary(_) | Op::Clip(_) => true,
        _ => false,
    };
    works_on_samples.then_some([0, 0])
}
