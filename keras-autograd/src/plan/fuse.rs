//! What follows a convolution or a dense layer is done by it: scale and shift of a batch normalization, bias, the sum with
//! another tensor, activation. Weights stay as they are.

use keras_tensor::op::{Binary, Clip, Conv, ConvFused, ConvPart, Fused, Unary};
use keras_tensor::{Op, Result, Shape};

use super::draft::Draft;
use crate::graph::{Node, Places};

/// A convolution or a dense layer with what follows it.
struct Producer {
    /// `None` for a dense layer.
    conv: Option<Conv>,
    activation: Fused,
    x: usize,
    kernel: usize,
    scale: Option<usize>,
    bias: Option<usize>,
    residual: Option<usize>,
}

impl Producer {
    fn of(node: &Node) -> Option<Producer> {
        let inputs = node.inputs.iter().copied();
        Some(match &node.op {
            Op::Conv(conv) if conv.part == ConvPart::Output => Producer {
                conv: Some(conv.clone()),
                activation: Fused::Linear,
                x: node.inputs[0],
                kernel: node.inputs[1],
                scale: None,
                bias: None,
                residual: None,
            },
            Op::ConvFused(fused) => {
                let given = fused.named(inputs);
                Producer {
                    conv: Some(fused.conv.clone()),
                    activation: fused.activation,
                    x: given.x,
                    kernel: given.kernel,
                    scale: given.scale,
                    bias: given.bias,
                    residual: given.residual,
                }
            }
            Op::Dense(activation) => Producer {
                conv: None,
                activation: *activation,
                x: node.inputs[0],
                kernel: node.inputs[1],
                scale: None,
                bias: node.inputs.get(2).copied(),
                residual: None,
            },
            _ => return None,
        })
    }

    fn node(self, outputs: Places) -> Node {
        let further = [self.scale, self.bias, self.residual];
        let inputs = [self.x, self.kernel].into_iter();
        let op = match self.conv {
            None => Op::Dense(self.activation),
            Some(conv) => Op::ConvFused(ConvFused {
                conv,
                activation: self.activation,
                has_scale: self.scale.is_some(),
                has_bias: self.bias.is_some(),
                has_residual: self.residual.is_some(),
            }),
        };
        Node {
            op,
            inputs: inputs.chain(further.into_iter().flatten()).collect(),
            outputs,
        }
    }

    /// Whether nothing but a scale and a bias follows so far.
    fn is_linear(&self) -> bool {
        self.activation == Fused::Linear && self.residual.is_none()
    }
}

/// Lets producers take up what follows them, until nothing more does.
pub(super) fn fuse(draft: &mut Draft) -> Result<()> {
    let (mut uses, mut makers) = (draft.uses(), draft.makers());
    for at in 0..draft.nodes.len() {
        let Some(node) = draft.nodes[at].clone() else {
            continue;
        };
        let [y] = node.outputs[..] else {
            continue;
        };
        // Of two producers the later one, so that what it is added to is there.
        let mut candidates: Vec<(usize, usize)> = node
            .inputs
            .iter()
            .enumerate()
            .filter(|&(_, &place)| uses[place] == 1)
            .filter_map(|(i, &place)| Some((makers[place]?, i)))
            .collect();
        candidates.sort_unstable_by(|a, b| b.cmp(a));
        for (maker, operand) in candidates {
            let producer = draft.nodes[maker].as_ref().and_then(Producer::of);
            let Some(producer) = producer else {
                continue;
            };
            if let Some(taken) = take_up(draft, producer, &node, operand)? {
                draft.nodes[maker] = None;
                draft.nodes[at] = Some(taken.node(node.outputs.clone()));
                makers[y] = Some(at);
                uses.resize(draft.values.len(), 0);
                makers.resize(draft.values.len(), None);
                break;
            }
        }
    }
    Ok(())
}

/// The producer of operand number `operand` with what `node` does, if it can do that.
fn take_up(
    draft: &mut Draft,
    mut producer: Producer,
    node: &Node,
    operand: usize,
) -> Result<Option<Producer>> {
    let sums = &draft.values[node.inputs[operand]];
    let y = &draft.values[node.outputs[0]];
    if sums.shape != y.shape || sums.dtype != y.dtype {
        return Ok(None);
    }
    let is_conv = producer.conv.is_some();
    let other = node.inputs.get(1 - operand.min(1)).copied();
    let is_open = other.is_some_and(|other| !draft.closed[other]);
    match (&node.op, other) {
        (Op::Unary(_) | Op::Clip(_), _) => {
            let Some(activation) = activation(producer.activation, &node.op) else {
                return Ok(None);
            };
            producer.activation = activation;
        }
        (Op::Binary(Binary::Add), Some(other)) if is_open => {
            let fits = draft.values[other].shape == y.shape;
            if !is_conv || !fits || !producer.is_linear() {
                return Ok(None);
            }
            producer.residual = Some(other);
        }
        (Op::Binary(Binary::Mul), Some(other)) if is_conv && producer.is_linear() => {
            let Some(scale) = by_filter(draft, other, node)? else {
                return Ok(None);
            };
            producer.scale = Some(product(draft, producer.scale, scale)?);
            if let Some(bias) = producer.bias {
                producer.bias = Some(product(draft, Some(bias), scale)?);
            }
        }
        (Op::Binary(function @ (Binary::Add | Binary::Sub)), Some(other))
            if producer.activation == Fused::Linear
                && (*function == Binary::Add || operand == 0) =>
        {
            let Some(shift) = by_filter(draft, other, node)? else {
                return Ok(None);
            };
            producer.bias = Some(match (producer.bias, function) {
                (Some(bias), function) => draft.ahead(Op::Binary(*function), &[bias, shift])?,
                (None, Binary::Sub) => draft.ahead(Op::Unary(Unary::Neg), &[shift])?,
                (None, _) => shift,
            });
        }
        (Op::ScaleShift(axis), _)
            if is_conv && operand == 0 && producer.is_linear() && axis + 1 == y.shape.rank() =>
        {
            let (scale, shift) = (node.inputs[1], node.inputs[2]);
            if !(draft.closed[scale] && draft.closed[shift]) {
                return Ok(None);
            }
            let bias = producer.bias.map(|bias| product(draft, Some(bias), scale));
            producer.scale = Some(product(draft, producer.scale, scale)?);
            producer.bias = Some(match bias.transpose()? {
                Some(bias) => draft.ahead(Op::Binary(Binary::Add), &[bias, shift])?,
                None => shift,
            });
        }
        _ => return Ok(None),
    }
    Ok(Some(producer))
}

/// The activation that another one and then a function are together.
fn activation(before: Fused, function: &Op) -> Option<Fused> {
    const SIX: Clip = Clip { min: 0.0, max: 6.0 };
    match (before, function) {
        (Fused::Linear, Op::Unary(Unary::Relu)) => Some(Fused::Relu),
        (Fused::Linear, Op::Unary(Unary::Sigmoid)) => Some(Fused::Sigmoid),
        (Fused::Linear, Op::Unary(Unary::Tanh)) => Some(Fused::Tanh),
        (Fused::Linear | Fused::Relu, Op::Clip(clip)) if *clip == SIX => Some(Fused::Relu6),
        _ => None,
    }
}

fn product(draft: &mut Draft, a: Option<usize>, b: usize) -> Result<usize> {
    match a {
        Some(a) => draft.ahead(Op::Binary(Binary::Mul), &[a, b]),
        None => Ok(b),
    }
}

/// A closed operand as one number for each filter, if it is that or one number for all.
fn by_filter(draft: &mut Draft, operand: usize, node: &Node) -> Result<Option<usize>> {
    let shape = draft.values[operand].shape.clone();
    let filters = *draft.values[node.outputs[0]].shape.last().unwrap_or(&0);
    let wanted = Shape::from([filters]);
    if !draft.closed[operand] {
        return Ok(None);
    }
    if shape == wanted {
        return Ok(Some(operand));
    }
    let fits = shape.size() == filters && shape.last() == Some(&filters);
    let before = draft.before_reshape(operand).filter(|_| fits);
    if let Some(before) = before.filter(|&place| draft.values[place].shape == wanted) {
        return Ok(Some(before));
    }
    if shape.size() == 1 {
        let scalar = draft.ahead(Op::Reshape(Shape::scalar()), &[operand])?;
        return draft.ahead(Op::Broadcast(wanted), &[scalar]).map(Some);
    }
    if fits {
        return draft.ahead(Op::Reshape(wanted), &[operand]).map(Some);
    }
    Ok(None)
}
